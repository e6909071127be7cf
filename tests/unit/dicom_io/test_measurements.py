from dataclasses import replace
from datetime import datetime
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from support.source_series import (
    case_of,
    class_findings,
    classic_volume,
    enhanced_volume,
    lopsided,
    mask_findings,
)

from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.findings import Findings, Score
from dicom_io.measure import diameters, measures
from dicom_io.measurements import build_measurements, label
from dicom_io.profile import Profile
from dicom_io.seg import build_seg
from dicom_io.sources import read_sources
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")


def _context(findings: Findings, *volumes: Volume, equipment: Equipment = HERE) -> Context:
    case = case_of(*volumes)
    sources = {v.header.series_instance_uid: read_sources(v) for v in case.volumes.values()}
    return Context(case, findings, equipment, AT, sources)


def _report(volume: Volume, array: NDArray[np.uint8] | None = None) -> Dataset:
    context = _context(mask_findings(volume, lopsided() if array is None else array), volume)
    assert context.findings.mask is not None
    report = build_measurements(context, build_seg(context, context.findings.mask))
    assert report is not None
    return report


def _tree(item: Dataset):
    for child in item.get("ContentSequence", []):
        yield child
        yield from _tree(child)


def _named(item: Dataset, meaning: str) -> list[Dataset]:
    return [i for i in _tree(item) if "ConceptNameCodeSequence" in i and _name(i) == meaning]


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def _millimetres(item: Dataset) -> str:
    measured = item.MeasuredValueSequence[0]
    return f"{float(measured.NumericValue):g} {measured.MeasurementUnitsCodeSequence[0].CodeValue}"


def test_both_diameters_are_written_in_millimetres(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    meant = diameters(lopsided() == 1, volume.geometry)
    assert meant is not None

    (group,) = _named(_report(volume), "Measurement Group")

    assert [_millimetres(i) for i in _named(group, "Long Axis")] == [f"{round(meant.long_mm, 1):g} mm"]
    assert [_millimetres(i) for i in _named(group, "Short Axis")] == [f"{round(meant.short_mm, 1):g} mm"]


def test_lines_are_drawn_as_column_and_row_from_the_corner_of_the_first_pixel(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    bar = np.zeros((5, 12, 16), np.uint8)
    bar[2, 7, 3:13] = 1

    long, short = (i for i in _tree(_report(volume, bar)) if i.ValueType == "SCOORD")

    assert (long.GraphicType, list(long.GraphicData)) == ("POLYLINE", [3, 7.5, 13, 7.5])
    assert short.GraphicData[0] == short.GraphicData[2]
    assert sorted(short.GraphicData[1::2]) == [7, 8]


def test_lines_lie_on_the_image_of_their_slice(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    lines = [i for i in _tree(_report(volume)) if i.ValueType == "SCOORD"]

    named = [line.ContentSequence[0].ReferencedSOPSequence[0] for line in lines]
    assert [n.ReferencedSOPInstanceUID for n in named] == [volume.sources[1].sop_instance_uid] * 2
    assert not any("ReferencedFrameNumber" in n for n in named)


def test_lines_lie_on_the_frame_of_their_slice(tmp_path) -> None:
    volume = enhanced_volume(tmp_path)
    report = _report(volume)

    named = [i.ReferencedSOPSequence[0] for i in _tree(report) if i.ValueType == "IMAGE"]

    assert len(named) == 3, "two lines and the image library"
    assert {n.ReferencedSOPInstanceUID for n in named} == {volume.sources[1].sop_instance_uid}
    assert {n.ReferencedFrameNumber for n in named} == {volume.sources[1].frame + 1} != {2}


def test_ohif_knows_the_tool_and_every_group_has_coordinates(tmp_path) -> None:
    report = _report(classic_volume(tmp_path))

    assert report.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    groups = _named(report, "Measurement Group")
    assert [i.TextValue for i in _named(report, "Tracking Identifier")] == ["Cornerstone3DTools@^0.1.0:Bidirectional"]
    assert all(any(i.ValueType == "SCOORD" for i in _tree(number)) for g in groups for number in _numbers(g))


def _numbers(group: Dataset) -> list[Dataset]:
    return [i for i in group.ContentSequence if i.ValueType == "NUM"]


def test_the_segment_is_tracked_under_one_uid_in_seg_and_measurements(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    context = _context(mask_findings(volume, lopsided()), volume)
    assert context.findings.mask is not None
    seg = build_seg(context, context.findings.mask)

    report = build_measurements(context, seg)

    assert report is not None
    (tracked,) = _named(report, "Tracking Unique Identifier")
    assert seg.SegmentSequence[0].TrackingUID == tracked.UID


def test_the_evidence_is_every_input_image_and_the_seg(tmp_path) -> None:
    flair, t1 = classic_volume(tmp_path / "flair"), classic_volume(tmp_path / "t1", sequence="t1")
    context = _context(mask_findings(flair, lopsided()), flair, t1)
    assert context.findings.mask is not None

    report = build_measurements(context, build_seg(context, context.findings.mask))

    assert report is not None
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    images = {str(s.SeriesInstanceUID): len(s.ReferencedSOPSequence) for s in study.ReferencedSeriesSequence}
    assert images.pop(flair.header.series_instance_uid) == images.pop(t1.header.series_instance_uid) == 5
    assert list(images.values()) == [1]


def test_without_a_seg_there_are_still_measurements(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    report = build_measurements(_context(mask_findings(volume, lopsided()), volume), None)

    assert report is not None
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    assert len(study.ReferencedSeriesSequence) == 1


def test_nothing_to_measure_makes_no_report(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    assert build_measurements(_context(mask_findings(volume, lopsided() * np.uint8(0)), volume), None) is None
    assert build_measurements(_context(class_findings(volume), volume), None) is None


def test_building_twice_gives_the_same_bytes(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    first, second = (BytesIO(), BytesIO())
    for file in (first, second):
        _report(volume).save_as(file, enforce_file_format=True)

    assert first.getvalue() == second.getvalue()


def test_every_destination_gets_the_class_that_all_archives_take(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    context = _context(mask_findings(volume, lopsided()), volume)
    older = replace(context, profile=Profile(sr_class="comprehensive"))

    reports = [build_measurements(c, None) for c in (context, older)]

    assert [r.SOPClassUID for r in reports if r] == ["1.2.840.10008.5.1.4.1.1.88.33"] * 2
    assert len({r.SOPInstanceUID for r in reports if r}) == 1


def test_it_has_a_series_of_its_own(tmp_path) -> None:
    report = _report(classic_volume(tmp_path))

    assert report.SeriesNumber == 9003
    assert report.SeriesDescription.startswith("AI diameters FLAIR abnormality [RESEARCH]")


@pytest.mark.parametrize(
    ("score", "qualification", "text"),
    [
        (0.934, "RESEARCH", "AI Lesion 93% [RESEARCH]"),
        (0.934, "PRODUCT", "AI Lesion 93% [PRODUCT]"),
        (0.934, "SERVICE", "AI Lesion 93% [SERVICE]"),
        (None, "RESEARCH", "AI Lesion [RESEARCH]"),
        (None, "PRODUCT", "AI FLAIR abnormality [PRODUCT]"),
    ],
)
def test_the_label_says_as_much_as_fits_on_the_image(
    tmp_path, score: float | None, qualification: str, text: str
) -> None:
    volume = classic_volume(tmp_path)
    scores = () if score is None else (Score("flair_abnormality", score),)
    findings = replace(mask_findings(volume, lopsided()), scores=scores)
    context = _context(findings, volume, equipment=replace(HERE, qualification=qualification))
    assert findings.mask is not None
    (measured,) = measures(findings.mask, volume.geometry)

    assert label(context, measured) == text
    assert len(text) <= 30


def test_viewers_print_every_value_with_its_name(tmp_path) -> None:
    report = _report(classic_volume(tmp_path))

    containers = [report, *(i for i in _tree(report) if i.ValueType == "CONTAINER")]

    assert {c.ContinuityOfContent for c in containers} == {"SEPARATE"}
