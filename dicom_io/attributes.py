"""One frame's attributes, wherever the image keeps them.

Classic MR writes them once per file, Enhanced MR in functional groups of the frame or of all frames, Legacy Converted
Enhanced MR also in sequences of what it could not place; here, and only here, all become one.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from dicom_io.errors import NONSENSE, UnreadableFile, printable

_GROUP_OF = {  # PS3.3 C.7.6.16.2 and C.8.13.5: the functional group that holds an attribute in Enhanced MR
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "FlipAngle": "MRTimingAndRelatedParametersSequence",
    "EchoTrainLength": "MRTimingAndRelatedParametersSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "InversionTimes": "MRModifierSequence",
    "InversionTime": "MRModifierSequence",
    "InversionRecovery": "MRModifierSequence",
    "AcquisitionContrast": "MRImageFrameTypeSequence",
    "ComplexImageComponent": "MRImageFrameTypeSequence",
    "FrameType": "MRImageFrameTypeSequence",
    "DiffusionBValue": "MRDiffusionSequence",
    "StackID": "FrameContentSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "FrameAcquisitionDateTime": "FrameContentSequence",
    "FrameAcquisitionNumber": "FrameContentSequence",
    "NominalCardiacTriggerDelayTime": "CardiacSynchronizationSequence",
    "TemporalPositionTimeOffset": "TemporalPositionSequence",
    "ContrastBolusAgentAdministered": "ContrastBolusUsageSequence",
    "ContrastBolusAgentPhase": "ContrastBolusUsageSequence",
}
_LONGEST_TEXT = 1024
"""What any single value may have that is no text of its own (PS3.5 6.2: 64 characters for most)."""
_UNPLACED = ("UnassignedPerFrameConvertedAttributesSequence", "UnassignedSharedConvertedAttributesSequence")


class FrameAttributes:
    """Looks an attribute up in the frame's own functional groups, in the shared ones, then in the data set.

    What geometry needs is asked for with `require`, which refuses nonsense; what is only a hint with `number` and
    `text`, for which nonsense is nothing: a spoilt echo time must not cost a patient the analysis.
    """

    def __init__(self, dataset: Dataset, frame: int, name: str) -> None:
        """Take frame ``frame`` (0-based) of a data set that is called ``name`` in reasons."""
        own = _hinted(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1]
        self._groups = (*own, *_hinted(dataset, "SharedFunctionalGroupsSequence")[:1])
        self._dataset = dataset
        self._name = name

    def require(self, keyword: str, count: int = 1, default: tuple[float, ...] = ()) -> tuple[float, ...]:
        """Return ``count`` finite numbers.

        Raises
        ------
        UnreadableFile
            When they are missing, of another count, or none; a default is for the missing only.
        """
        value = self._value(keyword)
        try:
            numbers = tuple(float(number) for number in _listed(value))
        except NONSENSE as error:
            raise UnreadableFile(f"{keyword} of {self._name} is not a number: {error}") from error
        if not numbers and default:
            return default
        if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
            raise UnreadableFile(f"{keyword} of {self._name} is {numbers or 'missing'}")
        return numbers

    def number(self, *keywords: str) -> float | None:
        """Return the first finite number found under these keywords."""
        for keyword in keywords:
            try:
                found = float(_listed(self._value(keyword))[0])
            except (*NONSENSE, UnreadableFile):
                continue
            if math.isfinite(found):
                return found
        return None

    def text(self, *keywords: str) -> str:
        """Return the first text found under these keywords, its values joined by a blank."""
        return next((" ".join(found) for keyword in keywords if (found := self.texts(keyword))), "")

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return the values of an attribute as texts; empty ones are left out."""
        try:
            texts = (printable(str(value), _LONGEST_TEXT).strip() for value in _listed(self._value(keyword)))
            return tuple(text for text in texts if text)
        except (*NONSENSE, UnreadableFile):
            return ()

    def items(self, keyword: str) -> Sequence[Dataset]:
        """Return the items of a sequence; none where it is missing or spoilt."""
        return _hinted(self._dataset, keyword)

    def private(self, group: int, creator: str, element: int) -> tuple[str, ...]:
        """Return the values of a private attribute as texts."""
        try:
            return tuple(str(value) for value in _listed(self._dataset.private_block(group, creator)[element].value))
        except NONSENSE:
            return ()

    def _value(self, keyword: str) -> Any:
        for group in self._groups:
            if keyword in _GROUP_OF:
                for item in items(group, _GROUP_OF[keyword])[:1]:
                    if _tag(keyword) in item:
                        return _plain(item, keyword)
            for unplaced in _UNPLACED:
                for item in items(group, unplaced)[:1]:
                    if _tag(keyword) in item:
                        return _plain(item, keyword)
        return _plain(self._dataset, keyword)


def items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """Return the items of a sequence; none where the attribute is missing or is no sequence.

    Raises
    ------
    UnreadableFile
        When it cannot be decoded.
    """
    value = _plain(dataset, keyword)
    return value if isinstance(value, pydicom.Sequence) else ()


def _hinted(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    try:
        return items(dataset, keyword)
    except UnreadableFile:
        return ()


def _plain(dataset: Dataset, keyword: str) -> Any:
    tag = _tag(keyword)
    if tag not in dataset:  # looked up first: for what is not there this is five times as fast
        return None
    try:
        return dataset[tag].value
    except NONSENSE as error:
        raise UnreadableFile(f"{keyword} cannot be decoded: {error}") from error


@cache
def _tag(keyword: str) -> BaseTag:
    """Return the tag of one of the few keywords that are asked for again and again."""
    return Tag(keyword)


def _listed(value: Any) -> Sequence[Any]:
    if value is None or (isinstance(value, (str, bytes)) and not value.strip()):
        return ()
    return value if isinstance(value, (MultiValue, list, tuple)) else (value,)
