"""Small oblique source series with a known geometry, as files and as the volume they stand for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Mask, Score, Segment
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume

SHAPE = (5, 12, 16)
STUDY = "1.2.826.0.1.3680043.8.498.1"
FRAME_OF_REFERENCE = "1.2.826.0.1.3680043.8.498.2"
ORIGIN = np.array([-31.0, 12.5, -40.25])
ROW_DIRECTION = np.array([0.8, 0.6, 0.0])
COLUMN_DIRECTION = np.array([-0.36, 0.48, -0.8])
SPACING = (5.0, 0.75, 0.5)  # slice, row, column
NORMAL = np.cross(ROW_DIRECTION, COLUMN_DIRECTION)
SCATTERED = (3, 0, 4, 1, 2)

Edit = Callable[[Dataset], None]


def as_is(_: Dataset) -> None:
    """Leave a header as it is."""


def position(slice_: int) -> list[float]:
    """Image Position (Patient) of a slice."""
    return [round(float(x), 6) for x in ORIGIN + slice_ * SPACING[0] * NORMAL]


def classic_volume(
    folder: Path,
    shape: tuple[int, int, int] = SHAPE,
    edit: Edit = as_is,
    frame_of_reference: str = FRAME_OF_REFERENCE,
    number: int = 10,
) -> Volume:
    """Write one MR image per slice; ``edit`` makes each header odd before it is written."""
    sources = []
    for slice_ in range(shape[0]):
        header = _header(MRImageStorage, f"{STUDY}.{number}", f"{STUDY}.{number}.{slice_}", shape)
        header.ImagePositionPatient = position(slice_)
        header.ImageOrientationPatient = [*ROW_DIRECTION, *COLUMN_DIRECTION]
        header.PixelSpacing, header.SliceThickness = list(SPACING[1:]), 4.0
        edit(header)
        path = _write(header, folder / f"{number}_{shape[0] - slice_}.dcm")
        sources.append(SourceFrame(path, 0, f"{STUDY}.{number}.{slice_}"))
    return _volume(shape, sources, MRImageStorage, f"{STUDY}.{number}", frame_of_reference)


def enhanced_volume(
    folder: Path, order: tuple[int, ...] = SCATTERED, edit: Edit = as_is, *, all_per_frame: bool = False
) -> Volume:
    """Write one Enhanced MR image; slice k of the volume is its frame ``order[k]`` (0-based)."""
    header = _header(EnhancedMRImageStorage, f"{STUDY}.20", f"{STUDY}.20.1", SHAPE)
    header.NumberOfFrames = max(order) + 1
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [*ROW_DIRECTION, *COLUMN_DIRECTION]
    measures.PixelSpacing, measures.SliceThickness = list(SPACING[1:]), 4.0
    frames = [_at(99) for _ in range(max(order) + 1)]
    for slice_, frame in enumerate(order):
        frames[frame] = _at(slice_)
    for group in frames if all_per_frame else [shared]:
        group.PlaneOrientationSequence, group.PixelMeasuresSequence = [orientation], [measures]
    header.SharedFunctionalGroupsSequence, header.PerFrameFunctionalGroupsSequence = [shared], frames
    edit(header)
    path = _write(header, folder / "enhanced.dcm")
    sources = [SourceFrame(path, frame, f"{STUDY}.20.1") for frame in order]
    return _volume(SHAPE, sources, EnhancedMRImageStorage, f"{STUDY}.20", FRAME_OF_REFERENCE)


def lopsided(shape: tuple[int, int, int] = SHAPE) -> NDArray[np.uint8]:
    """Return a mask on two inner slices that no mirroring, shift or turn maps onto itself."""
    array = np.zeros(shape, np.uint8)
    array[1, 2:9, 3:5] = 1
    array[1, 7:9, 3:10] = 1
    array[3, 3:5, 4:6] = 1
    return array


def mask_findings(volume: Volume, array: NDArray[np.uint8]) -> Findings:
    """What a segmentation model says of a volume."""
    series, found = volume.header.series_instance_uid, bool(array.any())
    return Findings(
        algorithm=Algorithm("segment_unet2d", "0.1", "3f9c2a11" * 8),
        task="segmentation",
        series_instance_uid=series,
        present=found,
        scores=(Score("flair_abnormality", 0.934 if found else 0.121),),
        mask=Mask(array, (Segment(1, "flair_abnormality"),), series),
        summary="FLAIR abnormality on 2 slices" if found else "No FLAIR abnormality found",
    )


def class_findings(volume: Volume, *, no_tumour: float = 0.02) -> Findings:
    """What a classification model says of a volume."""
    rest = 1.0 - no_tumour
    shares = {"glioma": 0.25 * rest, "meningioma": 0.7 * rest, "no_tumour": no_tumour, "pituitary": 0.05 * rest}
    return Findings(
        algorithm=Algorithm("classify_efficientnetb0", "0.1", "77aa0c19" * 8),
        task="classification",
        series_instance_uid=volume.header.series_instance_uid,
        present=no_tumour < 0.5,
        scores=tuple(Score(label, value) for label, value in shares.items()),
        mask=None,
        summary="meningioma is the likeliest tumour type" if no_tumour < 0.5 else "No tumour found",
    )


def case_of(*volumes: Volume) -> Case:
    """Return a case of these volumes, the first as FLAIR."""
    return Case(STUDY, dict(zip(("flair", "t1"), volumes, strict=False)))


def _at(slice_: int) -> Dataset:
    plane, group = Dataset(), Dataset()
    plane.ImagePositionPatient = position(slice_)
    group.PlanePositionSequence = [plane]
    return group


def _header(sop_class_uid: str, series_uid: str, sop_instance_uid: str, shape: tuple[int, int, int]) -> Dataset:
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = sop_class_uid, sop_instance_uid
    header.StudyInstanceUID, header.SeriesInstanceUID = STUDY, series_uid
    header.FrameOfReferenceUID, header.PositionReferenceIndicator = FRAME_OF_REFERENCE, ""
    header.Modality, header.Manufacturer, header.InstanceNumber = "MR", "Scanner Works", 1
    header.PatientName, header.PatientID, header.PatientSex = "Phantom^Test", "P-1", "F"
    header.PatientBirthDate, header.StudyDate, header.StudyTime = "19700101", "20260102", "101112"
    header.StudyID, header.AccessionNumber, header.ReferringPhysicianName = "7", "A1", ""
    header.Rows, header.Columns = shape[1:]
    return header


def _write(header: Dataset, path: Path) -> Path:
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)
    return path


def _volume(
    shape: tuple[int, int, int],
    sources: list[SourceFrame],
    sop_class_uid: str,
    series_uid: str,
    frame_of_reference: str,
) -> Volume:
    def step(direction: NDArray[np.float64], length: float) -> tuple[float, float, float]:
        x, y, z = direction * length
        return float(x), float(y), float(z)

    return Volume(
        array=np.zeros(shape, np.float32),
        geometry=Geometry(
            origin=step(ORIGIN, 1.0),
            column_step=step(ROW_DIRECTION, SPACING[2]),
            row_step=step(COLUMN_DIRECTION, SPACING[1]),
            slice_step=step(NORMAL, SPACING[0]),
            frame_of_reference_uid=frame_of_reference,
        ),
        header=SeriesHeader(STUDY, series_uid, sop_class_uid, "MR", "FLAIR", "3", "flair"),
        sources=tuple(sources),
    )
