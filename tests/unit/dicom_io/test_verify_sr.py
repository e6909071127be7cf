from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from support.source_series import case_of, class_findings, classic_volume, lopsided, mask_findings

from dicom_io.case import Case
from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Findings, Mask, Score
from dicom_io.profile import Profile
from dicom_io.results import encode
from dicom_io.sources import read_sources
from dicom_io.verify_sr import verify_sr
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
SEG_AND_REPORT = Profile(objects=("SEG", "SR"))
Fault = Callable[[Dataset], None]


def _with(fault: Fault, data: bytes) -> bytes:
    dataset = dcmread(BytesIO(data))
    fault(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def _items(item: Dataset):
    for child in item.get("ContentSequence", []):
        yield child
        yield from _items(child)


def _edit(meaning: str, change: Callable[[Dataset], None], number: int = 0) -> Fault:
    """Change one item of a report, found by its name."""

    def fault(report: Dataset) -> None:
        found = [
            i for i in _items(report) if i.get("ConceptNameCodeSequence", [Dataset()])[0].get("CodeMeaning") == meaning
        ]
        change(found[number])

    return fault


def _code(value: str) -> Callable[[Dataset], None]:
    return lambda item: setattr(item.ConceptCodeSequence[0], "CodeValue", value)


def _number(value: float) -> Callable[[Dataset], None]:
    return lambda item: setattr(item.MeasuredValueSequence[0], "NumericValue", value)


def _unit(item: Dataset) -> None:
    item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = "mm3"


def _text(value: str) -> Callable[[Dataset], None]:
    return lambda item: setattr(item, "TextValue", value)


def _point_at(uid: str) -> Callable[[Dataset], None]:
    return lambda item: setattr(item.ReferencedSOPSequence[0], "ReferencedSOPInstanceUID", uid)


def _point_segment_at_its_source(report: Dataset) -> None:
    source = next(item for item in _items(report) if item.ValueType == "IMAGE").ReferencedSOPSequence[0]
    _edit("Referenced Segment", _point_at(source.ReferencedSOPInstanceUID))(report)


def _second_segment(item: Dataset) -> None:
    item.ReferencedSOPSequence[0].ReferencedSegmentNumber = 2


def _lose_evidence(report: Dataset) -> None:
    del report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]


def _comprehensive(report: Dataset) -> None:
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"


def _predecessor(report: Dataset) -> None:
    report.PredecessorDocumentsSequence = report.CurrentRequestedProcedureEvidenceSequence


def _lose_group(report: Dataset) -> None:
    del report.ContentSequence[-1].ContentSequence[-1]


MASK_REPORT_FAULTS: dict[str, tuple[str, Fault]] = {
    "absent instead of present": ("presence", _edit("Lesion", _code("272519000"))),
    "without findings": ("summary", _edit("CAD Processing and Findings Summary", _code("111241"))),
    "another finding": ("finding", _edit("Finding", _code("108369006"))),
    "another certainty": ("certainty", _edit("Certainty of Finding", _number(93.5))),
    "another volume": ("segments", _edit("Volume", _number(93.5))),
    "another unit": ("mm3", _edit("Volume", _unit)),
    "another segment number": ("segments", _edit("Referenced Segment", _second_segment)),
    "a segment of an input image": ("another object", _point_segment_at_its_source),
    "an image that is no evidence": ("no evidence", _edit("Source", _point_at("1.2.3"))),
    "another sentence": ("sentence", _edit("Comment", _text("All is well. Research use only."))),
    "no research notice": ("sentence 'Research use only'", _edit("Comment", _text("None."), 1)),
    "an input image missing": ("lacks 1 objects", _lose_evidence),
    "another long axis": ("segments", _edit("Long Axis", _number(6.1))),
    "another short axis": ("segments", _edit("Short Axis", _number(3.1))),
    "another class of report": ("its class", _comprehensive),
    "a predecessor nobody named": ("predecessors", _predecessor),
    "a segment missing": ("segments", _lose_group),
}
CLASS_REPORT_FAULTS: dict[str, tuple[str, Fault]] = {
    "another type": ("class scores", _edit("Finding", _code("393564001"), 1)),
    "another score": ("class scores", _edit("Certainty of Finding", _number(68.5), 1)),
    "a type missing": ("class scores", _lose_group),
}


def _verify(volume: Volume, findings: Findings, fault: Fault, case: Case | None = None) -> None:
    case = case or case_of(volume)
    *segs, report = encode(case, findings, HERE, AT, SEG_AND_REPORT)
    sources = {v.header.series_instance_uid: read_sources(v) for v in case.volumes.values()}
    context = Context(case, findings, HERE, AT, sources, SEG_AND_REPORT)
    verify_sr(_with(fault, report.data), context, segs[0].sop_instance_uid if segs else None, findings.mask)


@pytest.mark.parametrize(("reason", "fault"), MASK_REPORT_FAULTS.values(), ids=MASK_REPORT_FAULTS.keys())
def test_a_faulty_report_of_a_mask_is_caught(tmp_path, reason: str, fault: Fault) -> None:
    volume = classic_volume(tmp_path)

    with pytest.raises(ResultMismatch, match=reason):
        _verify(volume, mask_findings(volume, lopsided()), fault)


@pytest.mark.parametrize(("reason", "fault"), CLASS_REPORT_FAULTS.values(), ids=CLASS_REPORT_FAULTS.keys())
def test_a_faulty_report_of_classes_is_caught(tmp_path, reason: str, fault: Fault) -> None:
    volume = classic_volume(tmp_path)

    with pytest.raises(ResultMismatch, match=reason):
        _verify(volume, class_findings(volume), fault)


@pytest.mark.parametrize("no_tumour", [0.02, 0.9])
def test_a_faultless_report_passes(tmp_path, no_tumour: float) -> None:
    volume = classic_volume(tmp_path)

    _verify(volume, class_findings(volume, no_tumour=no_tumour), lambda _: None)
    _verify(volume, mask_findings(volume, lopsided()), lambda _: None)


def test_a_report_of_other_findings_is_caught(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    _, report = encode(case_of(volume), findings, HERE, AT, SEG_AND_REPORT)

    with pytest.raises(ResultMismatch, match="certainty"):
        _verify(volume, replace(findings, scores=(Score("flair_abnormality", 0.5),)), lambda r: _become(r, report.data))


def test_numbers_are_taken_again_of_what_the_seg_holds(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    seg, report = encode(case_of(volume), findings, HERE, AT, SEG_AND_REPORT)
    context = Context(case_of(volume), findings, HERE, AT, {}, SEG_AND_REPORT)
    context = replace(context, sources={volume.header.series_instance_uid: read_sources(volume)})
    smaller = lopsided()
    smaller[1] = 0

    with pytest.raises(ResultMismatch, match="segments"):
        verify_sr(
            report.data,
            context,
            seg.sop_instance_uid,
            Mask(smaller, findings.mask.segments, volume.header.series_instance_uid),  # type: ignore[union-attr]
        )


def test_a_report_without_a_note_of_the_case_is_caught(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    noted = replace(case_of(volume), notes=("T1 left out: it has 3 slices",))

    _verify(volume, class_findings(volume), lambda _: None, noted)
    with pytest.raises(ResultMismatch, match="T1 left out"):
        _verify(volume, class_findings(volume), _edit("Comment", _text("All is well."), 1), noted)


def _become(report: Dataset, data: bytes) -> None:
    """Turn a report into another one."""
    other = dcmread(BytesIO(data))
    report.clear()
    report.update(other)
