"""What the node reads of an image's attributes: the series, and where each frame lies.

Classic MR writes them once per file, Enhanced MR in functional groups; here, and only here, the two become one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from dicom_io.errors import NONSENSE, NotAnImage, UnreadableFile
from dicom_io.sequence import Acquisition, recognise
from dicom_io.volume import SeriesHeader, SourceFrame

MR_IMAGES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)

_GROUP_OF = {  # PS3.3 C.7.6.16.2 and C.8.13.5: the functional group that holds an attribute in Enhanced MR
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "InversionTimes": "MRModifierSequence",
    "InversionTime": "MRModifierSequence",
    "InversionRecovery": "MRModifierSequence",
    "AcquisitionContrast": "MRImageFrameTypeSequence",
}
_COUNT_OF = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2}
"""How many values an attribute must have; of the others only the first is looked at."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where one frame lies and how its stored values become grey values.

    Attributes
    ----------
    position
        Patient position in mm of the centre of the first voxel.
    orientation
        Unit vectors along a row and along a column.
    pixel_spacing
        Distance in mm between rows and between columns.
    slope, intercept
        The Modality LUT (rescale).
    """

    source: SourceFrame
    rows: int
    columns: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, ...]
    slope: float
    intercept: float
    frame_of_reference_uid: str


def read_header(path: Path) -> SeriesHeader:
    """Read what series a file belongs to; its pixels stay untouched.

    Raises
    ------
    UnreadableFile
        When it is not DICOM or an attribute holds nonsense.
    """
    return series_header(read_dataset(path, pixels=False), path)


def read_dataset(path: Path, *, pixels: bool = True) -> Dataset:
    """Read a file's data set, with or without its Pixel Data.

    Raises
    ------
    UnreadableFile
        When it is not DICOM.
    """
    content = BytesIO(path.read_bytes())  # read first: an OSError of the disk is no fault of the file
    try:
        return pydicom.dcmread(content, stop_before_pixels=not pixels)
    except NONSENSE as error:
        raise UnreadableFile(f"{path.name} is not readable as DICOM: {error}") from error


def series_header(dataset: Dataset, path: Path) -> SeriesHeader:
    """Return what series a data set belongs to."""
    return SeriesHeader(
        study_instance_uid=_text(dataset, "StudyInstanceUID"),
        series_instance_uid=_text(dataset, "SeriesInstanceUID"),
        sop_class_uid=_text(dataset, "SOPClassUID"),
        modality=_text(dataset, "Modality"),
        series_description=_text(dataset, "SeriesDescription"),
        series_number=_text(dataset, "SeriesNumber"),
        sequence=recognise(_acquisition(dataset, path)).sequence,
    )


def read_frames(dataset: Dataset, path: Path) -> tuple[Frame, ...]:
    """Return the frames of an MR image in stored order.

    Raises
    ------
    NotAnImage
        When the object is not an MR image.
    UnreadableFile
        When position, orientation, spacing or size of a frame are missing or nonsense.
    """
    modality, sop_class = _text(dataset, "Modality"), UID(_text(dataset, "SOPClassUID"))
    if sop_class not in MR_IMAGES or modality != "MR":
        raise NotAnImage(f"{path.name} is {sop_class.name or 'an object'} of modality {modality!r}, not an MR image")
    count = int(_numbers(dataset, "NumberOfFrames", path, default=(1.0,))[0])
    groups = len(_items(dataset, "PerFrameFunctionalGroupsSequence"))
    if count != (groups or 1):
        raise UnreadableFile(f"{path.name} has {count} frames, but functional groups for {groups}")
    return tuple(_frame(dataset, path, index) for index in range(count))


def _frame(dataset: Dataset, path: Path, index: int) -> Frame:
    def numbers(keyword: str, default: tuple[float, ...] = ()) -> tuple[float, ...]:
        return _numbers(dataset, keyword, path, index, default)

    (rows,), (columns,), (slope,) = numbers("Rows"), numbers("Columns"), numbers("RescaleSlope", (1.0,))
    spacing = numbers("PixelSpacing")
    if min(*spacing, rows, columns) <= 0 or slope == 0:
        raise UnreadableFile(f"{path.name}: {rows:g} x {columns:g} pixels of {spacing} mm, Rescale Slope {slope:g}")
    return Frame(
        source=SourceFrame(path, index, _text(dataset, "SOPInstanceUID")),
        rows=int(rows),
        columns=int(columns),
        position=numbers("ImagePositionPatient"),
        orientation=_unit_vectors(numbers("ImageOrientationPatient"), path),
        pixel_spacing=spacing,
        slope=slope,
        intercept=numbers("RescaleIntercept", (0.0,))[0],
        frame_of_reference_uid=_text(dataset, "FrameOfReferenceUID"),
    )


def _unit_vectors(orientation: tuple[float, ...], path: Path) -> tuple[float, ...]:
    """Return the two vectors at length 1: headers round them."""
    vectors = np.array(orientation).reshape(2, 3)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if np.abs(lengths - 1).max() > 0.01 or abs(vectors[0] @ vectors[1]) > 0.01:
        raise UnreadableFile(f"Image Orientation (Patient) of {path.name} is not two perpendicular unit vectors")
    return tuple((vectors / lengths).ravel().tolist())


def _acquisition(dataset: Dataset, path: Path) -> Acquisition:
    def number(*keywords: str) -> float | None:
        found = (_numbers(dataset, keyword, path, default=(math.nan,))[0] for keyword in keywords)
        return next((value for value in found if not math.isnan(value)), None)

    return Acquisition(
        names=(_text(dataset, "SeriesDescription"), _text(dataset, "ProtocolName")),
        image_type=_texts(dataset, "ImageType"),
        scanning_sequence=_texts(dataset, "ScanningSequence") or _enhanced_scanning_sequence(dataset),
        acquisition_contrast=_text(dataset, "AcquisitionContrast"),
        repetition_time=number("RepetitionTime"),
        echo_time=number("EchoTime", "EffectiveEchoTime"),
        inversion_time=number("InversionTime", "InversionTimes"),
        contrast_agent=_contrast_agent(dataset),
    )


def _enhanced_scanning_sequence(dataset: Dataset) -> tuple[str, ...]:
    """Return what Enhanced MR says in other words, as Scanning Sequence says it."""
    kinds = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}.get(_text(dataset, "EchoPulseSequence"), ())
    inversion = ("IR",) if _text(dataset, "InversionRecovery") == "YES" else ()
    planar = ("EP",) if _text(dataset, "EchoPlanarPulseSequence") == "YES" else ()
    return (*kinds, *inversion, *planar)


def _contrast_agent(dataset: Dataset) -> str:
    """Return Contrast/Bolus Agent, or the meaning of its code in Enhanced MR."""
    agents = _items(dataset, "ContrastBolusAgentSequence")
    return _text(dataset, "ContrastBolusAgent") or (_text(agents[0], "CodeMeaning") if agents else "")


def _value(dataset: Dataset, keyword: str, frame: int = 0) -> Any:
    """Return an attribute of a frame: of its own functional groups, of the shared ones, or of the data set."""
    if group := _GROUP_OF.get(keyword):
        own = _items(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1]
        shared = _items(dataset, "SharedFunctionalGroupsSequence")[:1]
        for groups in (*own, *shared):
            for item in _items(groups, group)[:1]:
                if keyword in item:
                    return _plain_value(item, keyword)
    return _plain_value(dataset, keyword)


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    value = _plain_value(dataset, keyword)
    return value if isinstance(value, pydicom.Sequence) else ()


def _plain_value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except NONSENSE as error:
        raise UnreadableFile(f"{keyword} cannot be decoded: {error}") from error


def _numbers(
    dataset: Dataset, keyword: str, path: Path, frame: int = 0, default: tuple[float, ...] = ()
) -> tuple[float, ...]:
    """Return the numbers of an attribute, as many as it must have; without a default it must be there."""
    value = _value(dataset, keyword, frame)
    try:
        values = value if isinstance(value, (MultiValue, list)) else [] if value in (None, "") else [value]
        numbers = tuple(float(number) for number in values)
    except NONSENSE as error:
        raise UnreadableFile(f"{keyword} of {path.name} is not a number: {error}") from error
    if not numbers and default:
        return default
    if keyword not in _COUNT_OF:
        numbers = numbers[:1]
    if len(numbers) != _COUNT_OF.get(keyword, 1) or not all(math.isfinite(number) for number in numbers):
        raise UnreadableFile(f"{keyword} of {path.name} is {numbers or 'missing'}")
    return numbers


def _text(dataset: Dataset, keyword: str) -> str:
    value = _value(dataset, keyword)
    return "" if value is None else str(value).strip()


def _texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    value = _value(dataset, keyword)
    return tuple(str(text) for text in value) if isinstance(value, MultiValue) else (str(value),) if value else ()
