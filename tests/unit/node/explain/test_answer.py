"""Each series, each volume, each model: what became of it, in a sentence."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.records import DELIVERY, JOB, NOW, SERIES, after, candidate

from db.records import Delivery, DeliveryState, Job, JobInput, JobState, SeriesRecord, SeriesState
from dicom_io.candidate import Candidate
from inference.card import Input
from node.decision import Clock, Need
from node.explain.answer import Study, explain
from node.plan import plan
from node.report import JobReport

SEGMENT = Need("segment_unet2d", (Input(("flair",)),))
SUBTYPE = Need("subtype", (Input(("flair",)), Input(("t2",))))
COMPLETE = replace(SERIES, state=SeriesState.ENQUEUED)
REPORT = JobReport("a", "segmentation", "a lesion of 3.0 cm3", True, {}, {}).to_json()
DONE = replace(JOB, id=3, state=JobState.DONE, finished_at=after(70), report=REPORT)
DELIVERED = replace(DELIVERY, job_id=3, state=DeliveryState.DELIVERED, delivered_at=after(75))


def sentences(
    there: Candidate,
    jobs: tuple[Job, ...] = (),
    deliveries: tuple[Delivery, ...] = (),
    *,
    needs: tuple[Need, ...] = (SEGMENT,),
    series: SeriesRecord = COMPLETE,
    others: tuple[Candidate, ...] = (),
    now: datetime = NOW + timedelta(seconds=90),
) -> list[str]:
    """Answer for one volume, as lines without the model's name."""
    clock = Clock(now, series.last_received_at, needed=timedelta(hours=1), optional=timedelta(seconds=30))
    planned = plan([there, *others], needs, clock)
    (answers,) = explain(Study((series,), jobs, deliveries), planned, 10, now)
    return [answer.sentence for volume in answers.volumes for answer in volume.answers]


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (replace(JOB, id=3), "waiting for a worker (job 3, since 12:00:03)"),
        (
            replace(JOB, id=3, reason="no space left", attempts=1),
            "waiting for a worker (job 3, since 12:00:03): no space left",
        ),
        (
            replace(JOB, id=3, state=JobState.RUNNING, attempts=2, started_at=after(60)),
            "analysing (job 3, attempt 2, since 12:01:00)",
        ),
        (
            replace(JOB, id=3, state=JobState.FAILED, finished_at=after(61), reason="3 slices are missing"),
            "failed (job 3, 12:01:01): 3 slices are missing; nobody was told",
        ),
        (
            replace(JOB, id=3, failure="its worker died", reason="no space left", started_at=after(60)),
            "failed, to be reported (job 3, since 12:01:00): its worker died: no space left",
        ),
        (
            replace(JOB, id=3, refusal="lacks T2"),
            "not analysed, to be reported (job 3, since 12:00:03): lacks T2",
        ),
        (replace(JOB, id=3, state=JobState.HELD), "held (job 3, since 12:00:03)"),
        (
            replace(JOB, id=3, state=JobState.SUPERSEDED, finished_at=after(61), reason="job 4 takes its place"),
            "superseded (job 3, 12:01:01): job 4 takes its place",
        ),
        (
            DONE,
            "analysed (job 3, done 12:01:10): a lesion of 3.0 cm3; no destination: the results stay here",
        ),
        (
            replace(DONE, enqueued_at=after(1)),
            "analysed (job 3, done 12:01:10, before the last instances came): a lesion of 3.0 cm3; "
            "no destination: the results stay here",
        ),
    ],
)
def test_a_volume_with_a_job_says_where_the_job_stands(job: Job, sentence: str) -> None:
    assert sentences(candidate("1.1"), (job,)) == [sentence]


def test_a_job_done_says_where_its_results_are() -> None:
    owed = replace(DELIVERY, job_id=3, destination="ARCHIVE", reason="no answer")
    of_another = replace(DELIVERY, job_id=4, destination="ELSEWHERE")

    (sentence,) = sentences(candidate("1.1"), (DONE,), (DELIVERED, owed, of_another))

    assert sentence.endswith("; SR to PACS delivered 12:01:15; SR to ARCHIVE waiting (no answer)")


def test_what_went_to_one_destination_together_is_told_together() -> None:
    kinds = ("SEG", "SR", "KEY IMAGE")
    to_pacs = tuple(
        replace(DELIVERED, result=replace(DELIVERY.result, kind=kind), delivered_at=after(75 + number))
        for number, kind in enumerate(kinds)
    )
    owed = replace(DELIVERY, job_id=3, destination="ARCHIVE")

    (sentence,) = sentences(candidate("1.1"), (DONE,), (*to_pacs, owed))

    assert sentence.endswith("; SEG, SR, KEY IMAGE to PACS delivered 12:01:17; SR to ARCHIVE waiting")


def test_a_failed_job_says_who_was_told() -> None:
    failed = replace(JOB, id=3, state=JobState.FAILED, finished_at=after(61), reason="3 slices are missing")

    (sentence,) = sentences(candidate("1.1"), (failed,), (DELIVERED,))

    assert sentence == "failed (job 3, 12:01:01): 3 slices are missing; SR to PACS delivered 12:01:15"


def test_a_volume_whose_model_lacked_something_says_what_and_who_was_told() -> None:
    skipped = replace(JOB, id=3, state=JobState.FAILED, finished_at=after(61), refusal="lacks T2", reason="lacks T2")

    assert sentences(candidate("1.1"), (replace(skipped, model="subtype"),), (DELIVERED,), needs=(SUBTYPE,))[0] == (
        "not analysed (job 3, 12:01:01): lacks T2; SR to PACS delivered 12:01:15"
    )


def test_what_is_no_volume_says_who_was_told_that_it_was_missed() -> None:
    reason = "lacks FLAIR; series 1 FLAIR: 2 slices"
    skipped = replace(JOB, id=3, state=JobState.FAILED, finished_at=after(61), refusal=reason, reason=reason)

    assert sentences(candidate("1.1", reason="2 slices"), (skipped,), (DELIVERED,)) == [
        f"not analysed (job 3, 12:01:01): {reason}; SR to PACS delivered 12:01:15"
    ]


def test_a_time_of_another_day_has_its_date() -> None:
    (sentence,) = sentences(candidate("1.1"), (DONE,), now=NOW + timedelta(days=1))

    assert "done 2025-03-01 12:01:10" in sentence


def test_a_volume_of_a_model_that_waits_says_for_what_and_until_when() -> None:
    assert sentences(candidate("1.1"), needs=(SUBTYPE,)) == ["still waiting for T2 until 13:00:02 UTC"]


def test_a_volume_that_is_analysed_and_waited_with_says_both() -> None:
    of_subtype = replace(DONE, model="subtype")

    assert [line.partition(" (")[0] for line in sentences(candidate("1.1"), (of_subtype,), needs=(SUBTYPE,))] == [
        "analysed",
        "still waiting for T2 until 13:00:02 UTC",
    ]


def test_a_volume_whose_model_waited_in_vain_says_what_is_missing() -> None:
    assert sentences(candidate("1.1"), needs=(SUBTYPE,), now=NOW + timedelta(hours=2)) == [
        "not analysed: lacks T2: nothing more of the study came until 13:00:02 UTC"
    ]


def test_a_volume_not_chosen_says_which_was_and_why() -> None:
    better = candidate("1.3", spacing=(1.0, 0.9, 0.9), shape=(160, 256, 256))

    assert sentences(candidate("1.1", plane="sagittal"), others=(better,)) == [
        "not chosen: series 3 FLAIR, axial, isotropic, 1.0 mm: preferred to series 1 FLAIR (sagittal)"
    ]


def test_a_volume_no_longer_chosen_says_what_was_made_of_it() -> None:
    better = candidate("1.3", spacing=(1.0, 0.9, 0.9), shape=(160, 256, 256))

    (sentence,) = sentences(candidate("1.1", plane="sagittal"), (DONE,), others=(better,))

    assert sentence.startswith("analysed (job 3")


def test_a_volume_of_another_sequence_says_what_the_model_wants() -> None:
    assert sentences(candidate("1.1", "t2")) == ["not eligible: the sequence is t2; segment_unet2d wants flair"]


def test_what_is_no_volume_says_why_for_every_model() -> None:
    assert sentences(candidate("1.1", reason="2 slices"), needs=(SEGMENT, SUBTYPE)) == ["not eligible: 2 slices"] * 2


def test_a_volume_that_fits_but_has_no_job_says_so() -> None:
    assert sentences(candidate("1.1")) == [
        "fits, but has no job yet: the node is not running, or the model was switched on later"
    ]


def test_a_job_of_a_model_that_was_switched_off_is_still_told() -> None:
    (sentence,) = sentences(candidate("1.1"), (DONE,), needs=())

    assert sentence.startswith("analysed (job 3")


def test_a_job_concerns_only_the_volume_it_was_given() -> None:
    of_echo_2 = replace(DONE, inputs=(JobInput("flair", "1.1", "echo 2"),))
    echo_1 = candidate("1.1", "other", part="echo 1")

    answers = sentences(echo_1, (of_echo_2,), others=(candidate("1.1", part="echo 2"),))

    assert answers[0].startswith("not eligible: the sequence is other")
    assert answers[1].startswith("analysed (job 3")


def test_a_series_still_received_says_how_far_it_is_and_when_it_is_complete() -> None:
    planned = plan([], [SEGMENT], None)

    (answers,) = explain(Study((SERIES,), (), ()), planned, 5, NOW)

    assert answers.receiving == ("receiving: 24 instances so far, the last at 12:00:02; complete after 5 s of quiet")
    assert answers.volumes == ()
