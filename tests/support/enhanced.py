"""Enhanced MR for tests: the slices of classic series as the frames of one image.

Both functions take classic data sets, of one volume or of several, and put them in any order. What is equal in all
slices becomes a shared functional group, what differs a group of each frame. So two echoes in one object are

    make_enhanced([*make_slices(EchoTime=20.0), *make_slices(EchoTime=90.0)], sequence="t2", frame_order=...)

and rescale per frame, several inversion times or orientations are made the same way, each under its classic keyword:
RescaleSlope, RescaleIntercept, EchoTime, RepetitionTime, InversionTime, FlipAngle, DiffusionBValue, PixelSpacing,
ImageOrientationPatient. What classic MR has no keyword for is set on the slices under Enhanced MR's own:

    StackID="2"                                             several stacks; In-Stack Position Number follows by itself
    TemporalPositionIndex=2                                 time points
    FrameAcquisitionDateTime="20260110101530"               and their times
    ComplexImageComponent, FrameType, NominalCardiacTriggerDelayTime
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import highdicom as hd
import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage

from dicom_io.uids import derive

ACQUISITION_CONTRAST = {"flair": "FLUID_ATTENUATED", "t1": "T1", "t1c": "T1", "t2": "T2"}
FRAME_CONTENT = ("StackID", "TemporalPositionIndex", "FrameAcquisitionDateTime", "FrameAcquisitionNumber")
ONLY_IN_FRAMES = (
    *("ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "ContrastBolusAgent"),
    *("RepetitionTime", "EchoTime", "EchoTrainLength", "InversionTime", "FlipAngle", "DiffusionBValue"),
    *("SliceThickness", "SpacingBetweenSlices", "SliceLocation", "WindowCenter", "WindowWidth"),
    *("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient", "AcquisitionDate", "AcquisitionTime"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "TemporalPositionIdentifier", "EchoNumbers"),
    *(*FRAME_CONTENT, "FrameType", "NominalCardiacTriggerDelayTime"),
)
DIMENSIONS = {  # pointer -> its functional group; an index for each in which the frames differ
    "StackID": "FrameContentSequence",
    "InStackPositionNumber": "FrameContentSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "DiffusionBValue": "MRDiffusionSequence",
    "EffectiveEchoTime": "MREchoSequence",
}
Values = Mapping[str, object]


def make_enhanced(slices: Sequence[Dataset], *, sequence: str, frame_order: Sequence[int] = ()) -> Dataset:
    """Return the slices of one or more classic volumes as one Enhanced MR Image (PS3.3 A.36).

    Parameters
    ----------
    sequence
        "flair", "t1", "t1c" or "t2"; decides Acquisition Contrast.
    frame_order
        The slice of each frame, in stored order; the order of the slices by default. It may leave slices out.
    """
    contrast = ACQUISITION_CONTRAST[sequence]
    order = list(frame_order) or list(range(len(slices)))
    places = [_Place(slices, slice_) for slice_ in slices]
    image = deepcopy(slices[0])
    for keyword in ONLY_IN_FRAMES:
        if keyword in image:
            delattr(image, keyword)
    shared, own = Dataset(), [Dataset() for _ in order]
    for group, read in _GROUPS.items():
        values = [read(slices[index], contrast) for index in order]
        targets = [shared] if all(value == values[0] for value in values) else own
        for target, value in zip(targets, values, strict=False):
            if value:
                setattr(target, group, [_item(**value)])
    dimensions = {pointer: kinds for pointer in DIMENSIONS if (kinds := _kinds(places, pointer))}
    for index, target in zip(order, own, strict=True):
        target.FrameContentSequence = [_item(**places[index].content(dimensions))]
        target.PlanePositionSequence = [_item(ImagePositionPatient=slices[index].ImagePositionPatient)]
    _apply(image, _attributes(image.SeriesInstanceUID, contrast, dimensions))
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = own
    image.NumberOfFrames = len(order)
    image.PixelData = b"".join(slices[index].PixelData for index in order)
    return image


def make_legacy_converted(slices: Sequence[Dataset], *, frame_order: Sequence[int] = ()) -> Dataset:
    """Return the slices as highdicom converts them to one Legacy Converted Enhanced MR Image (PS3.3 A.70).

    Timing stays in Unassigned Shared and Unassigned Per-Frame Converted Attributes; parameters as in `make_enhanced`.
    """
    frames = [deepcopy(slices[index]) for index in frame_order or range(len(slices))]
    for number, frame in enumerate(frames):
        frame.SOPInstanceUID = derive("converted", str(number))
        frame.InstanceNumber = number + 1
    series = slices[0].SeriesInstanceUID
    image = hd.legacy.LegacyConvertedEnhancedMRImage(frames, derive(series, "legacy"), 1, derive(series, "image"), 1)
    image.SeriesDescription = slices[0].SeriesDescription
    # highdicom has sorted the frames.
    groups = list(image.PerFrameFunctionalGroupsSequence)
    found = [group.ConversionSourceAttributesSequence[0].ReferencedSOPInstanceUID for group in groups]
    image.PerFrameFunctionalGroupsSequence = [groups[found.index(frame.SOPInstanceUID)] for frame in frames]
    image.PixelData = b"".join(frame.PixelData for frame in frames)
    return image


class _Place:
    """A slice among the others: which one of its stack, and what Enhanced MR calls it."""

    def __init__(self, slices: Sequence[Dataset], slice_: Dataset) -> None:
        stack = slice_.get("StackID", "1")
        heights = {_height(slice_, other) for other in slices if other.get("StackID", "1") == stack}
        self._content = {
            "StackID": stack,
            "InStackPositionNumber": 1 + sorted(heights).index(_height(slice_, slice_)),
            **{keyword: slice_[keyword].value for keyword in FRAME_CONTENT if keyword in slice_},
        }
        self._others = {"EffectiveEchoTime": float(slice_.EchoTime), **_diffusion(slice_)}

    def value(self, pointer: str) -> object:
        return (self._others | self._content).get(pointer)

    def content(self, dimensions: Mapping[str, Sequence[object]]) -> dict[str, object]:
        """Return Frame Content: which frame of which stack, when, and its place along each dimension."""
        return {
            **self._content,
            "DimensionIndexValues": [1 + kinds.index(self.value(pointer)) for pointer, kinds in dimensions.items()],
        }


def _height(slice_: Dataset, other: Dataset) -> float:
    along_row, along_column = np.array(slice_.ImageOrientationPatient, float).reshape(2, 3)
    return round(float(np.cross(along_row, along_column) @ np.array(other.ImagePositionPatient, float)), 3)


def _kinds(places: Sequence[_Place], pointer: str) -> list[object]:
    """Return the values of a dimension in order; none where it is no dimension."""
    found = {place.value(pointer) for place in places}
    return sorted(found, key=lambda v: (v is not None, v)) if len(found) > 1 else []  # type: ignore[arg-type]


def _attributes(series_instance_uid: str, contrast: str, dimensions: Mapping[str, object]) -> dict[str, object]:
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
                DimensionIndexPointer=tag_for_keyword(pointer),
                FunctionalGroupPointer=tag_for_keyword(DIMENSIONS[pointer]),
            )
            for pointer in dimensions
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


def _frame_type(slice_: Dataset, contrast: str) -> dict[str, object]:
    frame_type = ["DERIVED", "PRIMARY", contrast, "NONE"]
    return {"FrameType": frame_type, **_description(contrast), **_values(slice_, "FrameType", "ComplexImageComponent")}


def _rescale(slice_: Dataset) -> dict[str, object]:
    default = {"RescaleIntercept": 0, "RescaleSlope": 1, "RescaleType": "US"}
    return {**default, **_values(slice_, *default)}


def _timing(slice_: Dataset) -> dict[str, object]:
    kinds = ("STATIC FIELD", "RF", "GRADIENT")
    absorption = _item(SpecificAbsorptionRateDefinition="IEC_HEAD", SpecificAbsorptionRateValue=0.0)
    return {
        **_values(slice_, "RepetitionTime", "FlipAngle", "EchoTrainLength"),
        "RFEchoTrainLength": int(slice_.EchoTrainLength),
        "GradientEchoTrainLength": 0,
        "OperatingModeSequence": [_item(OperatingModeType=kind, OperatingMode="IEC_NORMAL") for kind in kinds],
        "SpecificAbsorptionRateSequence": [absorption],
    }


def _modifiers(slice_: Dataset) -> dict[str, object]:
    inversion = {"InversionTimes": [float(slice_.InversionTime)]} if "InversionTime" in slice_ else {}
    return {
        "InversionRecovery": "YES" if inversion else "NO",
        **inversion,
        **dict.fromkeys(("T2Preparation", "ParallelAcquisition", "PartialFourier"), "NO"),
        **dict.fromkeys(("FlowCompensation", "SpatialPresaturation", "SpectrallySelectedExcitation"), "NONE"),
    }


def _diffusion(slice_: Dataset) -> dict[str, object]:
    b_value = _values(slice_, "DiffusionBValue")
    return {**b_value, "DiffusionDirectionality": "ISOTROPIC" if any(b_value.values()) else "NONE"} if b_value else {}


def _anatomy(_: Dataset) -> dict[str, object]:
    region = _item(CodeValue="12738006", CodingSchemeDesignator="SCT", CodeMeaning="Brain")
    return {"FrameLaterality": "U", "AnatomicRegionSequence": [region]}


_GROUPS: Mapping[str, Callable[[Dataset, str], Values]] = {
    "PixelMeasuresSequence": lambda slice_, _: _values(slice_, "SliceThickness", "PixelSpacing"),
    "PlaneOrientationSequence": lambda slice_, _: _values(slice_, "ImageOrientationPatient"),
    "PixelValueTransformationSequence": lambda slice_, _: _rescale(slice_),
    "MRImageFrameTypeSequence": _frame_type,
    "MRTimingAndRelatedParametersSequence": lambda slice_, _: _timing(slice_),
    "MREchoSequence": lambda slice_, _: {"EffectiveEchoTime": float(slice_.EchoTime)},
    "MRModifierSequence": lambda slice_, _: _modifiers(slice_),
    "MRDiffusionSequence": lambda slice_, _: _diffusion(slice_),
    "CardiacSynchronizationSequence": lambda slice_, _: _values(slice_, "NominalCardiacTriggerDelayTime"),
    "FrameAnatomySequence": lambda slice_, _: _anatomy(slice_),
}


def _values(slice_: Dataset, *keywords: str) -> dict[str, object]:
    return {keyword: slice_[keyword].value for keyword in keywords if keyword in slice_}


def _item(**attributes: object) -> Dataset:
    return _apply(Dataset(), attributes)


def _apply(dataset: Dataset, attributes: Values) -> Dataset:
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset
