from dataclasses import replace

import pytest
from pydicom.sr import codedict
from pydicom.sr.coding import Code
from support.source_series import class_findings, classic_volume, lopsided, mask_findings

from dicom_io import codes
from dicom_io.errors import MissingSlices
from dicom_io.findings import Score
from inference.errors import UnsuitableCase


def _group(cid: int) -> set[Code]:
    """Every code of a context group of PS3.16, as pydicom ships it."""
    return set(getattr(codedict.codes, f"cid{cid}").concepts.values())


IN_GROUPS = [
    (codes.MORPHOLOGICALLY_ABNORMAL, 7150),
    (codes.LESION, 7159),
    (codes.NEOPLASM, 7159),
    (codes.REPORT_TITLE, 7021),
    (codes.MEASUREMENTS_TITLE, 7021),
    (codes.CENTRE_OF_MASS, 219),
    (codes.MILLIMETRE, 7460),
    (codes.COVERAGE_INCOMPLETE, 6315),
    (codes.INCOMPLETE_STUDY, 6314),
    (codes.SUBTYPES["astrocytoma"], 639),
    (codes.PROCEDURE, 100),
    (codes.WITH_FINDINGS, 6047),
    (codes.WITHOUT_FINDINGS, 6047),
    (codes.UNSUCCESSFUL, 6047),
    (codes.PRESENT, 240),
    (codes.ABSENT, 240),
    (codes.UNDETERMINED, 240),
    (codes.CERTAINTY, 6048),
    (codes.VOLUME, 7472),
    (codes.VOLUME_METHOD, 7474),
    (codes.CUBIC_CENTIMETRE, 7462),
    (codes.ARTIFICIAL_INTELLIGENCE, 7162),
    (codes.PROCESSING_EQUIPMENT, 7005),
    (codes.DEVICE, 270),
]


@pytest.mark.parametrize(("code", "cid"), IN_GROUPS, ids=lambda value: getattr(value, "meaning", str(value)))
def test_a_code_and_its_meaning_stand_in_the_context_group_it_is_said_to_be_of(code: Code, cid: int) -> None:
    meanings = {(c.value, c.scheme_designator): c.meaning for c in _group(cid)}

    assert meanings[code.value, code.scheme_designator] == code.meaning


def test_every_segment_has_a_category_and_a_type_from_the_standard() -> None:
    assert {segment.category for segment in codes.SEGMENTS.values()} <= _group(7150)
    assert {segment.type for segment in codes.SEGMENTS.values()} <= _group(7159)


def test_no_tumour_is_no_finding() -> None:
    assert codes.NO_TUMOUR not in codes.CLASSES


def test_each_answer_has_its_own_summary_and_state(tmp_path) -> None:
    findings = class_findings(classic_volume(tmp_path))
    answers = [replace(findings, present=present) for present in (True, False, None)]

    assert [codes.summary(one).value for one in answers] == ["111242", "111241", "111245"]
    assert len(set(codes.STATE_OF.values())) == 3


@pytest.mark.parametrize("code", [codes.LONG_AXIS, codes.SHORT_AXIS], ids=lambda code: code.meaning)
def test_axes_are_codes_of_the_standard_by_the_names_that_viewers_look_for(code: Code) -> None:
    group = {one.value: one.meaning for one in _group(7470)}

    assert group[code.value].lower() == code.meaning.lower()
    assert code.meaning.istitle()


def test_every_class_answers_one_question() -> None:
    answers = [label for group in codes.QUESTIONS.values() for label in group]

    assert sorted(answers) == sorted(codes.CLASSES)
    assert len({code.value for code in codes.CLASSES.values()}) == len(codes.CLASSES) == 9


@pytest.mark.parametrize("label", ["grade_3", "oligoastrocytoma"])
def test_a_model_that_is_asked_of_a_glioma_succeeds_without_saying_whether_there_is_one(tmp_path, label: str) -> None:
    findings = replace(class_findings(classic_volume(tmp_path)), present=None, scores=(Score(label, 0.7),))

    assert codes.asks_of_glioma(findings)
    assert codes.sought(findings) == codes.TUMOUR_TYPES["glioma"]
    assert codes.summary(findings) == codes.WITH_FINDINGS


def test_reasons_are_named_by_errors_that_exist() -> None:
    names = {error.__name__ for error in (MissingSlices, UnsuitableCase)}

    assert set(codes.REASONS) == names


@pytest.mark.parametrize("ask", [codes.segment_codes, codes.class_code])
def test_a_label_without_codes_is_refused_by_name(ask) -> None:
    with pytest.raises(KeyError, match="moon_rock"):
        ask("moon_rock")


def test_a_segmentation_looks_for_its_segments_and_a_classification_for_a_tumour(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    assert codes.sought(mask_findings(volume, lopsided())) == codes.LESION
    assert codes.sought(class_findings(volume)) == codes.NEOPLASM
