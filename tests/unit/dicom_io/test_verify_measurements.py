from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from support.source_series import case_of, classic_volume, enhanced_volume, lopsided, mask_findings

from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Mask
from dicom_io.measurements import build_measurements
from dicom_io.seg import build_seg
from dicom_io.sources import read_sources
from dicom_io.verify_measurements import verify_measurements
from dicom_io.volume import Volume

Fault = Callable[[Dataset], None]


def _context(volume: Volume) -> Context:
    sources = {volume.header.series_instance_uid: read_sources(volume)}
    at, here = datetime(2026, 1, 2, 3, 4, 5), Equipment(site="north", serial="0001")
    return Context(case_of(volume), mask_findings(volume, lopsided()), here, at, sources)


def _verify(volume: Volume, fault: Fault, drawn: Mask | None = None) -> None:
    context = _context(volume)
    assert context.findings.mask is not None
    seg = build_seg(context, context.findings.mask)
    report = build_measurements(context, seg)
    assert report is not None
    fault(report)
    buffer = BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    verify_measurements(buffer.getvalue(), context, seg.SOPInstanceUID, drawn or context.findings.mask)


def _tree(item: Dataset):
    for child in item.get("ContentSequence", []):
        yield child
        yield from _tree(child)


def _edit(meaning: str, change: Fault) -> Fault:
    """Change the item of this name."""

    def fault(report: Dataset) -> None:
        (found,) = (
            item
            for item in _tree(report)
            if "ConceptNameCodeSequence" in item and item.ConceptNameCodeSequence[0].CodeMeaning == meaning
        )
        change(found)

    return fault


def _drawing(change: Callable[[list[float]], list[float]], axis: str = "Long Axis") -> Fault:
    """Draw a line elsewhere."""

    def redraw(item: Dataset) -> None:
        item.ContentSequence[0].GraphicData = change([float(x) for x in item.ContentSequence[0].GraphicData])

    return _edit(axis, redraw)


def _point_at(slice_: int) -> Fault:
    """Name another slice's image, of a report that lists the images in order."""

    def fault(report: Dataset) -> None:
        evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
        other = evidence.ReferencedSOPSequence[slice_].ReferencedSOPInstanceUID
        _edit("Long Axis", lambda item: _name_image(item, other))(report)

    return fault


def _name_image(item: Dataset, uid: str) -> None:
    item.ContentSequence[0].ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = uid


def _number(value: float) -> Fault:
    return lambda item: setattr(item.MeasuredValueSequence[0], "NumericValue", value)


def _unit(item: Dataset) -> None:
    item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = "cm"


def _text(value: str) -> Fault:
    return lambda item: setattr(item, "TextValue", value)


def _swap_axes(report: Dataset) -> None:
    """Exchange the drawings of the two axes."""
    items: list[Dataset] = []
    for axis in ("Long Axis", "Short Axis"):
        _edit(axis, items.append)(report)
    long, short = items
    long.ContentSequence, short.ContentSequence = short.ContentSequence, long.ContentSequence


def _lose_group(report: Dataset) -> None:
    del report.ContentSequence[-1].ContentSequence[-1]


def _lose_evidence(report: Dataset) -> None:
    del report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]


def _retitle(report: Dataset) -> None:
    report.ConceptNameCodeSequence[0].CodeValue = "126001"


def _lose_drawing(item: Dataset) -> None:
    del item.ContentSequence


FAULTS: dict[str, tuple[str, Fault]] = {
    "row and column swapped": ("Long Axis is drawn between", _drawing(lambda g: [g[1], g[0], g[3], g[2]])),
    "half a pixel off": ("Long Axis is drawn between", _drawing(lambda g: [x - 0.5 for x in g])),
    "mirrored": ("Long Axis is drawn between", _drawing(lambda g: [16 - g[0], g[1], 16 - g[2], g[3]])),
    "another end": ("Long Axis is drawn between", _drawing(lambda g: [*g[:3], g[3] + 1])),
    "another short axis": ("Short Axis is drawn between", _drawing(lambda g: [*g[:3], g[3] + 1], "Short Axis")),
    "not a line": ("not one line of two ends", _drawing(lambda g: [*g, *g[:2]])),
    "no line": ("0 drawings", _edit("Long Axis", _lose_drawing)),
    "axes exchanged": ("Long Axis is drawn between", _swap_axes),
    "the next slice": ("image of the Long Axis", _point_at(2)),
    "an image of another series": ("no image of the volume", _edit("Long Axis", lambda i: _name_image(i, "1.2.3"))),
    "another length": ("written as 9.9 mm", _edit("Long Axis", _number(9.9))),
    "another length across": ("Short Axis is written as 0.9 mm", _edit("Short Axis", _number(0.9))),
    "a length in pixels": ("Short Axis is written as 7.0 mm", _edit("Short Axis", _number(7.0))),
    "another unit": ("unit of the Long Axis", _edit("Long Axis", _unit)),
    "another tool": ("tracking identifier", _edit("Tracking Identifier", _text("Cornerstone3DTools@^0.1.0:Length"))),
    "another segment's tracking": (
        "tracking UID",
        _edit("Tracking Unique Identifier", lambda i: setattr(i, "UID", "1.2.3")),
    ),
    "another finding": (
        "finding",
        _edit("Finding", lambda i: setattr(i.ConceptCodeSequence[0], "CodeValue", "108369006")),
    ),
    "a name no viewer looks for": (
        "0 items named 'Long Axis'",
        _edit("Long Axis", lambda i: setattr(i.ConceptNameCodeSequence[0], "CodeMeaning", "Long axis")),
    ),
    "a label that covers the image": ("30 characters at most", _edit("Comment", _text(f"AI {'x' * 20} [RESEARCH]"))),
    "a label without the research mark": ("not AI", _edit("Comment", _text("AI Lesion 93%"))),
    "a label that could be a reader's": ("not AI", _edit("Comment", _text("Lesion 93% [RESEARCH]"))),
    "a segment missing": ("number of its groups 0, not 1", _lose_group),
    "an input image missing": ("lacks 1 objects", _lose_evidence),
    "the title of a text report": ("title", _retitle),
}


@pytest.mark.parametrize(("reason", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_faulty_measurements_are_caught(tmp_path, reason: str, fault: Fault) -> None:
    with pytest.raises(ResultMismatch, match=reason):
        _verify(classic_volume(tmp_path), fault)


@pytest.mark.parametrize("make", [classic_volume, enhanced_volume])
def test_faultless_measurements_pass(tmp_path, make: Callable[..., Volume]) -> None:
    _verify(make(tmp_path), lambda _: None)


def test_the_wrong_frame_of_the_right_file_is_caught(tmp_path) -> None:
    def next_frame(item: Dataset) -> None:
        item.ContentSequence[0].ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber = 2

    with pytest.raises(ResultMismatch, match="image of the Short Axis"):
        _verify(enhanced_volume(tmp_path), _edit("Short Axis", next_frame))


def test_measurements_of_another_mask_than_the_seg_are_caught(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    grown = np.array(lopsided())
    grown[1, 8, 10] = 1
    findings = mask_findings(volume, lopsided())
    assert findings.mask is not None

    with pytest.raises(ResultMismatch, match="the SEG has it between"):
        _verify(volume, lambda _: None, replace(findings.mask, array=grown))


def test_source_images_that_lie_elsewhere_than_the_volume_are_caught(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    for source in volume.sources:
        image = dcmread(source.path)
        image.ImagePositionPatient = [x + 3 for x in image.ImagePositionPatient]
        image.save_as(source.path)

    with pytest.raises(ResultMismatch, match=r"Long Axis lies 5\.20 mm from"):
        _verify(volume, lambda _: None)
