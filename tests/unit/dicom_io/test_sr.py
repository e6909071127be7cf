from datetime import datetime

import numpy as np
import pytest
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
from dicom_io.findings import Findings
from dicom_io.seg import build_seg
from dicom_io.sources import read_sources
from dicom_io.sr import build_report
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")


def _report(findings: Findings, *volumes: Volume) -> Dataset:
    case = case_of(*volumes)
    sources = {v.header.series_instance_uid: read_sources(v) for v in case.volumes.values()}
    context = Context(case, findings, HERE, AT, sources)
    drawn = findings.mask is not None and findings.mask.array.any()
    return build_report(context, build_seg(context, findings.mask) if drawn and findings.mask else None)


def _tree(item: Dataset):
    for child in item.get("ContentSequence", []):
        yield child
        yield from _tree(child)


def _named(item: Dataset, meaning: str) -> list[Dataset]:
    return [i for i in _tree(item) if "ConceptNameCodeSequence" in i and _name(i) == meaning]


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def _groups(report: Dataset) -> list[dict[str, object]]:
    return [{_name(i): _value(i) for i in group.ContentSequence} for group in _named(report, "Measurement Group")]


def _value(item: Dataset) -> object:
    match item.ValueType:
        case "CODE":
            return item.ConceptCodeSequence[0].CodeMeaning
        case "NUM":
            measured = item.MeasuredValueSequence[0]
            return f"{float(measured.NumericValue):g} {measured.MeasurementUnitsCodeSequence[0].CodeValue}"
        case "IMAGE":
            return item.ReferencedSOPSequence[0].get("ReferencedSegmentNumber")
        case _:
            return item.get("TextValue") or item.get("UID")


def test_a_found_lesion_is_said_with_its_certainty_and_its_volume(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    study, segment = _groups(_report(mask_findings(volume, lopsided()), volume))

    assert study["Finding"] == "Lesion"
    assert study["Lesion"] == "Present"
    assert study["CAD Processing and Findings Summary"] == "All algorithms succeeded; with findings"
    assert study["Certainty of Finding"] == "93.4 %"
    voxels = int(lopsided().sum())
    assert segment["Volume"] == f"{round(voxels * 0.5 * 0.75 * 5.0 / 1000, 2):g} cm3"
    assert segment["Referenced Segment"] == 1


def test_the_segment_is_placed_in_words(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    x, y, z = np.mean([volume.geometry.position(i) for i in np.argwhere(lopsided())], axis=0)
    assert (x < 0, y > 0, z < 0) == (True, True, True)

    comment = _groups(_report(mask_findings(volume, lopsided()), volume))[1]["Comment"]

    assert comment == (
        f"On 2 of 5 slices; centre of mass at {-x:.0f} R, {y:.0f} P, {-z:.0f} I (mm, patient coordinates)."
    )


def test_nothing_found_is_said_aloud(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    (study,) = _groups(_report(mask_findings(volume, lopsided() * np.uint8(0)), volume))

    assert study["Lesion"] == "Absent"
    assert study["CAD Processing and Findings Summary"] == "All algorithms succeeded; without findings"
    assert study["Certainty of Finding"] == "12.1 %"


def test_tumour_types_come_with_their_scores_the_likeliest_first(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    study, *classes = _groups(_report(class_findings(volume), volume))

    assert (study["Finding"], study["Neoplasm"], study["Certainty of Finding"]) == ("Neoplasm", "Present", "98 %")
    assert [(c["Finding"], c["Certainty of Finding"]) for c in classes] == [
        ("Intracranial meningioma", "68.6 %"),
        ("Glioma", "24.5 %"),
        ("Pituitary adenoma", "4.9 %"),
    ]


def test_without_a_tumour_no_tumour_type_is_a_finding(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    (study,) = _groups(_report(class_findings(volume, no_tumour=0.9), volume))

    assert study["Neoplasm"] == "Absent"
    assert "no tumour 90.0%" in str(study["Comment"])
    assert "glioma 2.5%" in str(study["Comment"])


def test_the_comment_holds_the_sentence_and_the_research_notice(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    comment = str(_groups(_report(mask_findings(volume, lopsided()), volume))[0]["Comment"])

    assert comment == (
        "FLAIR abnormality on 2 slices. Scores: flair abnormality 93.4%. Certainty is the score for presence, "
        "not calibrated. Research use only, not a medical device."
    )


def test_a_model_that_cannot_say_is_undetermined(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    silent = Findings(
        mask_findings(volume, lopsided()).algorithm, "x", volume.header.series_instance_uid, None, (), None, "Why."
    )

    (study,) = _groups(_report(silent, volume))

    assert study["Neoplasm"] == "Undetermined"
    assert "Certainty of Finding" not in study
    assert str(study["Comment"]).startswith("Why. Certainty")


def test_viewers_print_every_value_with_its_name(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    report = _report(mask_findings(volume, lopsided()), volume)

    containers = [report, *(i for i in _tree(report) if i.ValueType == "CONTAINER")]

    assert len(containers) == 6
    assert {c.ContinuityOfContent for c in containers} == {"SEPARATE"}


def test_viewers_show_it_as_text(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    report = _report(mask_findings(volume, lopsided()), volume)

    assert report.ConceptNameCodeSequence[0].CodeValue == "126001"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert not any(i.ValueType in ("SCOORD", "SCOORD3D") for i in _tree(report))


def test_it_is_complete_preliminary_and_unverified(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    report = _report(mask_findings(volume, lopsided()), volume)

    assert (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag) == (
        "COMPLETE",
        "PRELIMINARY",
        "UNVERIFIED",
    )


def test_the_evidence_is_every_input_image_and_the_seg(tmp_path) -> None:
    flair, t1 = classic_volume(tmp_path / "flair"), classic_volume(tmp_path / "t1", sequence="t1")
    findings = mask_findings(flair, lopsided())

    (study,) = _report(findings, flair, t1).CurrentRequestedProcedureEvidenceSequence

    images = {str(s.SeriesInstanceUID): len(s.ReferencedSOPSequence) for s in study.ReferencedSeriesSequence}
    assert images.pop(flair.header.series_instance_uid) == images.pop(t1.header.series_instance_uid) == 5
    assert list(images.values()) == [1]


def test_the_image_library_has_one_image_of_each_series(tmp_path) -> None:
    flair, t1 = classic_volume(tmp_path / "flair"), classic_volume(tmp_path / "t1", sequence="t1")

    sources = _named(_report(mask_findings(flair, lopsided()), flair, t1), "Source")

    named = [s.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for s in sources]
    assert named == [flair.sources[2].sop_instance_uid, t1.sources[2].sop_instance_uid]


def test_the_image_library_names_the_frame_it_describes(tmp_path) -> None:
    volume = enhanced_volume(tmp_path)

    (source,) = _named(_report(mask_findings(volume, lopsided()), volume), "Source")

    assert source.ReferencedSOPSequence[0].ReferencedFrameNumber == volume.sources[2].frame + 1


def test_the_segment_is_tracked_under_one_uid_in_seg_and_report(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = mask_findings(volume, lopsided())
    context = Context(case_of(volume), findings, HERE, AT, {volume.header.series_instance_uid: read_sources(volume)})
    assert findings.mask is not None
    seg = build_seg(context, findings.mask)

    segment = _groups(build_report(context, seg))[1]

    assert segment["Tracking Unique Identifier"] == seg.SegmentSequence[0].TrackingUID


def test_a_score_without_a_code_is_refused(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = class_findings(volume)
    odd = findings.scores[0].__class__("moon_rock", 0.9)
    strange = Findings(
        findings.algorithm, findings.task, findings.series_instance_uid, True, (odd, *findings.scores), None, "x"
    )

    with pytest.raises(KeyError, match="moon_rock"):
        _report(strange, volume)
