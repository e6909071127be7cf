"""Which volumes of a study each model gets, what it waits for, and why a volume is left out."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import JOB, NOW, SERIES, after, candidate
from support.rooms import settings

from db.records import SeriesState
from dicom_io.candidate import Candidate
from inference.card import Input
from node.candidates import to_text
from node.decision import Clock, Enqueue, Need, Place, Plan, Refuse, Wait
from node.plan import is_made_of, plan, plan_study

SEGMENT = Need("segment", (Input(("flair",)),))
CLASSIFY = Need("classify", (Input(("t1c", "t1")),))
SUBTYPE = Need("subtype", (Input(("flair",)), Input(("t1",)), Input(("t1c",)), Input(("t2",))))
GRADE = Need("grade", (Input(("flair",)), Input(("t2",), optional=True)))
NEEDED, OPTIONAL = timedelta(hours=1), timedelta(seconds=30)

FLAIR = candidate("1.3", "flair")
T1 = candidate("1.4", "t1", timing="SE TR 550 TE 10")
T1C = candidate("1.5", "t1c", agent="Gadovist", timing="SE TR 560 TE 11")
T2 = candidate("1.6", "t2")
OTHER = candidate("1.7", "other")
SAGITTAL = candidate("1.8", "flair", plane="sagittal")
BROKEN = candidate("1.9", "flair", reason="slices 3 and 4 of 24 are 10 mm apart, the others 5 mm")
WORSE = candidate("1.10", "flair", reason="sheared")
KNEE = candidate("1.11", "flair", reason="it shows the knee")
T1_BROKEN = candidate("1.12", "t1", reason="sheared")
ECHOES = (candidate("1.2", "t2", part="echo 2 (TE 90 ms)"), candidate("1.2", "other", part="echo 1 (TE 20 ms)"))


def clock(seconds: float = 0, last: datetime = NOW) -> Clock:
    """Return what time it is, in seconds after the last instance."""
    return Clock(now=last + timedelta(seconds=seconds), last_received_at=last, needed=NEEDED, optional=OPTIONAL)


def outcome(planned: Plan) -> list[str]:
    """Write each decision in a line: its kind, and the series or what is missing."""
    lines = []
    for decision in planned.decisions:
        given_ = "+".join(f"{one.sequence}:{one.series_instance_uid}{one.part}" for one in decision.inputs)
        match decision:
            case Enqueue():
                lines.append(f"{decision.model} gets {given_}")
            case Wait():
                seconds = (decision.until - NOW).total_seconds()
                lines.append(f"{decision.model} waits for {', '.join(decision.missing)} until {seconds:g}")
            case Refuse():
                lines.append(f"{decision.model} {decision.reason}")
    return lines


@pytest.mark.parametrize(
    ("there", "needs", "seconds", "expected"),
    [
        pytest.param([], [SEGMENT], 0, ["segment lacks FLAIR"], id="nothing is there"),
        pytest.param([FLAIR], [], 0, [], id="no model is switched on"),
        pytest.param([FLAIR], [SEGMENT], 0, ["segment gets flair:1.3"], id="one input, at once"),
        pytest.param([T2], [SEGMENT], 0, ["segment lacks FLAIR"], id="nothing to wait for"),
        pytest.param([BROKEN], [SEGMENT], 0, ["segment lacks FLAIR"], id="what is not eligible is not given"),
        pytest.param([BROKEN, SAGITTAL], [SEGMENT], 0, ["segment gets flair:1.8"], id="eligible goes before better"),
        pytest.param([SAGITTAL, FLAIR], [SEGMENT], 0, ["segment gets flair:1.3"], id="the better of two"),
        pytest.param([T1C], [CLASSIFY], 0, ["classify gets t1c:1.5"], id="the preferred sequence, at once"),
        pytest.param([T1], [CLASSIFY], 0, ["classify waits for T1 post contrast until 30"], id="a better sequence"),
        pytest.param([T1], [CLASSIFY], 30, ["classify gets t1:1.4"], id="what there is, after the wait"),
        pytest.param([T1, T1C], [CLASSIFY], 0, ["classify gets t1c:1.5"], id="the preferred of two sequences"),
        pytest.param(
            [FLAIR, T1C],
            [SEGMENT, CLASSIFY],
            0,
            ["segment gets flair:1.3", "classify gets t1c:1.5"],
            id="two models, a series each",
        ),
        pytest.param(
            [FLAIR, T2],
            [SEGMENT, GRADE],
            0,
            ["segment gets flair:1.3", "grade gets flair:1.3+t2:1.6"],
            id="two models share a series",
        ),
        pytest.param(
            [FLAIR],
            [SEGMENT, GRADE],
            0,
            ["segment gets flair:1.3", "grade waits for T2 until 30"],
            id="one model does not wait for another's wish",
        ),
        pytest.param([FLAIR], [GRADE], 29, ["grade waits for T2 until 30"], id="a wish, a second before its end"),
        pytest.param([FLAIR], [GRADE], 30, ["grade gets flair:1.3"], id="a wish, at its end"),
        pytest.param([T2], [GRADE], 0, ["grade lacks FLAIR"], id="an optional input alone is no reason to wait"),
        pytest.param(
            [FLAIR, T1, T1C, T2], [SUBTYPE], 0, ["subtype gets flair:1.3+t1:1.4+t1c:1.5+t2:1.6"], id="all of four"
        ),
        pytest.param([FLAIR, T1, T1C], [SUBTYPE], 0, ["subtype waits for T2 until 3600"], id="one of four missing"),
        pytest.param(
            [FLAIR], [SUBTYPE], 0, ["subtype waits for T1, T1 post contrast, T2 until 3600"], id="three of four missing"
        ),
        pytest.param([T1, T1C, T2], [SUBTYPE], 0, ["subtype waits for FLAIR until 3600"], id="the reference came last"),
        pytest.param([FLAIR, T1, T1C], [SUBTYPE], 3599, ["subtype waits for T2 until 3600"], id="a need, in time"),
        pytest.param(
            [FLAIR, T1, T1C],
            [SUBTYPE],
            3600,
            ["subtype lacks T2: nothing more of the study came until 13:00 UTC"],
            id="a need, at its end",
        ),
        pytest.param(
            [OTHER, BROKEN], [SUBTYPE], 3600, ["subtype lacks FLAIR and T1 and T1 post contrast and T2"], id="no hope"
        ),
        pytest.param(
            [FLAIR, T1, T1C, *ECHOES],
            [SUBTYPE],
            0,
            ["subtype gets flair:1.3+t1:1.4+t1c:1.5+t2:1.2echo 2 (TE 90 ms)"],
            id="a part of a series",
        ),
        pytest.param(
            [FLAIR, replace(ECHOES[0], sequence="t1"), T1C, replace(ECHOES[1], sequence="t2")],
            [SUBTYPE],
            0,
            ["subtype gets flair:1.3+t1:1.2echo 2 (TE 90 ms)+t1c:1.5+t2:1.2echo 1 (TE 20 ms)"],
            id="two parts of one series",
        ),
    ],
)
def test_each_model_gets_waits_or_is_refused(
    there: list[Candidate], needs: list[Need], seconds: float, expected: list[str]
) -> None:
    assert outcome(plan(there, needs, clock(seconds))) == expected


def test_an_instance_of_another_series_renews_the_wait() -> None:
    still_receiving = clock(5, last=after(3590))

    assert outcome(plan([FLAIR, T1, T1C], [SUBTYPE], still_receiving)) == ["subtype waits for T2 until 7190"]


def test_where_nothing_more_will_come_no_model_waits() -> None:
    assert outcome(plan([FLAIR, T1], [SEGMENT, GRADE, CLASSIFY, SUBTYPE], None)) == [
        "segment gets flair:1.3",
        "grade gets flair:1.3",
        "classify gets t1:1.4",
        "subtype lacks T1 post contrast and T2",
    ]


def test_a_late_better_volume_changes_the_inputs_and_a_late_worse_one_does_not() -> None:
    def inputs(*there: Candidate) -> object:
        return plan(there, [SEGMENT], clock()).decisions[0].inputs

    assert inputs(SAGITTAL, FLAIR) != inputs(SAGITTAL)
    assert inputs(FLAIR, SAGITTAL) == inputs(FLAIR)


def test_the_volume_not_chosen_says_which_was_preferred_and_why() -> None:
    (decision,) = plan([FLAIR, SAGITTAL], [SEGMENT], clock()).decisions

    assert decision.left_out[Place("1.8", "")] == (
        "series 3 FLAIR, axial, 5.0 mm: preferred to series 8 FLAIR (sagittal)"
    )


def test_the_chosen_volume_says_why_in_the_notes_of_its_job_and_an_only_one_needs_none() -> None:
    (chosen,) = plan([FLAIR, SAGITTAL], [SEGMENT], clock()).decisions
    (only,) = plan([FLAIR], [SEGMENT], clock()).decisions

    assert isinstance(chosen, Enqueue)
    assert isinstance(only, Enqueue)
    assert chosen.reasons == ("series 3 FLAIR as FLAIR: axial, 5.0 mm: preferred to series 8 FLAIR (sagittal)",)
    assert only.reasons == ()


def test_a_sequence_that_a_model_likes_less_says_which_was_preferred() -> None:
    (decision,) = plan([T1, T1C], [CLASSIFY], clock()).decisions

    assert decision.left_out[Place("1.4", "")] == "series 5 T1C is preferred: it is T1 post contrast"


def test_a_sequence_that_a_model_does_not_want_says_what_it_wants() -> None:
    (decision,) = plan([OTHER], [GRADE], clock()).decisions

    assert decision.left_out[Place("1.7", "")] == "the sequence is other; grade wants flair, t2 (optional)"


def test_what_was_waited_for_in_vain_is_in_the_notes() -> None:
    (decision,) = plan([FLAIR], [GRADE], clock(30)).decisions

    assert isinstance(decision, Enqueue)
    assert decision.reasons == ("without T2: nothing more of the study came until 12:00:30 UTC",)


def test_times_are_told_in_the_zone_of_now() -> None:
    vienna = replace(clock(), now=NOW.astimezone(timezone(timedelta(hours=1), "CET")))

    (decision,) = plan([FLAIR, T1, T1C], [SUBTYPE], vienna).decisions

    assert isinstance(decision, Wait)
    assert decision.sentence == "subtype waits for T2 until 14:00 CET"


@pytest.mark.parametrize(
    ("there", "need", "seconds", "reported"),
    [
        pytest.param([T2], SEGMENT, 3600, (), id="nothing it wants is there"),
        pytest.param([KNEE], SEGMENT, 3600, (), id="what it wants is not for any model"),
        pytest.param([FLAIR], SUBTYPE, 3600, ("1.3",), id="it waited in vain"),
        pytest.param([BROKEN], SEGMENT, 0, ("1.9",), id="what it wants is no volume"),
        pytest.param([BROKEN], CLASSIFY, 0, (), id="what another wants is no volume"),
        pytest.param([BROKEN, WORSE], SEGMENT, 0, ("1.10",), id="two are no volumes"),
        pytest.param([BROKEN, T1], SUBTYPE, 3600, ("1.9", "1.4"), id="one is there, the other no volume"),
        pytest.param([BROKEN], GRADE, 0, ("1.9",), id="what it can do without is not missed"),
        pytest.param([T1_BROKEN], CLASSIFY, 0, ("1.12",), id="the second choice is no volume"),
    ],
)
def test_a_model_that_wanted_something_of_the_study_and_is_not_asked_is_reported(
    there: list[Candidate], need: Need, seconds: float, reported: tuple[str, ...]
) -> None:
    defective = [Place.of(one) for one in (BROKEN, WORSE, T1_BROKEN)]

    (decision,) = plan(there, [need], clock(seconds), defective).decisions

    assert isinstance(decision, Refuse)
    assert tuple(one.series_instance_uid for one in decision.reported) == reported


def test_a_report_says_what_is_missing_how_long_was_waited_and_what_is_no_volume() -> None:
    (decision,) = plan([BROKEN, T1, T1C, T2], [SUBTYPE], clock(3600), [Place.of(BROKEN)]).decisions

    assert isinstance(decision, Refuse)
    assert decision.reason == (
        "lacks FLAIR: nothing more of the study came until 13:00 UTC; "
        "series 9 FLAIR: slices 3 and 4 of 24 are 10 mm apart, the others 5 mm"
    )


@given(
    there=st.permutations([FLAIR, T1, T1C, T2, OTHER, SAGITTAL, BROKEN, *ECHOES]),
    left_out=st.integers(0, 8),
    seconds=st.sampled_from([0, 30, 3600]),
)
def test_the_order_in_which_series_came_does_not_change_the_plan(
    there: list[Candidate], left_out: int, seconds: float
) -> None:
    some = there[left_out:]
    needs = [SEGMENT, CLASSIFY, GRADE, SUBTYPE]

    planned = plan(some, needs, clock(seconds))

    by_place = sorted(some, key=lambda one: (one.series_instance_uid, one.part))
    assert planned == plan(by_place, needs, clock(seconds))


@given(there=st.lists(st.sampled_from([FLAIR, T1, T1C, T2, OTHER, SAGITTAL, BROKEN, *ECHOES]), unique=True))
def test_every_volume_is_given_to_a_model_once_or_left_out_with_a_reason(there: list[Candidate]) -> None:
    for decision in plan(there, [SEGMENT, CLASSIFY, GRADE, SUBTYPE], clock(3600)).decisions:
        places = [Place(one.series_instance_uid, one.part) for one in decision.inputs]
        assert len(set(places)) == len(places)
        eligible = {Place.of(one) for one in there if one.eligible}
        assert set(places) | set(decision.left_out) == eligible
        assert not set(places) & set(decision.left_out)
        assert all(decision.left_out.values())


def test_a_study_is_planned_from_its_complete_series_and_waits_count_from_its_last_instance() -> None:
    policy = settings(completion__optional_wait_seconds=60).completion
    flair = replace(SERIES, state=SeriesState.WAITING, candidates=to_text([FLAIR]), last_received_at=NOW)
    receiving = replace(SERIES, series_instance_uid="1.6", last_received_at=after(100))

    (decision,) = plan_study((flair, receiving), [GRADE], policy, after(120)).decisions

    assert isinstance(decision, Wait)
    assert decision.until == after(160)


def test_no_wait_ends_before_the_quiet_time_in_which_what_is_missing_may_become_complete() -> None:
    policy = settings(
        completion__needed_wait_seconds=0, completion__optional_wait_seconds=0, completion__quiet_seconds=20
    ).completion
    flair = replace(SERIES, state=SeriesState.WAITING, candidates=to_text([FLAIR]), last_received_at=NOW)

    planned = plan_study((flair,), [GRADE, SUBTYPE], policy, after(10))

    assert [decision.until for decision in planned.decisions if isinstance(decision, Wait)] == [after(20), after(20)]


def test_a_job_is_made_of_a_series_until_further_instances_come() -> None:
    assert is_made_of(JOB, SERIES)
    assert not is_made_of(JOB, replace(SERIES, series_instance_uid="1.2"))
    assert not is_made_of(JOB, replace(SERIES, last_received_at=after(3)))
