"""What the node reads of an image's attributes: the series, where each frame lies, and how it was acquired."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from dicom_io.attributes import FrameAttributes, items
from dicom_io.errors import UnreadableFile
from dicom_io.names import agent_said
from dicom_io.sequence import Acquisition
from dicom_io.stretch import InstanceFile
from dicom_io.volume import SeriesHeader, SourceFrame

MR_IMAGES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)

_TRACES_OF_AN_AGENT = (  # PS3.3 C.7.6.4: what is entered or recorded when one is given
    *("ContrastBolusVolume", "ContrastBolusTotalDose", "ContrastBolusStartTime", "ContrastBolusStopTime"),
    *("ContrastFlowRate", "ContrastFlowDuration", "ContrastBolusIngredient", "ContrastBolusIngredientConcentration"),
)
_COMMENTS = ("ImageComments", "AcquisitionComments")
_GE_COMPONENTS = {"0": "MAGNITUDE", "1": "PHASE", "2": "REAL", "3": "IMAGINARY"}
_TIMES = (("FrameAcquisitionDateTime",), ("AcquisitionDateTime",), ("AcquisitionDate", "AcquisitionTime"))
_LATER_TIMES = (("SeriesDate", "SeriesTime"), ("ContentDate", "ContentTime"))
_PRIVATE_B_VALUES = (  # group, private creator, element
    (0x0019, "SIEMENS MR HEADER", 0x0C),
    (0x2001, "Philips Imaging DD 001", 0x03),
    (0x0043, "GEMS_PARM_01", 0x39),
    (0x0065, "Image Private Header", 0x09),
)
_DIGITS = re.compile("[0-9]+")
_GE_B_VALUE_OFFSET = 1e9
"""GE adds this to b-values, https://github.com/rordenlab/dcm2niix/tree/master/GE"""


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
    stack
        Stack ID (0020,9056); empty in classic MR.
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
    stack: str = ""


def read_frames(dataset: Dataset, path: InstanceFile) -> tuple[Frame, ...]:
    """Return the frames of an MR image in stored order.

    Raises
    ------
    UnreadableFile
        When position, orientation, spacing or size of a frame are missing or nonsense.
    """
    count = int(FrameAttributes(dataset, 0, path.name).require("NumberOfFrames", default=(1.0,))[0])
    groups = len(items(dataset, "PerFrameFunctionalGroupsSequence"))
    if count != (groups or 1):
        raise UnreadableFile(f"{path.name} has {count} frames, but functional groups for {groups}")
    return tuple(_frame(dataset, path, index) for index in range(count))


def _frame(dataset: Dataset, path: InstanceFile, index: int) -> Frame:
    attributes = FrameAttributes(dataset, index, path.name)
    rows, columns = attributes.require("Rows")[0], attributes.require("Columns")[0]
    slope, intercept = (
        attributes.require("RescaleSlope", default=(1.0,)),
        attributes.require("RescaleIntercept", default=(0.0,)),
    )
    spacing = attributes.require("PixelSpacing", 2)
    if min(*spacing, rows, columns) <= 0 or slope[0] == 0:
        raise UnreadableFile(f"{path.name}: {rows:g} x {columns:g} pixels of {spacing} mm, Rescale Slope {slope[0]:g}")
    return Frame(
        source=SourceFrame(path, index, attributes.text("SOPInstanceUID")),
        rows=int(rows),
        columns=int(columns),
        position=attributes.require("ImagePositionPatient", 3),
        orientation=_unit_vectors(attributes.require("ImageOrientationPatient", 6), path),
        pixel_spacing=spacing,
        slope=slope[0],
        intercept=intercept[0],
        frame_of_reference_uid=attributes.text("FrameOfReferenceUID"),
        stack=attributes.text("StackID"),
    )


def _unit_vectors(orientation: tuple[float, ...], path: InstanceFile) -> tuple[float, ...]:
    """Return the two vectors at length 1: headers round them."""
    vectors = np.array(orientation).reshape(2, 3)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if np.abs(lengths - 1).max() > 0.01 or abs(vectors[0] @ vectors[1]) > 0.01:
        raise UnreadableFile(f"Image Orientation (Patient) of {path.name} is not two perpendicular unit vectors")
    return tuple((vectors / lengths).ravel().tolist())


def series_header(attributes: FrameAttributes, *, sequence: str, part: str) -> SeriesHeader:
    """Return what series a frame belongs to."""
    return SeriesHeader(
        study_instance_uid=attributes.text("StudyInstanceUID"),
        series_instance_uid=attributes.text("SeriesInstanceUID"),
        sop_class_uid=attributes.text("SOPClassUID"),
        modality=attributes.text("Modality"),
        series_description=attributes.text("SeriesDescription"),
        series_number=attributes.text("SeriesNumber"),
        sequence=sequence,
        part=part,
    )


def acquisition(attributes: FrameAttributes, *, b_value: float | None = None, time_points: int = 1) -> Acquisition:
    """Return how a frame was acquired; a spoilt attribute counts as missing.

    Parameters
    ----------
    b_value
        The largest of the volume's frames, where they differ.
    time_points
        How many volumes of the series differ in time alone.
    """
    names = (attributes.text(k) for k in ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName"))
    return Acquisition(
        names=tuple(filter(None, names)),
        image_type=image_type(attributes),
        scanning_sequence=attributes.texts("ScanningSequence") or _enhanced_scanning_sequence(attributes),
        sequence_variant=attributes.texts("SequenceVariant"),
        scan_options=attributes.texts("ScanOptions"),
        acquisition_contrast=attributes.text("AcquisitionContrast"),
        complex_component=_complex_component(attributes),
        repetition_time=attributes.number("RepetitionTime"),
        echo_time=echo_time(attributes),
        inversion_time=attributes.number("InversionTime", "InversionTimes"),
        flip_angle=attributes.number("FlipAngle"),
        echo_train_length=attributes.number("EchoTrainLength"),
        b_value=diffusion_b_value(attributes) if b_value is None else b_value,
        time_points=time_points,
        contrast_agent=_contrast_agent(attributes),
        agent_traces=tuple(_agent_traces(attributes)),
        body_part=attributes.text("BodyPartExamined") or _meaning(attributes.items("AnatomicRegionSequence")),
        derivation=attributes.text("DerivationDescription"),
    )


def _complex_component(attributes: FrameAttributes) -> str:
    """Return what part of the complex signal an image shows; GE says so in a private attribute alone."""
    stated = attributes.text("ComplexImageComponent")
    return stated or _GE_COMPONENTS.get("".join(attributes.private(0x0043, "GEMS_PARM_01", 0x2F)), "")


def image_type(attributes: FrameAttributes) -> tuple[str, ...]:
    """Return the type of a frame, in upper case; its contrast phase, which Enhanced MR keeps apart, comes last."""
    values = attributes.texts("FrameType") or attributes.texts("ImageType")
    return tuple(value.upper() for value in (*values, *attributes.texts("ContrastBolusAgentPhase")))


def echo_time(attributes: FrameAttributes) -> float | None:
    """Return the echo time in ms."""
    return attributes.number("EffectiveEchoTime", "EchoTime")


def diffusion_b_value(attributes: FrameAttributes) -> float | None:
    """Return the b-value in s/mm2, from the standard's attribute or the vendor's."""
    found = attributes.number("DiffusionBValue")
    if found is not None:
        return found
    for block in _PRIVATE_B_VALUES:
        for text in attributes.private(*block)[:1]:
            try:
                return max(0.0, float(text)) % _GE_B_VALUE_OFFSET
            except ValueError:
                continue
    return None


def largest_b_value(frames: Iterable[FrameAttributes]) -> float | None:
    """Return the largest b-value of some frames."""
    return max((b for attributes in frames if (b := diffusion_b_value(attributes)) is not None), default=None)


def acquired_at(attributes: FrameAttributes) -> datetime | None:
    """Return when a frame was acquired, without time zone; when its series or content was made if that is all."""
    for keywords in (*_TIMES, *_LATER_TIMES):
        day, *rest = ("".join(_DIGITS.findall(attributes.text(keyword))[:1]) for keyword in keywords)
        time = "".join(rest) or day[8:]
        if len(time) < len("HH"):
            continue
        try:
            return datetime.strptime(f"{day[:8]}{time[:6]:0<6}", "%Y%m%d%H%M%S")
        except ValueError:
            continue
    return None


def _enhanced_scanning_sequence(attributes: FrameAttributes) -> tuple[str, ...]:
    """Return what Enhanced MR says in other words, as Scanning Sequence says it."""
    kinds = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}.get(attributes.text("EchoPulseSequence"), ())
    inversion = ("IR",) if attributes.text("InversionRecovery") == "YES" else ()
    planar = ("EP",) if attributes.text("EchoPlanarPulseSequence") == "YES" else ()
    return (*kinds, *inversion, *planar)


def _contrast_agent(attributes: FrameAttributes) -> str:
    """Return Contrast/Bolus Agent, or the meaning of its code in Enhanced MR."""
    return attributes.text("ContrastBolusAgent") or _meaning(attributes.items("ContrastBolusAgentSequence"))


def _agent_traces(attributes: FrameAttributes) -> Iterator[str]:
    """Yield what only an injection explains, other than the agent's name."""
    for keyword in _TRACES_OF_AN_AGENT:
        if (value := attributes.text(keyword)) and value.strip("0. "):
            yield f"{keyword} {value}"
    for keyword in _COMMENTS:
        if (said := agent_said(attributes.text(keyword))) and said.when == "after":
            yield f"{keyword}: {said.words}"
    if attributes.text("ContrastBolusAgentAdministered") == "YES":
        yield "ContrastBolusAgentAdministered YES"


def _meaning(codes: Sequence[Dataset]) -> str:
    return FrameAttributes(codes[0], 0, "a code").text("CodeMeaning") if codes else ""
