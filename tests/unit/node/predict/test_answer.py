"""Answers as JSON, and what exit status they amount to."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Attention, Findings, Score
from node.predict.answer import (
    BAD_INPUT,
    DISCLAIMER,
    FAILURE,
    SUCCESS,
    Answer,
    State,
    exit_status,
    plain,
    plain_refusal,
)
from node.predict.material import Kind, Material, Question, Unasked

QUESTION = Question("1.2", "detect", ("FLAIR: series 3",), (), datetime(2026, 1, 5, tzinfo=UTC), lambda: Case("1", {}))
FINDINGS = Findings(
    algorithm=Algorithm("detect", "1.0.0", "abcdef123" + "0" * 55),
    task="detection",
    series_instance_uid="1",
    present=True,
    scores=(Score("tumour", 0.98765),),
    mask=None,
    summary="Tumour found",
    attention=Attention(np.zeros((1, 2, 2), np.float32), "tumour", "occlusion", "1"),
)
REFUSED = Answer(QUESTION, State.REFUSED, "no T1")


@pytest.mark.parametrize(
    ("states", "lacking", "status"),
    [
        ((State.ANALYSED,), (), SUCCESS),
        ((State.ANALYSED, State.REFUSED), (), BAD_INPUT),
        ((State.ANALYSED,), ("grade",), BAD_INPUT),
        ((State.REFUSED, State.FAILED), (), FAILURE),
    ],
)
def test_the_exit_status_tells_the_worst(states: tuple[State, ...], lacking: tuple[str, ...], status: int) -> None:
    assert exit_status([Answer(QUESTION, state) for state in states], lacking) == status


def test_a_program_is_told_everything_and_that_it_is_research() -> None:
    material = Material(Kind.DICOM, (QUESTION,), (Unasked("1.2", "grade", "lacks T2"),), ("a is not used",))
    answer = Answer(QUESTION, State.ANALYSED, findings=FINDINGS, notes=("a note",), files=("detect.png",))

    told = json.loads(json.dumps(plain("in", material, [answer, REFUSED], BAD_INPUT)))

    analysed, refused = told["analyses"]
    assert told["disclaimer"] == DISCLAIMER
    assert (told["kind"], told["exit_status"], told["not_used"]) == ("DICOM", 2, ["a is not used"])
    assert told["not_asked"] == [{"subject": "1.2", "model": "grade", "reason": "lacks T2"}]
    assert (analysed["state"], analysed["summary"], analysed["scores"]) == (
        "analysed",
        "Tumour found",
        {"tumour": 0.9877},
    )
    assert (analysed["algorithm"], analysed["notes"]) == ("detect 1.0.0+wabcdef12", ["a note"])
    assert (analysed["attention"], analysed["files"]) == ({"label": "tumour", "method": "occlusion"}, ["detect.png"])
    assert (refused["state"], refused["reason"]) == ("refused", "no T1")


def test_a_refusal_is_told_with_its_reason_and_status() -> None:
    assert plain_refusal("in", "nothing there") == {
        "disclaimer": DISCLAIMER,
        "path": "in",
        "exit_status": BAD_INPUT,
        "reason": "nothing there",
    }
