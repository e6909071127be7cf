"""From files to volumes: the way in for models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from dicom_io.align import align
from dicom_io.case import Case
from dicom_io.errors import AmbiguousSeries, DicomInputError, InconsistentCase, UnreadableFile, UnsupportedPixels
from dicom_io.files import read_dataset
from dicom_io.pixels import MAX_VOXELS, fill, open_pixels
from dicom_io.stretch import InstanceFile
from dicom_io.survey import Part, Survey, survey_datasets
from dicom_io.volume import SEQUENCE_TITLES, Volume

_PIXEL_DATA = Tag("PixelData")
MAX_SERIES = 4 * MAX_VOXELS
"""The most bytes of Pixel Data that the files of a series may hold, decoded or not."""


@dataclass(frozen=True, slots=True)
class CaseInput:
    """One volume that a case is to have: what it is taken for, the files of its series, and which volume of them.

    The first of a case is its reference; an optional one is left out where it stands in the way.
    """

    sequence: str
    paths: tuple[InstanceFile, ...]
    part: str = ""
    optional: bool = False


def read_case(
    study_instance_uid: str, inputs: Sequence[CaseInput], *, other_frame: Literal["register", "refuse"]
) -> Case:
    """Read the volumes of one study; the first is the reference, on whose grid the others are brought.

    Parameters
    ----------
    other_frame
        What to do with a volume of another frame of reference.

    Raises
    ------
    DicomInputError
        When a volume that is needed cannot be read, is of another study, or does not fit the reference.
    """
    reference, *others = inputs
    volumes = {reference.sequence: _read_input(study_instance_uid, reference)}
    aligned: dict[str, NDArray[np.float32]] = {}
    notes: list[str] = []
    for wanted in others:
        if wanted.sequence in volumes:
            raise InconsistentCase(f"two volumes of the case are {wanted.sequence}")
        try:
            pair = {reference.sequence: volumes[reference.sequence]}
            pair[wanted.sequence] = _read_input(study_instance_uid, wanted)
            on_grid, said = align(pair, other_frame=other_frame)
        except DicomInputError as error:
            if not wanted.optional:
                raise
            notes.append(f"{SEQUENCE_TITLES.get(wanted.sequence, wanted.sequence)} left out: {error}")
            continue
        volumes |= pair
        aligned |= on_grid
        notes += said
    return Case(study_instance_uid, volumes, aligned, tuple(notes))


def _read_input(study_instance_uid: str, wanted: CaseInput) -> Volume:
    """Read a volume, and call it what it is taken for: its series alone may tell less than its study."""
    volume = read_volume(wanted.paths, wanted.part)
    if volume.header.study_instance_uid != study_instance_uid:
        raise InconsistentCase(
            f"the files given for {wanted.sequence} of study {study_instance_uid} are of study "
            f"{volume.header.study_instance_uid}"
        )
    return replace(volume, header=replace(volume.header, sequence=wanted.sequence))


def read_volume(paths: Sequence[InstanceFile], part: str = "", *, max_voxels: int = MAX_VOXELS) -> Volume:
    """Read one volume of a series, classic MR in many files or Enhanced MR with many frames.

    Slices are in the order of their position along the normal of the slices (row x column direction).

    Parameters
    ----------
    part
        Which volume, where the series holds several; see `Candidate.part`.
    max_voxels
        The most voxels a volume may have.

    Raises
    ------
    DicomInputError
        When the series holds no such volume; the message gives the reason and its numbers.
    AmbiguousSeries
        When it holds several and none was named.
    """
    opened = _Series(paths)
    return opened.decode(_only(opened.survey, part), max_voxels)


def read_series(paths: Sequence[InstanceFile], *, max_voxels: int = MAX_VOXELS) -> tuple[Volume, ...]:
    """Read every volume that a series holds.

    Raises
    ------
    DicomInputError
        When it holds none.
    """
    opened = _Series(paths)
    if not opened.survey.parts:
        raise opened.survey.refused[0].error
    return tuple(opened.decode(part, max_voxels) for part in opened.survey.parts)


class _Series:
    """The files of a series in memory, each read once."""

    def __init__(self, paths: Sequence[InstanceFile]) -> None:
        self._datasets: dict[InstanceFile, Dataset] = {}
        size = 0
        for path in sorted(paths):
            self._datasets[path] = read_dataset(path)
            size += _stored_bytes(self._datasets[path])
            if size > MAX_SERIES:
                raise UnreadableFile(f"the files of the series hold more than {MAX_SERIES} bytes of pixels")
        self.survey = survey_datasets(self._datasets)

    def decode(self, part: Part, max_voxels: int) -> Volume:
        """Decode a part's pixels, each file's once."""
        slices, rows, columns = part.candidate.shape
        if slices * rows * columns > max_voxels:
            raise UnsupportedPixels(f"{slices} x {rows} x {columns} voxels are more than {max_voxels}")
        pixels = {path: open_pixels(self._datasets[path], path.name, max_voxels=max_voxels) for path in _paths(part)}
        array = np.empty((slices, rows, columns), np.float32)
        fill(array, [(pixels[f.source.path], f.source.frame, f.slope, f.intercept) for f in part.frames])
        return Volume(array, part.geometry, part.header, tuple(frame.source for frame in part.frames))


def _stored_bytes(dataset: Dataset) -> int:
    pixels = dataset.get_item(_PIXEL_DATA, keep_deferred=True) if _PIXEL_DATA in dataset else None
    return len(pixels.value or b"") if pixels else 0


def _paths(part: Part) -> list[InstanceFile]:
    return list(dict.fromkeys(frame.source.path for frame in part.frames))


def _only(survey: Survey, part: str) -> Part:
    """Return the named part of a series, or its only one."""
    parts = [found for found in survey.parts if part in ("", found.candidate.part)]
    if len(parts) == 1:
        return parts[0]
    if parts:
        raise AmbiguousSeries(f"{len(parts)} volumes: {'; '.join(p.candidate.part for p in parts)}")
    refused = [found.error for found in survey.refused if part in ("", found.candidate.part)]
    raise refused[0] if refused else _no_such(survey, part)


def _no_such(survey: Survey, part: str) -> DicomInputError:
    there = "; ".join(candidate.part or "one volume" for candidate in survey.candidates)
    return AmbiguousSeries(f"the series holds no volume {part!r}: {there}")
