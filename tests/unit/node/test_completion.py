"""A quiet series becomes jobs, a wait or a reason, once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.builders import new_series
from support.intake import bytes_of
from support.records import candidate
from support.rooms import NOW, receive_series, settings

from db import inbox, views
from db.engine import reading
from db.records import Job, JobInput, SeriesRecord, SeriesState
from dicom_io.candidate import Candidate
from dicom_io.survey import Refusal, Survey, survey
from inference.card import Input
from node.candidates import from_text
from node.completion import Completion
from node.decision import Need

LATER = NOW + timedelta(seconds=20)
SEGMENT = Need("segment", (Input(("flair",)),))
CLASSIFY = Need("classify", (Input(("t1c", "flair")),))
PAIR = Need("pair", (Input(("flair",)), Input(("t2",))))
WISH = Need("wish", (Input(("flair",)), Input(("t2",), optional=True)))


def completion(
    engine: Engine,
    *on_release: str,
    needs: Sequence[Need] = (SEGMENT,),
    look_at: Callable[[Sequence[Path]], Survey] = survey,
    since: datetime = NOW,
) -> Completion:
    policy = settings(completion__quiet_seconds=10, completion__complete_on_release=on_release).completion
    return Completion(engine, policy, needs, look_at, since)


def state(engine: Engine, uid: str) -> tuple[SeriesRecord, tuple[Job, ...]]:
    with reading(engine) as connection:
        series = inbox.series(connection, uid)
        assert series is not None
        return series, views.jobs_of_study(connection, series.study_instance_uid)


def inputs(engine: Engine, uid: str) -> list[tuple[str, tuple[JobInput, ...]]]:
    return [(job.model, job.inputs) for job in state(engine, uid)[1]]


@pytest.fixture
def study() -> str:
    return str(generate_uid(None))


def of(study: str, sequence: str, **more: object) -> list[Dataset]:
    return new_series(sequence=sequence, StudyInstanceUID=study, **more)


def seconds(number: float) -> datetime:
    return NOW + timedelta(seconds=number)


def test_a_quiet_series_gets_a_job_from_every_model_that_it_suffices(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)

    settled = completion(engine, needs=(SEGMENT, PAIR, WISH)).look(seconds(40))

    series, jobs = state(engine, uid)
    assert settled == 1
    assert series.state == SeriesState.WAITING
    assert series.reason.startswith("pair waits for T2 until ")
    assert [(job.model, job.inputs, job.calling_ae_title) for job in jobs] == [
        ("segment", (JobInput("flair", uid),), "SCANNER"),
        ("wish", (JobInput("flair", uid),), "SCANNER"),
    ]


def test_what_the_headers_tell_is_kept_with_the_series(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)

    completion(engine).look(LATER)

    (kept,) = from_text(state(engine, uid)[0].candidates)
    assert (kept.series_instance_uid, kept.sequence, kept.shape) == (uid, "flair", (6, 16, 16))
    assert kept.rules


def test_a_second_look_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)
    completion(engine).look(LATER)
    before = state(engine, uid)

    assert completion(engine).look(LATER + timedelta(hours=1)) == 0

    assert state(engine, uid) == before


def test_looks_at_a_waiting_study_read_no_file_and_plan_nothing_until_its_time(engine: Engine, tmp_path: Path) -> None:
    surveyed: list[int] = []

    def counting(paths: Sequence[Path]) -> Survey:
        surveyed.append(len(paths))
        return survey(paths)

    receive_series(engine, tmp_path)
    looking = completion(engine, needs=[PAIR], look_at=counting)
    assert looking.look(LATER) == 1
    for path in tmp_path.rglob("*.dcm"):
        path.unlink()

    with capture_logs() as lines:
        assert [looking.look(seconds(time)) for time in (21, 22, 3599, 3600, 3601)] == [0, 0, 0, 1, 0]

    assert surveyed == [6]
    assert [line["event"] for line in lines] == ["failure to be reported", "series complete, nothing to do"]


def test_a_series_that_is_still_arriving_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)

    assert completion(engine).look(seconds(9)) == 0

    assert state(engine, uid)[0].state == SeriesState.RECEIVING


def test_a_series_cut_off_by_our_own_death_gets_its_quiet_time_again(engine: Engine, tmp_path: Path) -> None:
    receive_series(engine, tmp_path)
    restarted = completion(engine, since=NOW + timedelta(minutes=5))

    assert restarted.look(NOW + timedelta(minutes=5, seconds=9)) == 0
    assert restarted.look(NOW + timedelta(minutes=5, seconds=10)) == 1


def test_a_series_sent_again_from_the_start_is_enqueued_once_when_whole(engine: Engine, tmp_path: Path) -> None:
    slices = new_series(slices=4)
    uid = receive_series(engine, tmp_path, slices[:3])
    restarted = completion(engine)
    for second, data_set in enumerate(slices):  # one every 6 s: the known ones take longer than the quiet time
        receive_series(engine, tmp_path, [data_set], at=seconds(6 * (second + 1)))
        assert restarted.look(seconds(6 * (second + 1) + 5)) == 0

    assert restarted.look(seconds(34)) == 1

    assert [job.generation for job in state(engine, uid)[1]] == [0]


def test_a_trusted_sender_need_not_wait_after_its_release(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)
    with engine.begin() as connection:
        inbox.release(connection, [uid], NOW)

    assert completion(engine).look(NOW) == 0
    assert completion(engine, "SCANNER").look(NOW) == 1


def test_a_late_instance_makes_another_generation_of_jobs(engine: Engine, tmp_path: Path) -> None:
    slices = new_series()
    uid = receive_series(engine, tmp_path, slices[:-1])
    completion(engine).look(LATER)
    receive_series(engine, tmp_path, slices[-1:], at=LATER)

    completion(engine).look(LATER + timedelta(seconds=20))

    assert [job.generation for job in state(engine, uid)[1]] == [0, 1]


def test_an_instance_that_comes_while_its_series_is_surveyed_keeps_it_receiving(engine: Engine, tmp_path: Path) -> None:
    slices = new_series()
    uid = receive_series(engine, tmp_path, slices[:-1])

    def interrupted(paths: Sequence[Path]) -> Survey:
        receive_series(engine, tmp_path, slices[-1:], at=LATER)
        return survey(paths)

    assert completion(engine, look_at=interrupted).look(LATER) == 0

    series, jobs = state(engine, uid)
    assert (series.state, series.candidates, jobs) == (SeriesState.RECEIVING, "", ())


def test_a_model_of_two_series_waits_for_the_second_and_is_asked_when_it_comes(
    engine: Engine, tmp_path: Path, study: str
) -> None:
    looking = completion(engine, needs=[PAIR])
    flair = receive_series(engine, tmp_path, of(study, "flair"))
    with capture_logs() as lines:
        looking.look(LATER)
    series, jobs = state(engine, flair)
    assert (series.state, series.waiting_until, jobs) == (SeriesState.WAITING, seconds(3600), ())
    assert series.reason == "pair waits for T2 until 04:04:05 UTC"
    assert (lines[-1]["action"], lines[-1]["reason"]) == ("wait", series.reason)

    t2 = receive_series(engine, tmp_path, of(study, "t2"), at=seconds(100))
    assert looking.look(seconds(109)) == 0
    assert looking.look(seconds(110)) == 2

    assert inputs(engine, flair) == [("pair", (JobInput("flair", flair), JobInput("t2", t2)))]
    assert {state(engine, uid)[0].state for uid in (flair, t2)} == {SeriesState.ENQUEUED}


def test_what_was_waited_for_in_vain_is_said_and_still_used_when_it_comes(
    engine: Engine, tmp_path: Path, study: str
) -> None:
    looking = completion(engine, needs=[PAIR])
    flair = receive_series(engine, tmp_path, of(study, "flair"))
    looking.look(LATER)

    looking.look(seconds(3600))

    series, jobs = state(engine, flair)
    assert (series.state, series.waiting_until) == (SeriesState.REFUSED, None)
    assert series.reason == "pair lacks T2: nothing more of the study came until 04:04:05 UTC"
    assert [(job.refusal, job.inputs) for job in jobs] == [
        (series.reason.removeprefix("pair "), (JobInput("flair", flair),))
    ]
    t2 = receive_series(engine, tmp_path, of(study, "t2"), at=seconds(7200))
    looking.look(seconds(7210))
    _, analysis = state(engine, flair)[1]
    assert (analysis.inputs, analysis.refusal) == ((JobInput("flair", flair), JobInput("t2", t2)), "")
    assert state(engine, flair)[0].state == SeriesState.ENQUEUED


def test_what_a_model_lacks_is_reported_once_however_often_the_study_is_planned(
    engine: Engine, tmp_path: Path, study: str
) -> None:
    looking = completion(engine, needs=[PAIR])
    flair = receive_series(engine, tmp_path, of(study, "flair"))
    for number in range(1, 4):  # each renews the wait, and each wait is in vain
        looking.look(seconds(5000 * number - 1000))
        looking.look(seconds(5000 * number - 10))
        receive_series(engine, tmp_path, of(study, "t1"), at=seconds(5000 * number))

    assert [job.generation for job in state(engine, flair)[1]] == [0]


def test_a_series_that_is_no_volume_is_reported_and_again_when_further_instances_do_not_help(
    engine: Engine, tmp_path: Path
) -> None:
    slices = new_series(slices=8)
    uid = receive_series(engine, tmp_path, slices[:2] + slices[4:5])
    completion(engine).look(LATER)
    receive_series(engine, tmp_path, slices[5:6], at=LATER)
    completion(engine).look(LATER + timedelta(seconds=20))

    series, jobs = state(engine, uid)
    assert series.state == SeriesState.REFUSED
    assert [(job.generation, job.inputs, bool(job.refusal)) for job in jobs] == [
        (0, (JobInput("flair", uid),), True),
        (1, (JobInput("flair", uid),), True),
    ]
    assert jobs[1].refusal == f"lacks FLAIR; series 1 FLAIR AX: {series.reason}"

    receive_series(engine, tmp_path, slices, at=LATER + timedelta(seconds=30))
    completion(engine).look(LATER + timedelta(seconds=60))
    assert [(job.generation, job.refusal) for job in state(engine, uid)[1][2:]] == [(2, "")]
    assert state(engine, uid)[0].state == SeriesState.ENQUEUED


@pytest.mark.parametrize(
    "more",
    [{"SeriesDescription": "FLAIR KNEE", "BodyPartExamined": "KNEE"}, {"ImageType": ["DERIVED", "PRIMARY", "MIP"]}],
)
def test_what_no_model_may_see_is_not_reported(engine: Engine, tmp_path: Path, more: dict[str, object]) -> None:
    uid = receive_series(engine, tmp_path, new_series(**more))

    completion(engine).look(LATER)

    series, jobs = state(engine, uid)
    assert (series.state, jobs) == (SeriesState.REFUSED, ())


def test_nothing_is_reported_where_the_settings_say_so(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path, new_series(slices=2))

    Completion(engine, settings().completion, [SEGMENT], survey, NOW, report_refusals=False).look(LATER)

    assert state(engine, uid)[1] == ()


def test_another_series_of_the_study_renews_the_wait(engine: Engine, tmp_path: Path, study: str) -> None:
    looking = completion(engine, needs=[WISH])
    flair = receive_series(engine, tmp_path, of(study, "flair"))
    looking.look(seconds(10))
    assert state(engine, flair)[0].waiting_until == seconds(30)
    receive_series(engine, tmp_path, of(study, "t1"), at=seconds(25))

    looking.look(seconds(30))
    assert (state(engine, flair)[0].waiting_until, inputs(engine, flair)) == (seconds(55), [])
    looking.look(seconds(35))
    looking.look(seconds(55))

    assert inputs(engine, flair) == [("wish", (JobInput("flair", flair),))]
    assert state(engine, flair)[1][0].notes == ("without T2: nothing more of the study came until 03:05 UTC",)


def test_series_of_a_study_that_go_quiet_together_are_planned_together(
    engine: Engine, tmp_path: Path, study: str
) -> None:
    flair = receive_series(engine, tmp_path, of(study, "flair"))
    t1c = receive_series(engine, tmp_path, of(study, "t1c"))

    assert completion(engine, needs=[CLASSIFY]).look(LATER) == 2

    assert inputs(engine, t1c) == [("classify", (JobInput("t1c", t1c),))]
    assert state(engine, flair)[0].state == SeriesState.REFUSED
    assert "is preferred: it is T1 post contrast" in state(engine, flair)[0].reason


def offering(*candidates: Candidate) -> Survey:
    """Return a survey in which all are volumes."""
    return Survey("", "", "MR", (), tuple(Refusal(one, ValueError()) for one in candidates))  # type: ignore[arg-type]


def test_a_better_series_that_comes_later_makes_another_job_and_a_worse_one_none(
    engine: Engine, tmp_path: Path, study: str
) -> None:
    planes = iter(("coronal", "axial", "sagittal"))
    looking = completion(engine, look_at=lambda _: offering(candidate(plane=next(planes))))
    coronal, axial, sagittal = (
        receive_series(engine, tmp_path, of(study, "flair"), at=seconds(100 * number)) for number in range(3)
    )

    for number in range(3):
        looking.look(seconds(100 * number + 10))

    assert [job[1][0].series_instance_uid for job in inputs(engine, coronal)] == [coronal, axial]
    assert [state(engine, uid)[0].state for uid in (coronal, axial, sagittal)] == [
        SeriesState.ENQUEUED,  # its job was made before the better one came
        SeriesState.ENQUEUED,
        SeriesState.REFUSED,
    ]
    assert "preferred" in state(engine, sagittal)[0].reason
    assert "axial" in state(engine, coronal)[1][1].notes[0]


def test_a_job_names_the_volume_of_a_series_that_holds_several(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)
    echoes = candidate(sequence="other", part="echo 1 (TE 20 ms)"), candidate(part="echo 2 (TE 90 ms)")

    completion(engine, look_at=lambda _: offering(*echoes)).look(LATER)

    assert inputs(engine, uid) == [("segment", (JobInput("flair", uid, "echo 2 (TE 90 ms)"),))]


def test_the_generation_of_a_job_of_two_series_grows_with_either(engine: Engine, tmp_path: Path, study: str) -> None:
    looking = completion(engine, needs=[PAIR])
    flair, t2 = of(study, "flair"), of(study, "t2")
    for series in (flair[:-1], t2[:-1]):
        uid = receive_series(engine, tmp_path, series)
    looking.look(seconds(10))
    receive_series(engine, tmp_path, t2[-1:], at=seconds(100))
    looking.look(seconds(110))
    receive_series(engine, tmp_path, flair[-1:], at=seconds(200))
    looking.look(seconds(210))

    assert [job.generation for job in state(engine, uid)[1]] == [0, 1, 2]


def test_a_series_that_becomes_unreadable_is_refused_though_its_older_state_has_a_job(
    engine: Engine, tmp_path: Path
) -> None:
    slices = new_series()
    uid = receive_series(engine, tmp_path, slices[:-1])
    completion(engine).look(LATER)
    receive_series(engine, tmp_path, slices[-1:], at=LATER)
    broken = offering(replace(candidate(), reason="sheared"))

    completion(engine, look_at=lambda _: broken).look(LATER + timedelta(seconds=20))

    series, jobs = state(engine, uid)
    assert (series.state, series.reason, len(jobs)) == (SeriesState.REFUSED, "sheared", 2)
    assert [job.refusal for job in jobs] == ["", "lacks FLAIR; series 1 FLAIR: sheared"]


def test_a_series_no_model_wants_is_refused_with_the_reason(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path, new_series(sequence="t2"))

    with capture_logs() as lines:
        completion(engine, needs=(SEGMENT, CLASSIFY)).look(LATER)

    series, jobs = state(engine, uid)
    assert (series.state, jobs) == (SeriesState.REFUSED, ())
    assert series.reason == "the sequence is t2; segment wants flair; classify wants t1c or flair"
    assert lines[-1]["reason"] == series.reason


def test_a_series_that_cannot_be_read_is_refused_with_the_reason(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)
    with reading(engine) as connection:
        row = inbox.instances(connection, uid)[0]
    with row.path.open("r+b") as segment:
        segment.seek(row.offset)
        segment.write(bytes(row.size))

    completion(engine).look(LATER)

    series, _ = state(engine, uid)
    assert series.state == SeriesState.REFUSED
    assert "is not readable as DICOM" in series.reason
    assert [one.series_instance_uid for one in from_text(series.candidates)] == [uid]


def test_a_reason_that_is_no_text_is_written_down_all_the_same(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)

    completion(engine, look_at=lambda _: offering(candidate(reason="no image: \udce9"))).look(LATER)

    assert state(engine, uid)[0].reason == "no image: ?"


def test_files_out_of_reach_put_off_their_own_series_only(engine: Engine, tmp_path: Path) -> None:
    lost, there = receive_series(engine, tmp_path), receive_series(engine, tmp_path)
    with reading(engine) as connection:
        hidden = inbox.instances(connection, lost)[0].path
    hidden.rename(hidden.with_suffix(".away"))

    looking = completion(engine)
    with capture_logs() as lines:
        assert [looking.look(LATER), looking.look(LATER)] == [1, 0]

    assert state(engine, lost)[0].state == SeriesState.RECEIVING
    assert state(engine, there)[0].state == SeriesState.ENQUEUED
    assert [line["reason"] for line in lines if line["series"] == lost] == ["cannot read it: No such file or directory"]
    hidden.with_suffix(".away").rename(hidden)
    assert looking.look(LATER) == 1


@pytest.mark.parametrize("needs", [(), (SEGMENT,)])
def test_only_models_that_are_switched_on_get_jobs(engine: Engine, tmp_path: Path, needs: tuple[Need, ...]) -> None:
    uid = receive_series(engine, tmp_path)

    completion(engine, needs=needs).look(LATER)

    assert [job.model for job in state(engine, uid)[1]] == [need.model for need in needs]


def test_no_log_line_names_the_patient(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)
    with reading(engine) as connection:
        row = inbox.instances(connection, uid)[0]
    assert "Secret" in str(dcmread(BytesIO(bytes_of(row))).PatientName)

    with capture_logs() as lines:
        completion(engine, needs=(SEGMENT, PAIR)).look(LATER)

    assert lines
    assert "secret" not in str(lines).lower()


def test_a_volume_that_is_called_otherwise_later_is_not_analysed_again(
    engine: Engine, tmp_path: Path, study: str
) -> None:
    both = Need("both", (Input(("t1c", "t1")),))
    later = receive_series(engine, tmp_path, of(study, "t1", SeriesDescription="AX T1", **acquired_at("10:30:00")))
    completer = completion(engine, needs=(both,))
    completer.look(seconds(60))
    earlier = of(study, "t1", SeriesDescription="AX T1", **acquired_at("10:10:00"))
    receive_series(engine, tmp_path, earlier, at=seconds(100))

    completer.look(seconds(160))

    assert [used for _, used in inputs(engine, later)] == [(JobInput("t1", later),)]


def acquired_at(time: str) -> dict[str, object]:
    return {"AcquisitionDateTime": f"20260110{time.replace(':', '')}"}
