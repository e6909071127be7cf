"""Volumes of one study on one grid: resampled by their geometry, or registered where they share no coordinates."""

# SimpleITK says that it is typed, but its calls are not.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Mapping
from itertools import product
from typing import Literal

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name all of its documentation uses
from numpy.typing import NDArray

from dicom_io.errors import InconsistentCase
from dicom_io.registration import LEAST_OVERLAP, Rigid, direction_of, head, image_of, register, values_at
from dicom_io.volume import SEQUENCE_TITLES, Geometry, Volume

_SAME_GRID_MM = 1e-3
_MUCH_COARSER = 1.25
_FWHM_PER_SIGMA = 2.3548


def align(
    volumes: Mapping[str, Volume], *, other_frame: Literal["register", "refuse"]
) -> tuple[Mapping[str, NDArray[np.float32]], tuple[str, ...]]:
    """Bring every volume but the first onto the grid of the first.

    Volumes of one Frame of Reference are resampled by their positions alone: a patient who moved in between is not
    corrected for.

    Parameters
    ----------
    volumes
        By MR sequence, the reference first.
    other_frame
        What to do where Frames of Reference differ or are not told.

    Returns
    -------
    aligned, notes
        Voxels by sequence, float32 (slices, rows, columns) of the reference; a sentence for each registration.

    Raises
    ------
    InconsistentCase
        When frames differ and the setting refuses, no plausible registration is found, or volumes hardly overlap.
    """
    (first, reference), *others = volumes.items()
    aligned: dict[str, NDArray[np.float32]] = {}
    notes = []
    for sequence, moving in others:
        pair = f"{_named(sequence, moving)} and {_named(first, reference)}"
        found = None
        if _one_frame(moving, reference):
            _check_coverage(moving, reference, pair)
        elif other_frame == "register":
            found = _registered(moving, reference, pair)
            motion = f"moved {found.translation_mm:.1f} mm, turned {found.rotation_degrees:.1f} degrees"
            notes.append(f"{_title(sequence)} registered to {_title(first)}: {motion}")
        else:
            frames = [volume.geometry.frame_of_reference_uid or "none" for volume in (moving, reference)]
            raise InconsistentCase(f"{pair} have the Frames of Reference {' and '.join(frames)}: not registered")
        aligned[sequence] = to_grid(moving, reference, found)
    return aligned, tuple(notes)


def to_grid(moving: Volume, reference: Volume, transform: Rigid | None = None) -> NDArray[np.float32]:
    """Resample a volume linearly onto the grid of another, at patient positions.

    Along axes where the reference's voxels are much the larger, each value is an average over the voxel and not a
    point: Gaussian weights of the width that takes the moving volume's voxels to the reference's (Cardoso et al. 2015,
    "Scale factor point spread function matching", MICCAI).

    Parameters
    ----------
    transform
        Where coordinates are not shared: positions in the reference -> positions in the moving volume.

    Returns
    -------
    NDArray
        float32 (slices, rows, columns) of the reference, read-only. Where half of a voxel or more lies outside the
        moving volume: that volume's minimum. The very voxels of the moving volume where the grids are the same.
    """
    if transform is None and _same_grid(moving, reference):
        return moving.array
    image = image_of(moving)
    total, weights = np.zeros((2, *reference.array.shape), np.float32)
    for offset, weight in _footprint(moving.geometry, reference.geometry, transform):
        sampled = _sampled(image, reference, transform, offset)
        inside = ~np.isnan(sampled)
        np.add(total, np.float32(weight) * sampled, out=total, where=inside)
        np.add(weights, np.float32(weight), out=weights, where=inside)
    array: NDArray[np.float32] = np.full(total.shape, moving.array.min(), np.float32)
    np.divide(total, weights, out=array, where=weights > 0.5)
    array.setflags(write=False)
    return array


def _footprint(
    moving: Geometry, reference: Geometry, transform: Rigid | None
) -> list[tuple[NDArray[np.float64], float]]:
    """Return points in mm about a reference voxel's centre that make up its value, with weights that add up to 1."""
    edges = moving.affine[:3, :3] if transform is None else transform.rotation.T @ moving.affine[:3, :3]
    axes = []
    for step, size in zip(reference.affine[:3, :3].T, reference.spacing, strict=True):
        finer = float(np.linalg.norm(step / size @ edges))
        if size < _MUCH_COARSER * finer:
            axes.append([(0.0 * step, 1.0)])
            continue
        sigma = float(np.sqrt(size**2 - finer**2)) / _FWHM_PER_SIGMA
        half = max(1, round(2 * sigma / finer))
        places = np.linspace(-2 * sigma, 2 * sigma, 2 * half + 1)
        weights = np.exp(-0.5 * (places / sigma) ** 2)
        axes.append([(p * step / size, float(w)) for p, w in zip(places, weights / weights.sum(), strict=True)])
    return [(a + b + c, u * v * w) for (a, u), (b, v), (c, w) in product(*axes)]


def _sampled(
    image: sitk.Image, reference: Volume, transform: Rigid | None, offset: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return an image at the reference's positions plus an offset in mm; NaN outside of the image."""
    grid = reference.geometry
    sampler = sitk.ResampleImageFilter()
    sampler.SetSize(reference.array.shape[::-1])
    sampler.SetOutputSpacing(grid.spacing[::-1])
    sampler.SetOutputDirection(direction_of(grid))
    sampler.SetOutputOrigin(np.add(grid.origin, offset).tolist())
    sampler.SetInterpolator(sitk.sitkLinear)
    sampler.SetDefaultPixelValue(float("nan"))
    if transform is not None:
        sampler.SetTransform(transform.transform())
    sampled: NDArray[np.float32] = sitk.GetArrayFromImage(sampler.Execute(image))
    return sampled


def _same_grid(one: Volume, other: Volume) -> bool:
    """Tell whether all voxels lie at the same places."""
    if one.array.shape != other.array.shape:
        return False
    corners = np.array([*product(*((0, n - 1) for n in one.array.shape)), (0, 0, 0)])
    apart = (one.geometry.affine - other.geometry.affine)[:3]
    return bool(np.abs(corners @ apart[:, :3].T + apart[:, 3]).max() < _SAME_GRID_MM)


def _one_frame(one: Volume, other: Volume) -> bool:
    frame = one.geometry.frame_of_reference_uid
    return bool(frame) and frame == other.geometry.frame_of_reference_uid


def _check_coverage(moving: Volume, reference: Volume, pair: str) -> None:
    """Refuse a volume that leaves out more than half of the reference's head."""
    covered = 1.0 - float(np.isnan(values_at(moving, head(reference))).mean())
    if covered < LEAST_OVERLAP:
        raise InconsistentCase(
            f"{pair} hardly overlap: {covered:.0%} of the head in the latter lies within the former, at least "
            f"{LEAST_OVERLAP:.0%} are needed"
        )


def _registered(moving: Volume, reference: Volume, pair: str) -> Rigid:
    try:
        return register(moving, reference)
    except InconsistentCase as error:
        raise InconsistentCase(f"{pair} have no common Frame of Reference, and {error}") from error


def _title(sequence: str) -> str:
    return SEQUENCE_TITLES.get(sequence, sequence.upper())


def _named(sequence: str, volume: Volume) -> str:
    header = volume.header
    known = (header.series_number, header.series_description, header.part)
    return f"{_title(sequence)} (series {' '.join(filter(None, known)) or header.series_instance_uid})"
