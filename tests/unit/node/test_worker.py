"""A worker's job ends in one of four ways: done, failed, put off, handed back."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.builders import new_series
from support.fakes import NAME, FakeModel
from support.rooms import NOW, enqueue_case, enqueue_series, only_job, receive_series, settings

from db import outbox, queue
from db.records import Delivery, JobInput, JobState, NewJob
from dicom_io.equipment import Equipment
from inference.errors import ModelError, WeightsMissing
from inference.model import Model
from node.pipeline import Desk
from node.storage import Storage
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
        **keys: object,
    ) -> Worker:
        chosen = settings(**keys)
        return Worker(
            name=name,
            engine=self.engine,
            policy=chosen.worker,
            rules=chosen.rules,
            desk=Desk(Storage(self.folder, chosen.storage.minimum_free_mb), Equipment(site="test", serial="1")),
            load=load or (lambda _: model or FakeModel()),
            stopped=lambda: self.stopped,
            now=self.clock,
        )

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
        ("SCANNER", "SEG"),
        ("SCANNER", "SR"),
    ]
    assert all(delivery.result.path.exists() for delivery in owed)


def test_a_model_is_loaded_once(bench: Bench) -> None:
    loaded: list[str] = []

    def load(name: str) -> Model:
        loaded.append(name)
        return FakeModel()

    worker = bench.worker(load=load)
    for _ in range(2):
        enqueue_series(bench.engine, bench.folder, NAME)

    assert [worker.step(), worker.step()] == [True, True]
    assert loaded == [NAME]


def test_a_series_that_cannot_be_analysed_fails_at_once_with_the_reason(bench: Bench) -> None:
    slices = new_series()
    new = enqueue_series(bench.engine, bench.folder, NAME, slices[:2] + slices[3:])

    bench.worker().step()

    job = only_job(bench.engine, new)
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    assert job.reason
    assert bench.owed() == ()


@pytest.mark.parametrize("error", [ModelError("unsuitable"), WeightsMissing("no weights")])
def test_a_model_that_cannot_answer_fails_the_job_at_once(bench: Bench, error: ModelError) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)

    bench.worker(FakeModel(before=raising(error))).step()

    job = only_job(bench.engine, new)
    assert (job.state, job.reason) == (JobState.FAILED, str(error))


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


def test_a_job_that_kills_its_workers_fails_with_the_reason_in_the_log(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    with bench.engine.begin() as connection:
        queue.claim(connection, "killed", bench.clock(), timedelta(seconds=60))
    bench.clock.advance(61)

    with capture_logs() as lines:
        assert bench.worker(worker__maximum_attempts=1).step() is False

    assert only_job(bench.engine, new).state == JobState.FAILED
    assert [line["reason"] for line in lines] == ["its worker died in attempt 1, the last allowed"]


def test_files_out_of_reach_never_fail_a_job(bench: Bench) -> None:
    new = enqueue_series(bench.engine, bench.folder, NAME)
    away = bench.folder.with_name("away")
    (bench.folder / "received").rename(away)
    worker = bench.worker(worker__maximum_attempts=1)

    assert worker.step() is True

    assert only_job(bench.engine, new).state == JobState.WAITING
    assert "No such file" in only_job(bench.engine, new).reason
    away.rename(bench.folder / "received")
    bench.clock.advance(3600)
    worker.step()
    assert only_job(bench.engine, new).state == JobState.DONE


def test_a_series_replaced_by_its_sender_yields_results_of_its_own(bench: Bench) -> None:
    slices = new_series()
    for corrected in (False, True):
        for data_set in slices:
            data_set.PatientID = "CORRECTED" if corrected else "WRONG"
        receive_series(bench.engine, bench.folder, slices)
        new = NewJob(
            model=NAME,
            study_instance_uid=slices[0].StudyInstanceUID,
            inputs=(JobInput("flair", slices[0].SeriesInstanceUID),),
            generation=int(corrected),
            calling_ae_title="SCANNER",
        )
        with bench.engine.begin() as connection:
            queue.enqueue(connection, new, NOW)
        bench.worker().step()

    owed = [dcmread(delivery.result.path) for delivery in bench.owed()]

    assert [result.PatientID for result in owed] == ["WRONG", "WRONG", "CORRECTED", "CORRECTED"]
    assert len({result.SOPInstanceUID for result in owed}) == 4


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
