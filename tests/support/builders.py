"""Small DICOM series for tests, on top of dicom_io.mr."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, RLELossless, generate_uid
from support.enhanced import make_enhanced

from dicom_io.mr import PHANTOM_SERIES, SeriesAttributes, StudyAttributes, classic_slices
from dicom_io.phantom import axial_geometry
from dicom_io.uids import derive
from dicom_io.volume import Geometry

SPACING = (5.0, 0.9, 1.1)
ACQUIRED = datetime(2026, 1, 10, 10, 15)


def make_voxels(*, shape: tuple[int, int, int] = (5, 12, 10), seed: int = 0) -> NDArray[np.uint16]:
    """Return voxels that differ everywhere, 12 bits."""
    return np.random.default_rng(seed).integers(0, 4096, shape, dtype=np.uint16)


def make_geometry(
    *, shape: tuple[int, int, int] = (5, 12, 10), spacing: tuple[float, float, float] = SPACING
) -> Geometry:
    """Return oblique axial slices with a frame of reference."""
    return replace(axial_geometry(shape, spacing), frame_of_reference_uid=derive("test frame of reference"))


def make_study(*, study_instance_uid: str = derive("test study")) -> StudyAttributes:
    """Return the attributes of a study."""
    return StudyAttributes(study_instance_uid=study_instance_uid, acquired=ACQUIRED)


def make_series(*, sequence: str = "flair", series_instance_uid: str = "") -> SeriesAttributes:
    """Return the attributes of a series."""
    return SeriesAttributes(
        series_instance_uid=series_instance_uid or derive("test series", sequence),
        number=1,
        **PHANTOM_SERIES[sequence],
    )


def make_slices(
    *,
    voxels: NDArray[np.uint16] | None = None,
    geometry: Geometry | None = None,
    sequence: str = "flair",
    series_instance_uid: str = "",
    **more: object,
) -> list[Dataset]:
    """Return the data sets of a classic MR series, from the lowest slice to the highest; ``more`` as in `set_all`."""
    voxels = make_voxels() if voxels is None else voxels
    geometry = geometry or make_geometry(shape=voxels.shape)
    series = make_series(sequence=sequence, series_instance_uid=series_instance_uid)
    slices = classic_slices(voxels, geometry, make_study(), series)
    return [set_all(dataset, **more) for dataset in slices]


def new_series(*, slices: int = 6, sequence: str = "flair", **more: object) -> list[Dataset]:
    """Return a small series that no other test has, of a patient no log may name; ``more`` as in `set_all`."""
    own = {"StudyInstanceUID": generate_uid(None), "PatientName": "Secret^Patient", "PatientID": "SECRET-1"}
    shape = (slices, 16, 16)
    return make_slices(
        voxels=make_voxels(shape=shape),
        geometry=make_geometry(shape=shape, spacing=(5.0, 1.0, 1.0)),
        sequence=sequence,
        series_instance_uid=generate_uid(None),
        **(own | more),
    )


def write_series(
    folder: Path,
    *,
    voxels: NDArray[np.uint16] | None = None,
    geometry: Geometry | None = None,
    sequence: str = "flair",
    series_instance_uid: str = "",
    **more: object,
) -> list[Path]:
    """Write the data sets of `make_slices`, a file each."""
    slices = make_slices(
        voxels=voxels, geometry=geometry, sequence=sequence, series_instance_uid=series_instance_uid, **more
    )
    return [_save(dataset, folder / f"{number:04d}.dcm") for number, dataset in enumerate(slices, start=1)]


def write_multiframe(
    path: Path,
    *,
    voxels: NDArray[np.uint16] | None = None,
    geometry: Geometry | None = None,
    sequence: str = "flair",
    frame_order: Sequence[int] = (),
    **more: object,
) -> Path:
    """Write an Enhanced MR series of a few small frames; ``more`` as in `set_all`."""
    slices = make_slices(voxels=voxels, geometry=geometry, sequence=sequence)
    enhanced = make_enhanced(slices, sequence=sequence, frame_order=frame_order)
    return _save(set_all(enhanced, **more), path)


def change(path: Path, **attributes: object) -> Path:
    """Change attributes of a file in place, as `set_all` does."""
    return _save(set_all(pydicom.dcmread(path), **attributes), path)


def set_all(dataset: Dataset, **attributes: object) -> Dataset:
    """Set attributes by keyword; None removes one."""
    for keyword, value in attributes.items():
        if value is not None:
            setattr(dataset, keyword, value)
        elif keyword in dataset:
            delattr(dataset, keyword)
    return dataset


def in_transfer_syntax(part10: bytes, *, transfer_syntax_uid: str) -> bytes:
    """Return the same instance in another transfer syntax: a native one, Deflated or RLE Lossless."""
    dataset = pydicom.dcmread(BytesIO(part10))
    if transfer_syntax_uid == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    else:
        if transfer_syntax_uid == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = transfer_syntax_uid
    written = BytesIO()
    little = transfer_syntax_uid != ExplicitVRBigEndian
    implicit = pydicom.uid.UID(transfer_syntax_uid).is_implicit_VR
    pydicom.dcmwrite(written, dataset, implicit_vr=implicit, little_endian=little, force_encoding=True)
    return written.getvalue()


def _save(dataset: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path
