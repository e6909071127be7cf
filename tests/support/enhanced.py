"""Enhanced MR for tests: the slices of a classic series as the frames of one image."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage

from dicom_io.uids import derive

ACQUISITION_CONTRAST = {"flair": "FLUID_ATTENUATED", "t1": "T1", "t1c": "T1", "t2": "T2"}
ONLY_IN_CLASSIC = (
    *("ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "ContrastBolusAgent"),
    *("RepetitionTime", "EchoTime", "EchoTrainLength", "InversionTime", "FlipAngle"),
    *("SliceThickness", "SpacingBetweenSlices", "SliceLocation", "WindowCenter", "WindowWidth"),
    *("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "AcquisitionDate", "AcquisitionTime"),
)


def make_enhanced(slices: Sequence[Dataset], *, sequence: str, frame_order: Sequence[int] = ()) -> Dataset:
    """Return the slices of a classic series as one Enhanced MR Image (PS3.3 A.36).

    Parameters
    ----------
    frame_order
        The slice of each frame, in stored order; the order of the slices by default.
    """
    order = list(frame_order) or list(range(len(slices)))
    image = deepcopy(slices[0])
    for keyword in ONLY_IN_CLASSIC:
        if keyword in image:
            delattr(image, keyword)
    _apply(image, _attributes(image.SeriesInstanceUID, ACQUISITION_CONTRAST[sequence]))
    image.SharedFunctionalGroupsSequence = [_shared_groups(slices[0], ACQUISITION_CONTRAST[sequence])]
    image.PerFrameFunctionalGroupsSequence = [_own_groups(slices[index], index) for index in order]
    image.NumberOfFrames = len(order)
    image.PixelData = b"".join(slices[index].PixelData for index in order)
    return image


def _attributes(series_instance_uid: str, contrast: str) -> dict[str, object]:
    """Return the attributes that Enhanced MR keeps outside functional groups.

    The image is DERIVED: it was computed, and owes no account of coils and k-space (PS3.3 C.8.13.4).
    """
    organization = derive(series_instance_uid, "dimensions")
    return {
        "SOPClassUID": EnhancedMRImageStorage,
        "SOPInstanceUID": derive(series_instance_uid, "enhanced"),
        "ImageType": ["DERIVED", "PRIMARY", contrast, "NONE"],
        **_description(contrast),
        "ContentQualification": "RESEARCH",
        "ApplicableSafetyStandardAgency": "IEC",
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


def _description(contrast: str) -> dict[str, object]:
    """Return PS3.3 C.8.13.3.1, which stands in the image and in each frame."""
    return {
        "PixelPresentation": "MONOCHROME",
        "VolumetricProperties": "VOLUME",
        "VolumeBasedCalculationTechnique": "NONE",
        "ComplexImageComponent": "MAGNITUDE",
        "AcquisitionContrast": contrast,
    }


def _shared_groups(first: Dataset, contrast: str) -> Dataset:
    """Return the functional groups that all frames have in common: geometry, timing, rescale."""
    region = _item(CodeValue="12738006", CodingSchemeDesignator="SCT", CodeMeaning="Brain")
    return _groups(
        PixelMeasuresSequence=_values(first, "SliceThickness", "PixelSpacing"),
        PlaneOrientationSequence=_values(first, "ImageOrientationPatient"),
        PixelValueTransformationSequence={"RescaleIntercept": 0, "RescaleSlope": 1, "RescaleType": "US"},
        MRImageFrameTypeSequence={"FrameType": ["DERIVED", "PRIMARY", contrast, "NONE"], **_description(contrast)},
        MRTimingAndRelatedParametersSequence=_timing(first),
        MREchoSequence={"EffectiveEchoTime": float(first.EchoTime)},
        MRModifierSequence=_modifiers(first),
        FrameAnatomySequence={"FrameLaterality": "U", "AnatomicRegionSequence": [region]},
    )


def _timing(first: Dataset) -> dict[str, object]:
    kinds = ("STATIC FIELD", "RF", "GRADIENT")
    absorption = _item(SpecificAbsorptionRateDefinition="IEC_HEAD", SpecificAbsorptionRateValue=0.0)
    return {
        **_values(first, "RepetitionTime", "FlipAngle", "EchoTrainLength"),
        "RFEchoTrainLength": int(first.EchoTrainLength),
        "GradientEchoTrainLength": 0,
        "OperatingModeSequence": [_item(OperatingModeType=kind, OperatingMode="IEC_NORMAL") for kind in kinds],
        "SpecificAbsorptionRateSequence": [absorption],
    }


def _modifiers(first: Dataset) -> dict[str, object]:
    inversion = {"InversionTimes": [float(first.InversionTime)]} if "InversionTime" in first else {}
    return {
        "InversionRecovery": "YES" if inversion else "NO",
        **inversion,
        **dict.fromkeys(("T2Preparation", "ParallelAcquisition", "PartialFourier"), "NO"),
        **dict.fromkeys(("FlowCompensation", "SpatialPresaturation", "SpectrallySelectedExcitation"), "NONE"),
    }


def _own_groups(slice_: Dataset, index: int) -> Dataset:
    """Return the functional groups of one frame: its place."""
    number = index + 1
    return _groups(
        FrameContentSequence={"StackID": "1", "InStackPositionNumber": number, "DimensionIndexValues": [number]},
        PlanePositionSequence=_values(slice_, "ImagePositionPatient"),
    )


def _values(slice_: Dataset, *keywords: str) -> dict[str, Any]:
    return {keyword: slice_[keyword].value for keyword in keywords}


def _groups(**groups: Mapping[str, object]) -> Dataset:
    return _item(**{keyword: [_item(**attributes)] for keyword, attributes in groups.items()})


def _item(**attributes: object) -> Dataset:
    return _apply(Dataset(), attributes)


def _apply(dataset: Dataset, attributes: Mapping[str, object]) -> Dataset:
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset
