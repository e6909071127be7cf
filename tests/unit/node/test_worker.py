"""A worker's job ends in one of four ways: done, failed, put off, handed back."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage, generate_uid
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.builders import new_series
from support.fakes import NAME, FakeModel
from support.rooms import NOW, enqueue_case, enqueue_series, only_job, receive_series, settings, words_of

from db import outbox, queue, views
from db.engine import reading
from db.records import Delivery, JobInput, JobState, NewJob, Result
from dicom_io.equipment import Equipment
from dicom_io.findings import Algorithm
from inference.errors import ModelError, WeightsMissing
from inference.model import Model
from node.errors import StorageUnavailable
from node.pipeline import Desk
from node.storage import Storage
from node.wiring import algorithm_of, routes_of
from node.worker import Worker


class Clock:
    """The time as a test sets it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Bench:
    """A worker on a database and a folder of its own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.clock = Clock()
        self.stopped = False

    def worker(
        self,
        model: Model | None = None,
        name: str = "worker-1",
        load: Callable[[str], Model] | None = None,
        algorithm_of: Callable[[str], Algorithm] = algorithm_of,
        **keys: object,
    ) -> Worker:
        chosen = settings(**keys)
        return Worker(
            name=name,
            engine=self.engine,
            policy=chosen.worker,
            routes=routes_of(chosen),
            desk=Desk(Storage(self.folder, chosen.storage.minimum_free_mb), Equipment(site="test", serial="1")),
            load=load or (lambda _: model or FakeModel()),
            algorithm_of=algorithm_of,
            stopped=lambda: self.stopped,
            now=self.clock,
        )

    def enqueue_again(self, slices: Sequence[Dataset], generation: int) -> NewJob:
        """Let a series come with other bytes than before, and enqueue a job of it."""
        slices[0].PatientComments = f"generation {generation}"
        uid = receive_series(self.engine, self.folder, slices)
        new = NewJob(
            model=NAME,
            study_instance_uid=slices[0].StudyInstanceUID,
            inputs=(JobInput("flair", uid),),
            generation=generation,
            calling_ae_title="SCANNER",
        )
        with self.engine.begin() as connection:
            queue.enqueue(connection, new, NOW)
        return new

    def owed(self) -> tuple[Delivery, ...]:
        with self.engine.begin() as connection:
            return outbox.claim(connection, "test", self.clock(), timedelta(0), 100)


@pytest.fixture
def bench(engine: Engine, tmp_path: Path) -> Bench:
    return Bench(engine, tmp_path / "data")


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_without_a_job_there_is_nothing_to_do(bench: Bench) -> None:
    assert bench.worker().step() is False


def test_a_job_done_is_reported_and_its_results_are_owed_to_the_caller(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    assert bench.worker().step() is True

    job, owed = only_job(bench.engine, new), bench.owed()
    assert job.state == JobState.DONE
    report = json.loads(job.report)
    assert (report["summary"], report["present"]) == ("a box in the middle", True)
    assert report["scores"] == {"flair_abnormality": 0.75}
    assert list(report["seconds"]) == ["load", "read", "model", "encode", "keep"]
    assert [(delivery.destination, delivery.result.kind) for delivery in owed] == [
        ("SCANNER", kind) for kind in settings().profile.objects
    ]
    assert all(delivery.result.path.exists() for delivery in owed)


def test_a_series_that_cannot_be_analysed_fails_at_once_with_the_reason(bench: Bench) -> None:
    slices = new_series()
    new = enqueue_series(bench.engine, bench.folder, NAME, slices[:2] + slices[3:])

    bench.worker().step()

    job = only_job(bench.engine, new)
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    (told,) = bench.owed()
    assert (told.destination, told.result.kind) == ("SCANNER", "SR")
    assert job.reason in words_of(told.result)


@pytest.mark.parametrize("error", [ModelError("unsuitable"), WeightsMissing("no weights")])
def test_a_model_that_cannot_answer_fails_the_job_at_once(bench: Bench, error: ModelError) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    bench.worker(FakeModel(before=raising(error))).step()

    job = only_job(bench.engine, new)
    assert (job.state, job.reason) == (JobState.FAILED, str(error))
    (told,) = bench.owed()
    assert f"The analysis failed: {error}" in words_of(told.result)


def test_an_unexpected_error_is_tried_again_and_fails_after_the_last_attempt(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    worker = bench.worker(
        FakeModel(before=raising(RuntimeError("cosmic ray"))), worker__maximum_attempts=2, worker__retry_seconds=10
    )

    with capture_logs() as lines:
        assert worker.step() is True
        assert only_job(bench.engine, new).state == JobState.WAITING
        assert worker.step() is False  # not before its time
        bench.clock.advance(11)
        assert worker.step() is True

    job = only_job(bench.engine, new)
    assert job.state == JobState.FAILED
    assert job.reason == "unexpected RuntimeError: cosmic ray"
    assert len(bench.owed()) == 1
    assert [line["event"] for line in lines if line.get("exc_info")] == ["attempt failed", "attempt failed"]


def test_a_full_disk_never_fails_a_job(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    full = bench.worker(storage__minimum_free_mb=10_000_000, worker__maximum_attempts=1)
    for _ in range(3):
        assert full.step() is True
        assert only_job(bench.engine, new).state == JobState.WAITING
        bench.clock.advance(3600)

    bench.worker().step()

    assert only_job(bench.engine, new).state == JobState.DONE


def test_a_stop_hands_the_job_back_uncounted(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    def stop() -> None:
        bench.stopped = True

    bench.worker(FakeModel(before=stop)).step()

    job = only_job(bench.engine, new)
    assert (job.state, job.attempts) == (JobState.WAITING, 0)
    bench.stopped = False
    bench.worker(name="worker-2").step()
    assert only_job(bench.engine, new).state == JobState.DONE


def test_results_of_a_lost_lease_are_owed_by_nobody(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    def lose_the_lease() -> None:
        with bench.engine.begin() as connection:
            later = bench.clock() + timedelta(hours=1)
            assert queue.claim(connection, "worker-2", later, timedelta(hours=1))

    bench.worker(FakeModel(before=lose_the_lease)).step()

    assert only_job(bench.engine, new).state == JobState.RUNNING
    assert bench.owed() == ()


@pytest.mark.parametrize("then", [lambda: None, raising(ModelError("unsuitable"))])
def test_what_is_made_of_a_series_to_which_slices_came_meanwhile_is_owed_to_nobody(
    bench: Bench, then: Callable[[], None]
) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    def slices_come() -> None:
        with bench.engine.begin() as connection:
            assert queue.enqueue(connection, replace(new, generation=1), bench.clock())
        then()

    bench.worker(FakeModel(before=slices_come)).step()

    assert bench.owed() == ()
    with reading(bench.engine) as connection:
        states = [job.state for job in views.jobs_of_study(connection, new.study_instance_uid)]
    assert states == [JobState.SUPERSEDED, JobState.WAITING]


def test_a_job_that_kills_its_workers_fails_with_the_reason_in_the_log(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    with bench.engine.begin() as connection:
        queue.claim(connection, "killed", bench.clock(), timedelta(seconds=60))
    bench.clock.advance(61)

    with capture_logs() as lines:
        assert bench.worker(worker__maximum_attempts=1).step() is True

    job = only_job(bench.engine, new)
    assert (job.state, job.reason) == (JobState.FAILED, "its worker died in attempt 1, the last allowed")
    assert (lines[-1]["event"], lines[-1]["reason"], lines[-1]["reported_to"]) == (
        "job failed",
        job.reason,
        ("SCANNER",),
    )
    assert job.reason in words_of(bench.owed()[0].result)


def test_a_job_whose_report_kills_the_worker_too_fails_without_one(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    for _ in range(2):
        with bench.engine.begin() as connection:
            queue.set_aside(connection, bench.clock(), maximum_attempts=1)
            assert queue.claim(connection, "killed", bench.clock(), timedelta(seconds=60))
        bench.clock.advance(61)

    with capture_logs() as lines:
        assert bench.worker(worker__maximum_attempts=1).step() is False

    assert only_job(bench.engine, new).state == JobState.FAILED
    assert [line["reason"] for line in lines] == ["its worker died in attempt 1, the last allowed"]
    assert bench.owed() == ()


def test_a_full_disk_puts_off_the_report_of_a_failure_and_no_second_analysis_comes_before_it(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    failing = FakeModel(before=raising(ModelError("unsuitable")))

    assert bench.worker(failing, storage__minimum_free_mb=10_000_000).step() is True
    job = only_job(bench.engine, new)
    assert (job.state, job.failure) == (JobState.WAITING, "unsuitable")
    assert "must stay free" in job.reason

    bench.clock.advance(3600)
    assert bench.worker().step() is True
    job = only_job(bench.engine, new)
    assert (job.state, job.reason) == (JobState.FAILED, "unsuitable")
    assert [one.result.kind for one in bench.owed()] == ["SR"]


def test_a_failure_that_cannot_be_reported_is_one_all_the_same_and_the_operator_is_told(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    def forgotten(_: str) -> Algorithm:
        raise KeyError("no such card")

    with capture_logs() as lines:
        bench.worker(FakeModel(before=raising(ModelError("unsuitable"))), algorithm_of=forgotten).step()

    job = only_job(bench.engine, new)
    assert (job.state, job.reason) == (JobState.FAILED, "unsuitable")
    assert [line["event"] for line in lines[-2:]] == ["failure not reported", "job failed"]
    assert bench.owed() == ()


def test_failures_stay_here_where_the_settings_say_so(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    bench.worker(FakeModel(before=raising(ModelError("unsuitable"))), worker__report_failures=False).step()

    assert only_job(bench.engine, new).state == JobState.FAILED
    assert bench.owed() == ()


def test_a_job_that_was_refused_is_reported_as_skipped_and_not_analysed(bench: Bench) -> None:
    slices = new_series()
    refused = NewJob(
        model=NAME,
        study_instance_uid=slices[0].StudyInstanceUID,
        inputs=(JobInput("flair", receive_series(bench.engine, bench.folder, slices)),),
        generation=0,
        calling_ae_title="SCANNER",
        refusal="lacks T2: nothing more of the study came until 12:30 UTC",
    )
    with bench.engine.begin() as connection:
        queue.enqueue(connection, refused, NOW)
    model = FakeModel()

    assert bench.worker(model).step() is True

    job = only_job(bench.engine, refused)
    assert (job.state, job.reason, model.cases) == (JobState.FAILED, refused.refusal, [])
    (told,) = bench.owed()
    assert f"The analysis was skipped: {refused.refusal}" in words_of(told.result)


def test_each_destination_gets_the_objects_of_its_profile_and_what_is_the_same_is_one_object(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    wanted = {"A": {}, "B": {"objects": ["SEG"]}, "C": {"objects": ["SR"], "sr_class": "comprehensive"}}
    there = [{"ae_title": title, "host": "127.0.0.1", "port": 104} | more for title, more in wanted.items()]
    rules = [{"calling_ae_title": "*", "model": "*", "destinations": list(wanted)}]

    bench.worker(rules=rules, destinations=there).step()

    owed: dict[str, dict[str, Result]] = {title: {} for title in wanted}
    with reading(bench.engine) as connection:
        for one in views.deliveries_of_study(connection, new.study_instance_uid):
            owed[one.destination][one.result.kind] = one.result
    assert {title: tuple(results) for title, results in owed.items()} == {
        "A": settings().profile.objects,
        "B": ("SEG",),
        "C": ("SR",),
    }
    assert owed["A"]["SEG"] == owed["B"]["SEG"]
    assert owed["A"]["SR"].sop_class_uid == Comprehensive3DSRStorage
    assert owed["C"]["SR"].sop_class_uid == ComprehensiveSRStorage


def test_without_a_destination_results_are_made_and_stay_here(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    bench.worker(rules=[]).step()

    assert only_job(bench.engine, new).state == JobState.DONE
    assert bench.owed() == ()
    assert len(list((bench.folder / "results").rglob("*.dcm"))) == len(settings().profile.objects)


def predecessors(result: Result) -> set[str]:
    """Return the documents that a report replaces."""
    return {
        instance.ReferencedSOPInstanceUID
        for study in dcmread(result.path).get("PredecessorDocumentsSequence", [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }


def test_an_analysis_replaces_the_report_of_the_one_before_also_of_one_that_failed(bench: Bench) -> None:
    slices, reports = new_series(), []
    failing = FakeModel(before=raising(ModelError("unsuitable")))
    for generation, model in enumerate((FakeModel(), failing, FakeModel(), FakeModel())):
        bench.enqueue_again(slices, generation)
        bench.worker(model).step()
        reports.append([one.result for one in bench.owed() if one.result.kind == "SR"][-1])

    known = {one.sop_instance_uid for one in reports}
    first, second, third, fourth = reports
    assert [predecessors(one) & known for one in (first, second)] == [set(), set()]
    assert predecessors(third) & known == {second.sop_instance_uid}
    assert predecessors(fourth) & known == {third.sop_instance_uid}


def test_a_job_that_is_done_late_replaces_nothing_that_came_after_it(bench: Bench) -> None:
    study = {"StudyInstanceUID": generate_uid(None)}
    late = bench.enqueue_again(new_series(**study), 0)
    busy = bench.worker(FakeModel(before=raising(StorageUnavailable("not now"))))
    busy.step()
    bench.enqueue_again(new_series(**study), 0)
    bench.worker().step()
    bench.clock.advance(3600)

    bench.worker().step()

    with reading(bench.engine) as connection:
        owed = views.deliveries_of_study(connection, late.study_instance_uid)
    reports = [one.result for one in owed if one.result.kind == "SR"]
    assert [predecessors(one) for one in reports] == [set(), set()]


def test_files_out_of_reach_never_fail_a_job(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    away = bench.folder.with_name("away")
    (bench.folder / "spool").rename(away)
    worker = bench.worker(worker__maximum_attempts=1)

    assert worker.step() is True

    assert only_job(bench.engine, new).state == JobState.WAITING
    assert "No such file" in only_job(bench.engine, new).reason
    away.rename(bench.folder / "spool")
    bench.clock.advance(3600)
    worker.step()
    assert only_job(bench.engine, new).state == JobState.DONE


def test_a_series_replaced_by_its_sender_yields_results_of_its_own(bench: Bench) -> None:
    slices = new_series()
    for corrected in (False, True):
        for data_set in slices:
            data_set.PatientID = "CORRECTED" if corrected else "WRONG"
        bench.enqueue_again(slices, int(corrected))
        bench.worker().step()

    owed = [dcmread(delivery.result.path) for delivery in bench.owed()]

    of_each = len(settings().profile.objects)
    assert [result.PatientID for result in owed] == ["WRONG"] * of_each + ["CORRECTED"] * of_each
    assert len({result.SOPInstanceUID for result in owed}) == 2 * of_each


def test_a_job_of_two_series_is_done_on_the_first_and_its_report_says_how_they_came_together(bench: Bench) -> None:
    frame = {"StudyInstanceUID": generate_uid(None), "FrameOfReferenceUID": generate_uid(None)}
    case = {sequence: new_series(sequence=sequence, **frame) for sequence in ("flair", "t2")}
    new = enqueue_case(bench.engine, bench.folder, NAME, case, notes=("series 1 as FLAIR: axial",))
    model = FakeModel()

    bench.worker(model).step()

    job = only_job(bench.engine, new)
    assert (job.state, job.reason) == (JobState.DONE, "")
    assert list(model.cases[0].volumes) == ["flair", "t2"]
    assert json.loads(job.report)["notes"] == ["series 1 as FLAIR: axial", *model.cases[0].notes]
    segs = [dcmread(one.result.path) for one in bench.owed() if one.result.kind == "SEG"]
    assert segs[0].ReferencedSeriesSequence[0].SeriesInstanceUID == case["flair"][0].SeriesInstanceUID


def test_a_rule_decides_where_results_go(bench: Bench) -> None:
    enqueue_series(bench.engine, bench.folder, NAME)
    rules = [{"calling_ae_title": "SCANNER", "model": NAME, "destinations": ["PACS"]}]
    pacs = [{"ae_title": "PACS", "host": "127.0.0.1", "port": 104}]

    bench.worker(rules=rules, destinations=pacs).step()

    assert {delivery.destination for delivery in bench.owed()} == {"PACS"}


def test_no_log_line_names_the_patient(bench: Bench) -> None:
    enqueue_series(bench.engine, bench.folder, NAME)

    with capture_logs() as lines:
        bench.worker().step()

    assert lines
    assert "secret" not in str(lines).lower()
