"""NIfTI files in and out, on the geometry that DICOM volumes have (nibabel)."""

import zlib
from math import prod
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from dicom_io.volume import Geometry
from inference.errors import UnsuitableCase

_LPS_TO_RAS = np.diag((-1.0, -1.0, 1.0, 1.0))
"""NIfTI's x and y grow to the right and to the front, DICOM's to the left and to the back."""
_UNREADABLE = (ImageFileError, HeaderDataError, OSError, ValueError, OverflowError, EOFError, zlib.error)
"""What nibabel raises where a file is damaged, or says what no file can keep."""
_MOST_VOXELS = 512**3
"""Of a volume that is read: a header may state any size, and a small compressed file may hold it."""


def read_nifti(path: Path) -> tuple[NDArray[np.float32], Geometry]:
    """Read a volume.

    Parameters
    ----------
    path
        A .nii or .nii.gz file with three axes; a fourth of length one is dropped.

    Returns
    -------
    float32 (slices, rows, columns), scaled as the header says, and where it lies (LPS, mm). The file's third axis is
    the slices, its second the rows, its first the columns.

    Raises
    ------
    UnsuitableCase
        If the file is not NIfTI, is not one volume of finite grey values, or does not say where it lies.
    """
    try:
        image: Any = nibabel.load(path)
    except _UNREADABLE as fault:
        raise UnsuitableCase(f"{path.name} cannot be read as NIfTI: {fault}") from fault
    if not isinstance(image, nibabel.Nifti1Image):
        raise UnsuitableCase(f"{path.name} is {type(image).__name__}, not NIfTI")
    array = _voxels(image, path.name)
    return array, _geometry(image, path.name)


def write_nifti(array: NDArray[np.generic], geometry: Geometry, path: Path) -> None:
    """Write a volume (slices, rows, columns), or a bool mask, as NIfTI-1; .nii.gz is compressed.

    The file holds the affine in single precision: positions come back within 1e-7 of their size. A geometry that was
    read from a file is written without any loss. The frame of reference has no place in a NIfTI file.
    """
    if array.ndim != 3:
        raise ValueError(f"a volume has three axes, not {array.ndim}")
    stored = array.astype(np.uint8) if array.dtype == np.bool_ else array
    affine = _LPS_TO_RAS @ geometry.affine[:, [2, 1, 0, 3]]
    library: Any = nibabel  # half of it is untyped
    image = library.Nifti1Image(np.ascontiguousarray(stored.T), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    library.save(image, path)


def _voxels(image: Any, name: str) -> NDArray[np.float32]:
    shape = image.shape
    if len(shape) < 3 or any(size != 1 for size in shape[3:]) or min(shape) < 1:
        raise UnsuitableCase(f"{name} has the shape {tuple(shape)}: one volume with three axes is needed")
    if prod(shape) > _MOST_VOXELS:
        raise UnsuitableCase(f"{name} has {prod(shape):,} voxels: more than {_MOST_VOXELS:,} are not read")
    if image.get_data_dtype().kind not in "iuf":
        raise UnsuitableCase(f"{name} holds {image.get_data_dtype()}, not one grey value per voxel")
    try:
        values = np.asarray(image.dataobj, dtype=np.float32).reshape(shape[:3])
    except _UNREADABLE as fault:
        raise UnsuitableCase(f"the voxels of {name} cannot be read: {fault}") from fault
    if not np.isfinite(values).all():
        raise UnsuitableCase(f"{name} holds voxels that are no numbers")
    return np.ascontiguousarray(values.T)


def _geometry(image: Any, name: str) -> Geometry:
    header = image.header
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        raise UnsuitableCase(f"{name} does not say where it lies: neither sform nor qform is set")
    matrix = _LPS_TO_RAS @ np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
        raise UnsuitableCase(f"the affine of {name} is not one of a grid")
    column, row, slice_, origin = ((float(x), float(y), float(z)) for x, y, z in matrix[:3].T)
    return Geometry(origin, column_step=column, row_step=row, slice_step=slice_)
