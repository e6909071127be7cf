"""From voxels to MR images in DICOM files, classic or Enhanced: how the phantom becomes a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage
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
    """How a series was acquired; times in ms.

    Attributes
    ----------
    more
        Further attributes of each image by keyword; they replace those written otherwise, None removes one.
    """

    series_instance_uid: str
    number: int
    description: str
    scanning_sequence: tuple[str, ...]
    repetition_time: float
    echo_time: float
    inversion_time: float | None = None
    echo_train_length: int = 1
    acquisition_contrast: str = "UNKNOWN"
    contrast_agent: str = ""
    more: Mapping[str, object] = field(default_factory=dict)


PHANTOM_SERIES: Mapping[str, Mapping[str, Any]] = {
    "flair": {
        "description": "FLAIR AX",
        "scanning_sequence": ("SE", "IR"),
        "repetition_time": 9000.0,
        "echo_time": 120.0,
        "inversion_time": 2500.0,
        "echo_train_length": 16,
        "acquisition_contrast": "FLUID_ATTENUATED",
    },
    "t1": {
        "description": "T1 AX",
        "scanning_sequence": ("SE",),
        "repetition_time": 550.0,
        "echo_time": 10.0,
        "acquisition_contrast": "T1",
    },
    "t1c": {
        "description": "T1 AX POST GD",
        "scanning_sequence": ("SE",),
        "repetition_time": 550.0,
        "echo_time": 10.0,
        "acquisition_contrast": "T1",
        "contrast_agent": "Gadobutrol",
    },
    "t2": {
        "description": "T2 AX",
        "scanning_sequence": ("SE",),
        "repetition_time": 4500.0,
        "echo_time": 100.0,
        "echo_train_length": 16,
        "acquisition_contrast": "T2",
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
    """Write a volume as one MR Image (PS3.3 A.4) per slice.

    Parameters
    ----------
    array
        (slices, rows, columns), at most 12 bits.

    Returns
    -------
    One path per slice, in the order of the slices.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _save(_classic_slice(array[index], index, geometry, study, series), folder / f"{index + 1:04d}.dcm")
        for index in range(len(array))
    ]


def write_enhanced(
    path: Path,
    array: NDArray[np.uint16],
    geometry: Geometry,
    study: StudyAttributes,
    series: SeriesAttributes,
    *,
    frame_order: Sequence[int] = (),
) -> Path:
    """Write a volume as one Enhanced MR Image (PS3.3 A.36).

    Parameters
    ----------
    frame_order
        The slice of each frame, in stored order; the order of the slices by default.
    """
    order = list(frame_order) or list(range(len(array)))
    dataset = _image(EnhancedMRImageStorage, "enhanced", geometry, study, series)
    _set_pixels(dataset, array[order])
    dataset.NumberOfFrames = len(order)
    _apply(dataset, _enhanced_attributes(series))
    dataset.SharedFunctionalGroupsSequence = [_shared_groups(geometry, series)]
    dataset.PerFrameFunctionalGroupsSequence = [_own_groups(geometry, index) for index in order]
    _apply(dataset, series.more)
    path.parent.mkdir(parents=True, exist_ok=True)
    return _save(dataset, path)


def _classic_slice(
    pixels: NDArray[np.uint16], index: int, geometry: Geometry, study: StudyAttributes, series: SeriesAttributes
) -> Dataset:
    dataset = _image(MRImageStorage, str(index), geometry, study, series)
    position = geometry.position((index, 0, 0))
    normal = np.array(geometry.slice_step) / geometry.spacing[0]
    _apply(
        dataset,
        {
            "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
            "InstanceNumber": index + 1,
            "ScanningSequence": list(series.scanning_sequence),
            "SequenceVariant": "SK" if series.echo_train_length > 1 else "NONE",
            "ScanOptions": "",
            "MRAcquisitionType": "2D",
            "RepetitionTime": _ds(series.repetition_time),
            "EchoTime": _ds(series.echo_time),
            "EchoTrainLength": series.echo_train_length,
            "InversionTime": None if series.inversion_time is None else _ds(series.inversion_time),
            "FlipAngle": _ds(90),
            "ContrastBolusAgent": series.contrast_agent or None,
            "SliceThickness": _ds(geometry.spacing[0]),
            "SpacingBetweenSlices": _ds(geometry.spacing[0]),
            "PixelSpacing": _pixel_spacing(geometry),
            "ImageOrientationPatient": _orientation(geometry),
            "ImagePositionPatient": [_ds(coordinate) for coordinate in position],
            "SliceLocation": _ds(float(normal @ position)),
        },
    )
    _set_pixels(dataset, pixels)
    _apply(dataset, series.more)
    return dataset


def _image(sop_class: str, name: str, geometry: Geometry, study: StudyAttributes, series: SeriesAttributes) -> Dataset:
    """Return what classic and Enhanced MR have in common."""
    dataset = Dataset()
    day, time = study.acquired.strftime("%Y%m%d"), study.acquired.strftime("%H%M%S")
    _apply(
        dataset,
        {
            "SpecificCharacterSet": "ISO_IR 192",
            "SOPClassUID": sop_class,
            "SOPInstanceUID": uids.derive(series.series_instance_uid, name),
            **{f"{what}Date": day for what in ("Study", "Series", "Acquisition", "Content")},
            **{f"{what}Time": time for what in ("Study", "Series", "Acquisition", "Content")},
            "AcquisitionDateTime": day + time,
            "AccessionNumber": study.accession_number,
            "Modality": "MR",
            "Manufacturer": "Glia",
            "ManufacturerModelName": "Phantom",
            "DeviceSerialNumber": "1",
            "SoftwareVersions": "1",
            "MagneticFieldStrength": _ds(1.5),
            "ReferringPhysicianName": "",
            "StudyDescription": study.description,
            "SeriesDescription": series.description,
            "ProtocolName": series.description,
            "PatientName": study.patient_name,
            "PatientID": study.patient_id,
            "PatientBirthDate": "",
            "PatientSex": "O",
            "BodyPartExamined": "BRAIN",
            "PatientPosition": "HFS",
            "StudyInstanceUID": study.study_instance_uid,
            "SeriesInstanceUID": series.series_instance_uid,
            "StudyID": "1",
            "SeriesNumber": series.number,
            "AcquisitionNumber": 1,
            "InstanceNumber": 1,
            "FrameOfReferenceUID": geometry.frame_of_reference_uid,
            "PositionReferenceIndicator": "",
        },
    )
    return dataset


def _enhanced_attributes(series: SeriesAttributes) -> dict[str, object]:
    """Return the attributes that Enhanced MR keeps outside functional groups.

    The image is DERIVED: it was computed, and so owes no account of coils and k-space (PS3.3 C.8.13.4).
    """
    organization = uids.derive(series.series_instance_uid, "dimensions")
    return {
        "ImageType": ["DERIVED", "PRIMARY", series.acquisition_contrast, "NONE"],
        **_description(series),
        "ContentQualification": "RESEARCH",
        "EchoPulseSequence": "SPIN",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "PresentationLUTShape": "IDENTITY",
        "AcquisitionContextSequence": [],
        "DimensionOrganizationSequence": [_item(DimensionOrganizationUID=organization)],
        "DimensionIndexSequence": [
            _item(
                DimensionOrganizationUID=organization,
                DimensionIndexPointer=tag_for_keyword("InStackPositionNumber"),
                FunctionalGroupPointer=tag_for_keyword("FrameContentSequence"),
            )
        ],
    }


def _description(series: SeriesAttributes) -> dict[str, object]:
    """Return PS3.3 C.8.13.3.1, which stands in the image and in each frame."""
    return {
        "PixelPresentation": "MONOCHROME",
        "VolumetricProperties": "VOLUME",
        "VolumeBasedCalculationTechnique": "NONE",
        "ComplexImageComponent": "MAGNITUDE",
        "AcquisitionContrast": series.acquisition_contrast,
    }


def _shared_groups(geometry: Geometry, series: SeriesAttributes) -> Dataset:
    """Return the functional groups that all frames have in common: geometry, timing, rescale."""
    frame_type = ["DERIVED", "PRIMARY", series.acquisition_contrast, "NONE"]
    region = _item(CodeValue="12738006", CodingSchemeDesignator="SCT", CodeMeaning="Brain")
    inversion = {} if series.inversion_time is None else {"InversionTimes": [series.inversion_time]}
    return _groups(
        PixelMeasuresSequence={
            "SliceThickness": _ds(geometry.spacing[0]),
            "PixelSpacing": _pixel_spacing(geometry),
        },
        PlaneOrientationSequence={"ImageOrientationPatient": _orientation(geometry)},
        PixelValueTransformationSequence={
            "RescaleIntercept": _ds(0),
            "RescaleSlope": _ds(1),
            "RescaleType": "US",
        },
        MRImageFrameTypeSequence={"FrameType": frame_type, **_description(series)},
        MRTimingAndRelatedParametersSequence={
            "RepetitionTime": _ds(series.repetition_time),
            "FlipAngle": _ds(90),
            "EchoTrainLength": series.echo_train_length,
        },
        MREchoSequence={"EffectiveEchoTime": series.echo_time},
        MRModifierSequence={"InversionRecovery": "YES" if inversion else "NO", **inversion},
        FrameAnatomySequence={"FrameLaterality": "U", "AnatomicRegionSequence": [region]},
    )


def _own_groups(geometry: Geometry, index: int) -> Dataset:
    """Return the functional groups of one frame: its place."""
    position = [_ds(coordinate) for coordinate in geometry.position((index, 0, 0))]
    return _groups(
        FrameContentSequence={
            "StackID": "1",
            "InStackPositionNumber": index + 1,
            "DimensionIndexValues": [index + 1],
        },
        PlanePositionSequence={"ImagePositionPatient": position},
    )


def _groups(**groups: Mapping[str, object]) -> Dataset:
    return _item(**{keyword: [_item(**attributes)] for keyword, attributes in groups.items()})


def _item(**attributes: object) -> Dataset:
    dataset = Dataset()
    _apply(dataset, attributes)
    return dataset


def _set_pixels(dataset: Dataset, pixels: NDArray[np.uint16]) -> None:
    _apply(
        dataset,
        {
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "Rows": pixels.shape[-2],
            "Columns": pixels.shape[-1],
            "BitsAllocated": 16,
            "BitsStored": 12,
            "HighBit": 11,
            "PixelRepresentation": 0,
            "WindowCenter": _ds(float(pixels.max()) / 2),
            "WindowWidth": _ds(max(float(pixels.max()), 1)),
            "PixelData": pixels.astype("<u2").tobytes(),
        },
    )


def _apply(dataset: Dataset, attributes: Mapping[str, object]) -> None:
    """Set attributes by keyword; None removes one."""
    for keyword, value in attributes.items():
        if value is not None:
            setattr(dataset, keyword, value)
        elif keyword in dataset:
            delattr(dataset, keyword)


def _save(dataset: Dataset, path: Path) -> Path:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def _orientation(geometry: Geometry) -> list[DSfloat]:
    _, row, column = geometry.spacing
    along_row, along_column = np.array(geometry.column_step) / column, np.array(geometry.row_step) / row
    return [_ds(cosine) for cosine in (*along_row, *along_column)]


def _pixel_spacing(geometry: Geometry) -> list[DSfloat]:
    return [_ds(distance) for distance in geometry.spacing[1:]]


def _ds(value: float) -> DSfloat:
    return DSfloat(round(float(value), 10), auto_format=True)
