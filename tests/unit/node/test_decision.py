"""Where decisions leave each series, and how they read."""

from datetime import datetime

import pytest
from support.records import NOW, after, candidate

from db.records import JobInput, SeriesState
from dicom_io.candidate import Candidate
from inference.card import Input
from node.decision import Decision, Enqueue, Need, Place, Plan, Refuse, Standing, Wait, in_words

SEGMENT = Need("segment", (Input(("flair",)),))
SUBTYPE = Need("subtype", (Input(("flair",)), Input(("t2",))))
GETS = Enqueue(model="segment", inputs=(JobInput("flair", "1.1"),))
WAITS = Wait(model="subtype", inputs=(JobInput("flair", "1.1"),), missing=("T2",), until=after(1800))
LACKS = Refuse(model="subtype", inputs=(JobInput("flair", "1.1"),), reason="lacks T2")


def standing(*decisions: Decision, there: tuple[Candidate, ...] = (candidate("1.1"),)) -> Standing:
    needs = {"segment": SEGMENT, "subtype": SUBTYPE}
    return Plan(there, tuple(needs[one.model] for one in decisions), decisions).standing("1.1")


def test_a_series_that_a_model_is_asked_about_is_enqueued() -> None:
    assert standing(GETS) == Standing(SeriesState.ENQUEUED)
    assert standing(GETS, LACKS) == Standing(SeriesState.ENQUEUED)


def test_a_series_is_waiting_while_any_model_waits_with_it() -> None:
    assert standing(GETS, WAITS) == Standing(
        SeriesState.WAITING, "subtype waits for T2 until 12:30 UTC", until=after(1800)
    )


def test_a_series_waits_until_the_first_of_its_models_decides() -> None:
    sooner = Wait(model="segment", inputs=WAITS.inputs, missing=("T1", "T2"), until=after(30))

    assert standing(sooner, WAITS) == Standing(
        SeriesState.WAITING,
        "segment waits for T1 and T2 until 12:00:30 UTC; subtype waits for T2 until 12:30 UTC",
        until=after(30),
    )


def test_a_series_whose_model_lacks_another_is_refused_with_what_is_missing() -> None:
    assert standing(LACKS) == Standing(SeriesState.REFUSED, "subtype lacks T2")


def test_a_series_left_out_is_refused_with_what_was_preferred() -> None:
    chosen = Enqueue(model="segment", left_out={Place("1.1", ""): "series 3 FLAIR AX preferred: axial"})

    assert standing(chosen).reason == "segment: series 3 FLAIR AX preferred: axial"


def test_a_series_no_model_wants_is_refused_with_what_each_wants() -> None:
    refused = Refuse(model="segment", reason="lacks FLAIR"), Refuse(model="subtype", reason="lacks FLAIR and T2")

    reason = standing(*refused, there=(candidate("1.1", "t1"),)).reason

    assert reason == "the sequence is t1; segment wants flair; subtype wants flair, t2"


def test_the_reason_says_so_where_no_model_is_switched_on() -> None:
    assert standing().reason == "no model is switched on"


def test_a_series_that_is_no_volume_is_refused_with_each_reason_once() -> None:
    reasons = (("stack 1", "2 slices"), ("stack 2", "sheared"), ("", "no image"), ("", "no image"))
    there = tuple(candidate("1.1", part=part, reason=reason) for part, reason in reasons)

    refused = standing(Refuse(model="segment", reason="lacks FLAIR"), there=there)

    assert refused.reason == "stack 1: 2 slices; stack 2: sheared; no image"


def test_a_series_that_offers_nothing_at_all_is_refused_in_words() -> None:
    assert standing(there=()).reason == "there is no volume in it"


def test_a_part_is_named_where_its_series_holds_several() -> None:
    there = (candidate("1.1", "other", part="echo 1"), candidate("1.1", "t1", part="echo 2", reason="2 slices"))

    refused = standing(Refuse(model="segment", reason="lacks FLAIR"), there=there)

    assert refused.reason == "echo 1: the sequence is other; segment wants flair"


def test_the_users_of_a_volume_are_the_models_asked_about_it_and_not_those_that_wait() -> None:
    planned = Plan((candidate("1.1"),), (SEGMENT, SUBTYPE), (GETS, WAITS))

    assert planned.users(candidate("1.1")) == ("segment",)
    assert planned.users(candidate("1.1", part="echo 2")) == ()


@pytest.mark.parametrize(
    ("time", "words"), [(NOW, "12:00 UTC"), (after(5), "12:00:05 UTC"), (after(60.25), "12:01 UTC")]
)
def test_a_time_has_seconds_only_where_it_has_any(time: datetime, words: str) -> None:
    assert in_words(time) == words


def test_what_a_model_needs_reads_as_a_list_with_the_optional_inputs_marked() -> None:
    need = Need("grade", (Input(("t1c", "t1")), Input(("flair",), optional=True)))

    assert need.in_words == "t1c or t1, flair (optional)"
    assert need.sequences == {"t1c", "t1", "flair"}
