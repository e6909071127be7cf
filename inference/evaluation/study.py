"""A DICOM study with a true mask, a folder for each series, read for research alone (SimpleITK)."""

# SimpleITK says that it is typed, but its calls are not.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume

MASK_FOLDER = "ROI"
FOLDERS = {"flair": "FLAIR", "t1": "T1", "t1c": "T1C"}


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Series on the first one's grid, where their headers place them, and the true mask (slices, rows, columns)."""

    case: Case
    truth: NDArray[np.bool_]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Spacing in mm along (slices, rows, columns)."""
        return self.case.reference.geometry.spacing


def sequences_of(folder: Path) -> tuple[str, ...]:
    """Return which of FLAIR, T1 and T1C a study's folder has."""
    return tuple(sequence for sequence, name in FOLDERS.items() if (folder / name).is_dir())


def read_study(folder: Path, sequences: Sequence[str]) -> Study:
    """Read series ("flair", "t1", "t1c") and the mask in ``ROI``; the first is the reference.

    Raises
    ------
    FileNotFoundError
        When a series has no folder or no DICOM files in it.
    """
    images = {sequence: _read(folder / FOLDERS[sequence]) for sequence in sequences}
    reference = images[sequences[0]]
    volumes = {sequence: _volume(sequence, image) for sequence, image in images.items()}
    aligned = {
        sequence: _array(sitk.Resample(images[sequence], reference, sitk.Transform(), sitk.sitkLinear))
        for sequence in sequences[1:]
    }
    mask = sitk.Resample(_read(folder / MASK_FOLDER), reference, sitk.Transform(), sitk.sitkNearestNeighbor)
    return Study(Case("1", volumes, aligned), _array(mask) > 0.5)


def _read(folder: Path) -> sitk.Image:
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)) if folder.is_dir() else ()
    if not files:
        raise FileNotFoundError(f"no DICOM series in {folder}")
    # Without a type it takes the first slice's, and rounds the others to it.
    return sitk.ReadImage(files, sitk.sitkFloat32)


def _array(image: sitk.Image) -> NDArray[np.float32]:
    array: NDArray[np.float32] = sitk.GetArrayFromImage(image)
    return array


def _volume(sequence: str, image: sitk.Image) -> Volume:
    steps = np.asarray(image.GetDirection()).reshape(3, 3) * np.asarray(image.GetSpacing())
    array = _array(image)
    header = SeriesHeader("1", f"1.{list(FOLDERS).index(sequence) + 1}", "", "MR", sequence, "1", sequence)
    sources = tuple(SourceFrame(Path(FOLDERS[sequence]), frame, "") for frame in range(len(array)))
    origin, column, row, along = (_vector(one) for one in (image.GetOrigin(), *steps.T))
    geometry = Geometry(origin, column, row, along)
    return Volume(array, geometry, header, sources)


def _vector(values: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = values
    return float(x), float(y), float(z)
