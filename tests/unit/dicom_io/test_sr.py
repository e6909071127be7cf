from dataclasses import replace
from datetime import datetime
from io import BytesIO

import numpy as np
import pydicom
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

from dicom_io.context import Context, Predecessor
from dicom_io.equipment import Equipment
from dicom_io.findings import Attention, Findings, Score
from dicom_io.measure import diameters
from dicom_io.profile import Profile
from dicom_io.seg import build_seg
from dicom_io.sources import read_sources
from dicom_io.sr import build_report
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")


def _context(findings: Findings, *volumes: Volume) -> Context:
    case = case_of(*volumes)
    sources = {v.header.series_instance_uid: read_sources(v) for v in case.volumes.values()}
    return Context(case, findings, HERE, AT, sources)


def _report(findings: Findings, *volumes: Volume) -> Dataset:
    context = _context(findings, *volumes)
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
    """Name and value of the items of each group; comments are joined by lines."""
    groups = []
    for group in _named(report, "Measurement Group"):
        items = {_name(item): _value(item) for item in group.ContentSequence}
        comments = [str(_value(item)) for item in group.ContentSequence if _name(item) == "Comment"]
        groups.append(items | ({"Comment": "\n".join(comments)} if comments else {}))
    return groups


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


def test_the_segment_is_measured_in_plane(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    segment = _groups(_report(mask_findings(volume, lopsided()), volume))[1]

    longest = diameters(lopsided() > 0, volume.geometry)
    assert longest is not None
    assert (longest.long_mm, longest.short_mm) > (5, 2)
    assert segment["Long Axis"] == f"{longest.long_mm:.1f} mm".replace(".0 ", " ")
    assert segment["Short Axis"] == f"{longest.short_mm:.1f} mm".replace(".0 ", " ")


def test_the_segment_is_placed_in_words(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    x, y, z = np.mean([volume.geometry.position(i) for i in np.argwhere(lopsided())], axis=0)
    assert (x < 0, y > 0, z < 0) == (True, True, True)

    comment = str(_groups(_report(mask_findings(volume, lopsided()), volume))[1]["Comment"])

    assert comment.startswith("On 2 of 5 slices; axes on Image 2, ")
    assert f"Centre of mass: R {-x:.1f}, P {y:.1f}, F {-z:.1f} mm (patient coordinates)." in comment


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

    assert comment.splitlines() == [
        "FLAIR abnormality on 2 slices. Scores: flair abnormality 93.4%.",
        "Certainty is the model's own score. Research use only, not a medical device.",
    ]


def test_what_became_of_the_case_is_noted(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    context = replace(_context(class_findings(volume), volume), case=replace(case_of(volume), notes=("T1 left out.",)))

    comment = str(_groups(build_report(context, None))[0]["Comment"])

    assert "Note: T1 left out." in comment.splitlines()


def test_what_the_model_says_of_itself_is_noted_after_the_case(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    findings = replace(class_findings(volume), notes=("Not validated per patient",))
    context = replace(_context(findings, volume), case=replace(case_of(volume), notes=("T1 left out.",)))

    comment = str(_groups(build_report(context, None))[0]["Comment"])

    assert comment.splitlines()[1:3] == ["Note: T1 left out.", "Note: Not validated per patient."]


def test_an_explanation_is_told_in_words(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    array = np.zeros(volume.array.shape, np.float32)
    array[2, 3, 4] = 1.0
    attention = Attention(array, "meningioma", "occlusion", volume.header.series_instance_uid)
    context = _context(replace(class_findings(volume), attention=attention), volume)

    comment = str(_groups(build_report(context, None))[0]["Comment"])

    (said,) = (line for line in comment.splitlines() if line.startswith("Evidence for"))
    assert "Intracranial meningioma, as found by occlusion, is highest on Image 3, " in said
    assert said.endswith("An explanation of the score, not a segmentation.")


@pytest.mark.parametrize(("character_set", "written"), [("ISO_IR 192", "头颅 left out"), ("ISO_IR 100", "?? left out")])
def test_words_that_the_character_set_lacks_are_not_lost_silently(tmp_path, character_set: str, written: str) -> None:
    volume = classic_volume(tmp_path, edit=lambda header: setattr(header, "SpecificCharacterSet", character_set))
    noted = replace(case_of(volume), notes=("头颅 left out",))
    context = replace(_context(class_findings(volume), volume), case=noted)
    buffer = BytesIO()
    build_report(context, None).save_as(buffer)

    comment = str(_groups(pydicom.dcmread(BytesIO(buffer.getvalue())))[0]["Comment"])

    assert f"Note: {written}." in comment


def test_a_model_that_cannot_say_is_undetermined(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    silent = Findings(
        mask_findings(volume, lopsided()).algorithm, "x", volume.header.series_instance_uid, None, (), None, "Why."
    )

    (study,) = _groups(_report(silent, volume))

    assert study["Neoplasm"] == "Undetermined"
    assert "Certainty of Finding" not in study
    assert str(study["Comment"]).startswith("Why.\nCertainty")


def _scored(volume: Volume, present: bool | None, **scores: float) -> Findings:
    """What a model of these labels says of a volume."""
    return replace(
        class_findings(volume), present=present, scores=tuple(Score(label, value) for label, value in scores.items())
    )


def test_a_detection_says_present_or_not_once_and_how_surely(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    (found,) = _groups(_report(_scored(volume, True, tumour=0.9, no_tumour=0.1), volume))
    (free,) = _groups(_report(_scored(volume, False, tumour=0.2, no_tumour=0.8), volume))

    assert (found["Finding"], found["Neoplasm"], found["Certainty of Finding"]) == ("Neoplasm", "Present", "90 %")
    assert (free["Finding"], free["Neoplasm"], free["Certainty of Finding"]) == ("Neoplasm", "Absent", "20 %")


@pytest.mark.parametrize("present", [None, True])
@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"grade_2": 0.3, "grade_3": 0.7}, [("WHO Grade 3 Glioma", "70 %"), ("WHO Grade 2 Glioma", "30 %")]),
        (
            {"astrocytoma": 0.2, "oligoastrocytoma": 0.5, "oligodendroglioma": 0.3},
            [("Oligoastrocytoma", "50 %"), ("Oligodendroglioma", "30 %"), ("Astrocytoma", "20 %")],
        ),
    ],
    ids=["grade", "subtype"],
)
def test_grade_and_subtype_are_said_of_a_glioma_and_not_that_there_is_one(tmp_path, present, scores, said) -> None:
    volume = classic_volume(tmp_path)

    study, *classes = _groups(_report(_scored(volume, present, **scores), volume))

    assert study["Finding"] == "Glioma"
    assert study["CAD Processing and Findings Summary"] == "All algorithms succeeded; with findings"
    assert not {"Glioma", "Neoplasm", "Certainty of Finding"} & study.keys()
    assert [(one["Finding"], one["Certainty of Finding"]) for one in classes] == said


def test_a_segment_without_a_seg_keeps_its_numbers(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    context = _context(mask_findings(volume, lopsided()), volume)

    with_seg = _groups(_report(mask_findings(volume, lopsided()), volume))[1]
    without = _groups(build_report(replace(context, profile=Profile(objects=("SR",))), None))[1]

    assert "Referenced Segment" not in without
    assert {name: with_seg[name] for name in without} == without
    assert {"Volume", "Long Axis", "Short Axis", "Finding", "Tracking Unique Identifier"} <= without.keys()


def test_a_seg_of_too_many_frames_is_missed_in_words(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    context = replace(_context(mask_findings(volume, lopsided()), volume), profile=Profile(maximum_frames=1))

    comment = str(_groups(build_report(context, None))[0]["Comment"])

    assert "The segmentation object is left out: it has 2 frames, its destination takes 1 at most." in comment


def test_a_destination_that_wants_comprehensive_sr_gets_it(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    context = _context(class_findings(volume), volume)

    plain = build_report(replace(context, profile=Profile(sr_class="comprehensive")), None)

    assert plain.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert _groups(plain) == _groups(build_report(context, None))


def test_replaced_documents_are_named_by_study_and_series(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    old = [
        Predecessor("1.2", series, "1.2.840.10008.5.1.4.1.1.88.34", uid)
        for series, uid in (("1.3", "1.4"), ("1.5", "1.6"))
    ]
    context = replace(_context(class_findings(volume), volume), predecessors=tuple(old))

    (study,) = build_report(context, None).PredecessorDocumentsSequence

    assert study.StudyInstanceUID == "1.2"
    assert [s.SeriesInstanceUID for s in study.ReferencedSeriesSequence] == ["1.3", "1.5"]
    assert [s.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for s in study.ReferencedSeriesSequence] == [
        "1.4",
        "1.6",
    ]


def test_a_report_that_replaces_nothing_names_nothing(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    assert "PredecessorDocumentsSequence" not in _report(class_findings(volume), volume)


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
