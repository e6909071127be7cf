"""From voxels to MR images in DICOM files: how the phantom becomes a study."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import DSfloat

from dicom_io import uids
from dicom_io.phantom import Phantom
from dicom_io.volume import Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAttributes:
    """What all series of a study have in common."""

    study_instance_uid: str
    acquired: datetime
    patient_name: str = "PHANTOM^GLIA"
    patient_id: str = "PHANTOM"
    description: str = "MR BRAIN"
    accession_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAttributes:
    """How a series was acquired; times in ms."""

    series_instance_uid: str
    number: int
    description: str
    scanning_sequence: tuple[str, ...]
    repetition_time: float
    echo_time: float
    inversion_time: float | None = None
    echo_train_length: int = 1
    contrast_agent: str = ""


PHANTOM_SERIES: Mapping[str, Mapping[str, Any]] = {
    "flair": {
        "description": "FLAIR AX",
        "scanning_sequence": ("SE", "IR"),
        "repetition_time": 9000.0,
        "echo_time": 120.0,
        "inversion_time": 2500.0,
        "echo_train_length": 16,
    },
    "t1": {
        "description": "T1 AX",
        "scanning_sequence": ("SE",),
        "repetition_time": 550.0,
        "echo_time": 10.0,
    },
    "t1c": {
        "description": "T1 AX POST GD",
        "scanning_sequence": ("SE",),
        "repetition_time": 550.0,
        "echo_time": 10.0,
        "contrast_agent": "Gadobutrol",
    },
    "t2": {
        "description": "T2 AX",
        "scanning_sequence": ("SE",),
        "repetition_time": 4500.0,
        "echo_time": 100.0,
        "echo_train_length": 16,
    },
}
"""How each contrast of the phantom is acquired: the fields of `SeriesAttributes`."""


def write_phantom_study(folder: Path, phantom: Phantom, *, acquired: datetime, seed: int) -> dict[str, list[Path]]:
    """Write the phantom as a study of four classic MR series, each in a folder of its own.

    Parameters
    ----------
    seed
        Decides the UIDs: the same seed names the same study.

    Returns
    -------
    The files by sequence, from the lowest slice to the highest.
    """
    study = StudyAttributes(study_instance_uid=uids.derive("phantom study", str(seed)), acquired=acquired)
    frame_of_reference = uids.derive(study.study_instance_uid, "frame of reference")
    geometry = replace(phantom.geometry, frame_of_reference_uid=frame_of_reference)
    written = {}
    for number, (sequence, voxels) in enumerate(phantom.contrasts.items(), start=1):
        series = SeriesAttributes(
            series_instance_uid=uids.derive(study.study_instance_uid, sequence),
            number=number,
            **PHANTOM_SERIES[sequence],
        )
        stored = np.clip(np.rint(voxels), 0, 4095).astype(np.uint16)
        written[sequence] = write_classic(folder / sequence, stored, geometry, study, series)
    return written


def write_classic(
    folder: Path, array: NDArray[np.uint16], geometry: Geometry, study: StudyAttributes, series: SeriesAttributes
) -> list[Path]:
    """Write the images of `classic_slices`, a file each.

    Returns
    -------
    One path per slice, in the order of the slices.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, dataset in enumerate(classic_slices(array, geometry, study, series), start=1):
        paths.append(folder / f"{number:04d}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def classic_slices(
    array: NDArray[np.uint16], geometry: Geometry, study: StudyAttributes, series: SeriesAttributes
) -> list[Dataset]:
    """Return a volume as one MR Image (PS3.3 A.4) per slice, in the order of the slices.

    Parameters
    ----------
    array
        (slices, rows, columns), at most 12 bits.
    """
    return [_classic_slice(pixels, index, geometry, study, series) for index, pixels in enumerate(array)]


def _classic_slice(
    pixels: NDArray[np.uint16], index: int, geometry: Geometry, study: StudyAttributes, series: SeriesAttributes
) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = uids.derive(series.series_instance_uid, str(index))
    dataset.InstanceNumber = index + 1
    for attributes in (_study(study), _series(series), _place(geometry, index), _pixels(pixels)):
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
    return dataset


def _study(study: StudyAttributes) -> dict[str, object]:
    """Return who was examined, when, and by what."""
    day, time = study.acquired.strftime("%Y%m%d"), study.acquired.strftime("%H%M%S")
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        **{f"{what}Date": day for what in ("Study", "Series", "Acquisition", "Content")},
        **{f"{what}Time": time for what in ("Study", "Series", "Acquisition", "Content")},
        "AcquisitionDateTime": day + time,
        "AccessionNumber": study.accession_number,
        "Manufacturer": "Glia",
        "ManufacturerModelName": "Phantom",
        "DeviceSerialNumber": "1",
        "SoftwareVersions": "1",
        "MagneticFieldStrength": _ds(1.5),
        "ReferringPhysicianName": "",
        "StudyDescription": study.description,
        "PatientName": study.patient_name,
        "PatientID": study.patient_id,
        "PatientBirthDate": "",
        "PatientSex": "O",
        "StudyInstanceUID": study.study_instance_uid,
        "StudyID": "1",
    }


def _series(series: SeriesAttributes) -> dict[str, object]:
    """Return how the slices were acquired."""
    inversion = {} if series.inversion_time is None else {"InversionTime": _ds(series.inversion_time)}
    agent = {"ContrastBolusAgent": series.contrast_agent} if series.contrast_agent else {}
    return {
        "Modality": "MR",
        "SeriesInstanceUID": series.series_instance_uid,
        "SeriesNumber": series.number,
        "SeriesDescription": series.description,
        "ProtocolName": series.description,
        "AcquisitionNumber": 1,
        "BodyPartExamined": "BRAIN",
        "PatientPosition": "HFS",
        "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        "ScanningSequence": list(series.scanning_sequence),
        "SequenceVariant": "SK" if series.echo_train_length > 1 else "NONE",
        "ScanOptions": "",
        "MRAcquisitionType": "2D",
        "RepetitionTime": _ds(series.repetition_time),
        "EchoTime": _ds(series.echo_time),
        "EchoTrainLength": series.echo_train_length,
        "FlipAngle": _ds(90),
        **inversion,
        **agent,
    }


def _place(geometry: Geometry, index: int) -> dict[str, object]:
    """Return where a slice lies."""
    between, row, column = geometry.spacing
    position = geometry.position((index, 0, 0))
    normal = np.array(geometry.slice_step) / between
    along_row, along_column = np.array(geometry.column_step) / column, np.array(geometry.row_step) / row
    return {
        "FrameOfReferenceUID": geometry.frame_of_reference_uid,
        "PositionReferenceIndicator": "",
        "SliceThickness": _ds(between),
        "SpacingBetweenSlices": _ds(between),
        "PixelSpacing": [_ds(row), _ds(column)],
        "ImageOrientationPatient": [_ds(cosine) for cosine in (*along_row, *along_column)],
        "ImagePositionPatient": [_ds(coordinate) for coordinate in position],
        "SliceLocation": _ds(float(normal @ position)),
    }


def _pixels(pixels: NDArray[np.uint16]) -> dict[str, object]:
    """Return the stored values and how they are stored."""
    rows, columns = pixels.shape
    brightest = float(pixels.max())
    return {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "WindowCenter": _ds(brightest / 2),
        "WindowWidth": _ds(max(brightest, 1)),
        "PixelData": pixels.astype("<u2").tobytes(),
    }


def _ds(value: float) -> DSfloat:
    return DSfloat(round(float(value), 10), auto_format=True)
