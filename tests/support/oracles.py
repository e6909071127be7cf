"""Independent readers of the same files: SimpleITK, dcm2niix and dcmqi, and how far they are from us."""

import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name everybody knows it by
from numpy.typing import NDArray
from support.require import require_tool

from dicom_io.volume import Volume

LISTED_DCM2NIIX = "v1.0.20220720"
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What another reader makes of files.

    Attributes
    ----------
    array
        Grey values in three dimensions, along whichever axes that reader has.
    affine
        4x4: index of ``array`` -> patient position in mm, LPS.
    """

    array: NDArray[np.float64]
    affine: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """How far another reading of a volume is from ours.

    Attributes
    ----------
    kind
        "none"; else what does not fit: "shape", "place" or "grey values".
    corner_mm
        The farthest that a corner voxel of theirs lies from ours; nan where shapes differ.
    relative
        The largest difference of grey values at one place, relative to the brightest voxel; nan where places differ.
    """

    kind: str
    corner_mm: float = float("nan")
    relative: float = float("nan")


def compare(volume: Volume, other: Reading, *, tolerance_mm: float, tolerance: float) -> Difference:
    """Compare voxels at the same places of the patient, however the other reader turns and flips its array."""
    laid = laid_like(volume, other)
    if laid.array.shape != volume.array.shape:
        return Difference("shape")
    corners = np.array([(*corner, 1) for corner in product(*((0, n - 1) for n in volume.array.shape))])
    apart = float(np.linalg.norm(corners @ (laid.affine - volume.geometry.affine).T, axis=1).max())
    if apart > tolerance_mm:
        return Difference("place", apart)
    relative = float(np.abs(laid.array - volume.array).max() / np.abs(volume.array).max())
    return Difference("grey values" if relative > tolerance else "none", apart, relative)


def laid_like(volume: Volume, other: Reading) -> Reading:
    """Return the other reading with its axes along ours, in our directions; the voxels stay where they are."""
    to_theirs = np.linalg.inv(other.affine[:3, :3]) @ volume.geometry.affine[:3, :3]
    axes = np.abs(to_theirs / np.linalg.norm(to_theirs, axis=1, keepdims=True)).argmax(axis=0)
    if sorted(axes) != [0, 1, 2]:
        return other
    backward = [axis for axis in range(3) if to_theirs[axes[axis], axis] < 0]
    affine = other.affine[:, [*axes, 3]]
    for axis in backward:
        affine[:3, 3] += affine[:3, axis] * (other.array.shape[axes[axis]] - 1)
        affine[:3, axis] *= -1
    return Reading(np.flip(other.array.transpose(axes), backward), affine)


def by_simpleitk(folder: Path) -> list[Reading]:
    """Read the series of a folder as SimpleITK's series reader does, files in GDCM's order.

    Raises
    ------
    RuntimeError
        When it cannot.
    """
    readings = []
    for series in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series))
        reader.SetOutputPixelType(sitk.sitkFloat64)  # by itself it rounds all slices to the type of the first
        image = reader.Execute()
        readings.append(as_reading(image[..., 0] if image.GetDimension() == 4 else image))
    return readings


def as_reading(image: sitk.Image) -> Reading:
    """Return a SimpleITK image with its array in (z, y, x) order."""
    affine = np.eye(4)
    directions = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, :3] = directions[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return Reading(sitk.GetArrayFromImage(image).astype(np.float64), affine)


def is_listed_dcm2niix() -> bool:
    """Whether the dcm2niix at hand is the version whose differences the tests list; another may have mended some."""
    done = subprocess.run([require_tool("dcm2niix"), "--version"], capture_output=True, text=True, check=False)
    return LISTED_DCM2NIIX in done.stdout


def by_dcm2niix(folder: Path, target: Path) -> list[Reading]:
    """Read the files of a folder as dcm2niix converts them: unrotated, uncropped, with the standard's rescale.

    None where it cannot; the volumes of one series in four dimensions are listed one by one.
    """
    target.mkdir()
    options = ["-b", "n", "-z", "n", "-x", "i", "-p", "n", "-f", "image", "-o", str(target), str(folder)]
    subprocess.run(
        [require_tool("dcm2niix"), *options], capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=120
    )
    readings = []
    for image in map(nibabel.load, sorted(target.glob("*.nii"))):
        values = np.asarray(image.dataobj, np.float64)
        volumes = values.reshape(*values.shape[:3], -1)
        readings += [Reading(volumes[..., n], _RAS_TO_LPS @ image.affine) for n in range(volumes.shape[3])]
    return readings


def by_dcmqi(seg: Path, target: Path) -> list[Reading]:
    """Read a SEG as dcmqi's segimage2itkimage does: one image per segment.

    Raises
    ------
    AssertionError
        When it cannot, with its own words.
    """
    target.mkdir()
    program = require_tool(str(Path(sysconfig.get_path("platlib"), "dcmqi", "bin", "segimage2itkimage")))
    options = ["--inputDICOM", str(seg), "--outputDirectory", str(target), "--outputType", "nrrd"]
    done = subprocess.run([program, *options], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return [as_reading(sitk.ReadImage(str(path))) for path in sorted(target.glob("*.nrrd"))]


def alone(paths: Sequence[Path], folder: Path) -> Path:
    """Copy files into a folder of their own: these readers take folders."""
    folder.mkdir(parents=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)
    return folder
