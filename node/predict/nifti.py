"""A NIfTI file, or a folder with one per contrast -> questions to models."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from db.records import JobInput
from dicom_io import uids
from dicom_io.align import align
from dicom_io.candidate import Candidate
from dicom_io.case import Case
from dicom_io.errors import DicomInputError
from dicom_io.turn import view_of
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.errors import UnsuitableCase
from inference.preprocess.nifti import read_nifti
from node.decision import Need
from node.plan import plan
from node.predict.contrast import contrast_said, is_drawing, sequence_of, told_by_user
from node.predict.dicom import newest
from node.predict.errors import InputRefused
from node.predict.material import Kind, Material, questions_of, unasked_of

_LEAST_SLICES, _LEAST_SIDE = 3, 32
_SAME_GRID_MM = 1e-3
_PLANES = ("sagittal", "coronal", "axial")


def nifti_material(
    path: Path,
    files: Sequence[Path],
    needs: Sequence[Need],
    given: Sequence[str],
    other_frame: Literal["register", "refuse"],
) -> Material:
    """Plan what models are asked about files, which are taken for contrasts of one head.

    Parameters
    ----------
    path
        What the user named: the file, or the folder of the files.
    given
        ``--sequence``, as the user wrote it.

    Raises
    ------
    InputRefused
        When a file is no volume, it is not told what it shows, or no model is asked.
    """
    told = told_by_user(given, [file.name for file in files])
    chosen, aside = _contrasts(files, told)
    volumes = {sequence: _volume(path, file, sequence) for sequence, file in chosen.items()}
    planned = plan([_candidate(volume) for volume in volumes.values()], needs, clock=None)
    at = newest(files)
    questions = questions_of(path.name, planned, lambda _: at, _reading(path, volumes, other_frame))
    unasked = unasked_of(path.name, planned)
    if not questions:
        reasons = "; ".join(f"{one.model} {one.reason}" for one in unasked)
        there = ", ".join(f"{file.name} as {sequence}" for sequence, file in chosen.items())
        raise InputRefused(f"no model can be asked about {there}: {reasons}")
    return Material(Kind.NIFTI, tuple(questions), tuple(unasked), aside)


def _contrasts(files: Sequence[Path], told: dict[str, str]) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Return the file of each sequence, and what is said of files that are none; one file alone has to be one."""
    if len(files) == 1:
        return {sequence_of(files[0], told): files[0]}, ()
    found: dict[str, Path] = {}
    aside = []
    for file in files:
        sequence = told.get(file.name) or (None if is_drawing(file.name) else contrast_said(file.name))
        if sequence is None:
            why = "a mask, by its name" if is_drawing(file.name) else "its name tells no contrast (--sequence FILE=t1)"
            aside.append(f"{file.name} is not used: {why}")
        elif sequence in found:
            raise InputRefused(f"{found[sequence].name} and {file.name} are both {sequence}, give the one to be used")
        else:
            found[sequence] = file
    if not found:
        raise InputRefused(
            f"none of {', '.join(file.name for file in files)} tells its contrast by its name, "
            "call them flair, t1, t1c or t2, or say so with --sequence FILE=flair"
        )
    return found, tuple(aside)


def _volume(path: Path, file: Path, sequence: str) -> Volume:
    try:
        array, geometry = read_nifti(file)
    except UnsuitableCase as error:
        raise InputRefused(str(error)) from error
    except (MemoryError, OverflowError) as error:
        raise InputRefused(f"{file.name} says that it holds more voxels than there is memory for") from error
    slices, *sides = array.shape
    if slices < _LEAST_SLICES or min(sides) < _LEAST_SIDE:
        size = " x ".join(map(str, (slices, *sides)))
        raise InputRefused(
            f"{file.name} is of {size} voxels, at least {_LEAST_SLICES} x {_LEAST_SIDE} x {_LEAST_SIDE} are needed"
        )
    if float(array.min()) == float(array.max()):
        raise InputRefused(f"{file.name} has the same value in every voxel, there is nothing to see in it")
    study = uids.derive("glia predict", path.name)
    header = SeriesHeader(study, uids.derive(study, file.name), "", "MR", file.name, "", sequence)
    return Volume(array, geometry, header, tuple(SourceFrame(file, slice_, "") for slice_ in range(slices)))


def _candidate(volume: Volume) -> Candidate:
    shape, header = volume.array.shape, volume.header
    return Candidate(
        series_instance_uid=header.series_instance_uid,
        part=header.series_description,  # what it is called; as a description it would be asked for its sequence again
        sequence=header.sequence,
        confidence=1.0,
        plane=_PLANES[view_of(volume.geometry).axis],
        shape=(shape[0], shape[1], shape[2]),
        spacing=volume.geometry.spacing,
    )


def _reading(
    path: Path, volumes: dict[str, Volume], other_frame: Literal["register", "refuse"]
) -> Callable[[tuple[JobInput, ...], str], Case]:
    def read(inputs: tuple[JobInput, ...], _model: str) -> Case:
        used = {one.sequence: volumes[one.sequence] for one in inputs}
        reference, *others = used.values()
        if all(_same_grid(reference, other) for other in others):  # else nothing says that they share coordinates
            frame = uids.derive("glia predict", path.name, "frame of reference")
            used = {sequence: _in_frame(volume, frame) for sequence, volume in used.items()}
        try:
            aligned, notes = align(used, other_frame=other_frame)
        except DicomInputError as error:
            raise InputRefused(str(error)) from error
        return Case(reference.header.study_instance_uid, used, aligned, notes)

    return read


def _same_grid(one: Volume, other: Volume) -> bool:
    apart = np.abs(_corners(one.geometry, one.array.shape) - _corners(other.geometry, other.array.shape))
    return one.array.shape == other.array.shape and float(apart.max()) < _SAME_GRID_MM


def _corners(geometry: Geometry, shape: tuple[int, ...]) -> np.ndarray:
    ends = [(0.0, float(size - 1)) for size in shape]
    return np.array([geometry.position((k, j, i)) for k in ends[0] for j in ends[1] for i in ends[2]])


def _in_frame(volume: Volume, frame: str) -> Volume:
    return replace(volume, geometry=replace(volume.geometry, frame_of_reference_uid=frame))
