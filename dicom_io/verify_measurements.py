"""Drawn diameters decoded from their own bytes and compared with those of the decoded SEG, before they may leave.

Nothing here comes from the code that builds them: lines are placed by the image they name and by where that image
lies in the patient.
"""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code

from dicom_io import codes
from dicom_io.context import Context
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Mask
from dicom_io.measure import Line, SegmentMeasures, measures

TOOL = "Cornerstone3DTools@^0.1.0:Bidirectional"
LONGEST_LABEL = 30
POINT_TOLERANCE = 0.01
"""In pixels. Coordinates are single precision numbers; a swapped axis or another slice is off by far more."""
PLACE_TOLERANCE = 0.25
"""In pixels. A regular grid idealises positions as scanners write them."""
LENGTH_TOLERANCE = 0.002
"""As a share of the length: Pixel Spacing may differ that much between the images of one regular grid."""
ROUNDING_MM = 0.051
"""Lengths are written with one decimal."""


def verify_measurements(encoded: bytes, context: Context, seg_uid: str | None, drawn: Mask) -> None:
    """Check that a report draws the diameters of every segment of a mask, where they lie, on the right image.

    Parameters
    ----------
    seg_uid
        SOP Instance UID of the SEG that is sent with it, if there is one.
    drawn
        The mask as the SEG's own bytes hold it, or the model's where no SEG is sent: it is measured again.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When it does not; the message says what was written and what was meant.
    """
    report = dcmread(BytesIO(encoded))
    _expect("its title", _name(report), codes.MEASUREMENTS_TITLE)
    _check_references(report, context, seg_uid)
    groups = [item for item in _tree(report) if _name(item) == codes.MEASUREMENT_GROUP]
    measured = measures(drawn, context.volume.geometry)
    _expect("the number of its groups", len(groups), len(measured))
    for group, one in zip(groups, measured, strict=True):
        _check_words(group, context, one)
        diameters = one.diameters
        _check_axis(group, codes.LONG_AXIS, context, diameters.slice, diameters.long_axis)
        _check_axis(group, codes.SHORT_AXIS, context, diameters.slice, diameters.short_axis)


def _check_references(report: Dataset, context: Context, seg_uid: str | None) -> None:
    """Check that the evidence is every input image and the SEG, and all that is pointed at is a slice in it."""
    evidence = {
        str(image.ReferencedSOPInstanceUID)
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for image in series.ReferencedSOPSequence
    }
    inputs = {source.sop_instance_uid for volume in context.case.volumes.values() for source in volume.sources}
    meant = inputs | ({seg_uid} if seg_uid else set())
    if evidence != meant:
        raise ResultMismatch(f"evidence lacks {len(meant - evidence)} objects, {len(evidence - meant)} are foreign")
    slices = {source.sop_instance_uid for source in context.volume.sources}
    for item in _tree(report):
        for reference in item.get("ReferencedSOPSequence", []):
            if reference.ReferencedSOPInstanceUID not in slices:
                raise ResultMismatch(
                    f"measurements point at {reference.ReferencedSOPInstanceUID}, no image of the volume"
                )


def _check_words(group: Dataset, context: Context, measured: SegmentMeasures) -> None:
    """Check what a group is about, that viewers know how to draw it, and what they paint beside it."""
    finding = _code(_only(group, codes.FINDING.meaning).ConceptCodeSequence[0])
    _expect("finding", finding, codes.SEGMENTS[measured.label].type)
    _expect("tracking identifier", _only(group, "Tracking Identifier").TextValue, TOOL)
    tracked = _only(group, "Tracking Unique Identifier").UID
    _expect("tracking UID", tracked, context.track(measured.number, measured.label))
    label, mark = str(_only(group, codes.COMMENT.meaning).TextValue), f"[{context.equipment.qualification}]"
    if len(label) > LONGEST_LABEL or not label.startswith("AI ") or not label.endswith(mark):
        raise ResultMismatch(f"label {label!r} is not AI ... {mark} of {LONGEST_LABEL} characters at most")


def _check_axis(group: Dataset, name: Code, context: Context, slice_: int, meant: Line) -> None:
    """Check length, unit, ends and image of one diameter."""
    item = _only(group, name.meaning)
    _expect("name of the axis", _name(item), name)
    value = item.MeasuredValueSequence[0]
    unit, written = _code(value.MeasurementUnitsCodeSequence[0]), float(value.NumericValue)
    _expect(f"unit of the {name.meaning}", unit, codes.MILLIMETRE)
    points, image = _line(item)
    source = context.volume.sources[slice_]
    _expect(f"image of the {name.meaning}", image, (source.sop_instance_uid, source.frame))
    if np.abs(points - meant).max() > POINT_TOLERANCE:
        ends = points.round(2).tolist()
        raise ResultMismatch(f"{name.meaning} is drawn between (row, column) {ends}, the SEG has it between {meant}")
    placed = _positions(points, context.source.headers[slice_])
    positions = np.array([context.volume.geometry.position((slice_, row, column)) for row, column in meant])
    spacing = context.volume.geometry.spacing[1:]
    off = float(np.linalg.norm(placed - positions, axis=1).max())
    if off > PLACE_TOLERANCE * min(spacing):
        raise ResultMismatch(f"{name.meaning} lies {off:.2f} mm from where the SEG has it")
    for ends_mm in (placed, positions):
        mm = float(np.linalg.norm(ends_mm[1] - ends_mm[0]))
        if abs(written - mm) > ROUNDING_MM + LENGTH_TOLERANCE * mm:
            raise ResultMismatch(f"{name.meaning} is written as {written} mm and drawn {mm:.2f} mm long")


def _line(item: Dataset) -> tuple[NDArray[np.float64], tuple[str, int]]:
    """Return the ends (2, row and column) of the line a number was inferred from, and its image and frame (0-based)."""
    lines = [child for child in item.get("ContentSequence", []) if child.ValueType == "SCOORD"]
    if len(lines) != 1 or lines[0].GraphicType != "POLYLINE" or len(lines[0].GraphicData) != 4:
        raise ResultMismatch(f"{_name(item)} has {len(lines)} drawings, not one line of two ends")
    (image,) = lines[0].ContentSequence[0].ReferencedSOPSequence
    first_column, first_row, last_column, last_row = (float(x) - 0.5 for x in lines[0].GraphicData)
    frame = int(image.get("ReferencedFrameNumber", 1)) - 1
    return np.array([(first_row, first_column), (last_row, last_column)]), (str(image.ReferencedSOPInstanceUID), frame)


def _positions(points: NDArray[np.float64], header: Dataset) -> NDArray[np.float64]:
    """Return where (row, column) points of an image lie in the patient, in mm, as the image itself says."""
    along_row, along_column = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
    between_rows, between_columns = (float(mm) for mm in header.PixelSpacing)
    origin = np.array(header.ImagePositionPatient, float)
    placed: NDArray[np.float64] = (
        origin + points[:, :1] * between_rows * along_column + points[:, 1:] * between_columns * along_row
    )
    return placed


def _expect(what: str, written: object, meant: object) -> None:
    if written != meant:
        raise ResultMismatch(f"measurements have {what} {written}, not {meant}")


def _only(group: Dataset, meaning: str) -> Dataset:
    """Return the one item of a group that has a name."""
    found: list[Dataset] = [item for item in group.ContentSequence if (name := _name(item)) and name.meaning == meaning]
    if len(found) != 1:
        raise ResultMismatch(f"a measurement has {len(found)} items named {meaning!r}, not one")
    return found[0]


def _tree(item: Dataset) -> Iterator[Dataset]:
    """Yield every content item below an item, in reading order."""
    for child in item.get("ContentSequence", []):
        yield child
        yield from _tree(child)


def _name(item: Dataset) -> Code | None:
    return _code(item.ConceptNameCodeSequence[0]) if "ConceptNameCodeSequence" in item else None


def _code(item: Dataset) -> Code:
    return Code(item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning)
