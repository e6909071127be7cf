"""Claims jobs, has them analysed, and writes down in one transaction what became of each and what is owed to whom."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread

import structlog
from sqlalchemy import Connection, Engine

from config import settings
from db import inbox, outbox, queue, views
from db.engine import reading
from db.errors import DatabaseError
from db.errors import Transient as DatabaseTransient
from db.records import Job
from dicom_io.errors import DicomError
from dicom_io.findings import Algorithm
from dicom_io.results import Failure
from inference.errors import ModelError, UnsuitableCase
from inference.model import Model
from node.backoff import delay
from node.errors import Interrupted, Permanent, Transient
from node.pipeline import Analysis, Desk, Made, Order, Steps, analyse, report_failure
from node.received import file_of
from node.report import JobReport
from node.routing import Routes

_BEATS_PER_LEASE = 3
_LONGEST_WAIT = timedelta(hours=1)
_REPORTS = ("SR", "MEASUREMENTS")
_LACKING = UnsuitableCase.__name__

_log = structlog.get_logger()


class Worker:
    """Does one job at a time.

    Parameters
    ----------
    name
        Who claims; no two living workers may share one.
    load
        A model's name -> the model, ready to predict.
    algorithm_of
        A model's name -> what signs the report of its failure; loads nothing.
    stopped
        Whether the process was told to stop.
    now
        Returns the time, aware.
    """

    def __init__(  # noqa: PLR0913 - a room is wired with everything it works with
        self,
        *,
        name: str,
        engine: Engine,
        policy: settings.Worker,
        routes: Routes,
        desk: Desk,
        load: Callable[[str], Model],
        algorithm_of: Callable[[str], Algorithm],
        stopped: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._engine = engine
        self._policy = policy
        self._routes = routes
        self._desk = desk
        self._load = load
        self._algorithm_of = algorithm_of
        self._stopped = stopped
        self._now = now
        self._lease = timedelta(seconds=policy.lease_seconds)

    def step(self) -> bool:
        """Do one job if there is one; return whether there was."""
        try:
            with self._engine.begin() as connection:
                unreported = queue.set_aside(connection, self._now(), self._policy.maximum_attempts)
                job = queue.claim(connection, self._name, self._now(), self._lease)
            for killer in unreported:
                _log_failure(killer, killer.reason, ())
            if job is not None:
                self._do(job)
        except DatabaseTransient as error:  # the job, if there is one, comes back when its lease has run out
            _log.warning("work put off", action="claim", reason=f"the database is not available: {error}")
            return False
        return job is not None

    def _do(self, job: Job) -> None:
        log = _log.bind(job=job.id, model=job.model, series=job.series_instance_uids, attempt=job.attempts)
        log.info("job claimed", action="claim")
        if job.refusal or job.failure:
            self._fail(job, Failure(job.refusal, _LACKING, skipped=True) if job.refusal else Failure(job.failure))
            return
        steps = Steps(self._stopped)
        try:
            with self._heartbeat(job):
                analysis = self._analyse(job, steps)
            self._finish(job, analysis, steps)
        except Interrupted as interruption:
            with self._engine.begin() as connection:
                queue.hand_back(connection, job.id, self._name)
            log.info("job handed back", action="stop", reason=str(interruption))
        except (DicomError, ModelError, Permanent) as error:
            self._fail(job, Failure(str(error), type(error).__name__))
        except Transient as error:
            self._postpone(job, str(error))
        except DatabaseError:
            raise
        except Exception as error:
            log.exception("attempt failed", action="analyse")
            self._retry(job, f"unexpected {type(error).__name__}: {error}")

    def _analyse(self, job: Job, steps: Steps) -> Analysis:
        with steps.step("load"):
            model = self._load(job.model)
        return analyse(self._order(job), model, self._desk, steps)

    def _order(self, job: Job) -> Order:
        """Look up what a job needs. What it replaces depends on earlier jobs alone: twice is once."""
        routes = self._routes.routes_for(job.calling_ae_title, job.model)
        destinations = [title for route in routes for title in route.destinations]
        with reading(self._engine) as connection:
            files = {
                uid: [file_of(instance) for instance in inbox.instances(connection, uid)]
                for uid in job.series_instance_uids
            }
            replaced = views.results_before(connection, job, _REPORTS, destinations)
        return Order(job, files, routes, replaced)

    def _finish(self, job: Job, analysis: Analysis, steps: Steps) -> None:
        """Mark the job done and its results owed, together or not at all."""
        report = JobReport.of(analysis.findings, steps.seconds, analysis.notes).to_json()
        now = self._now()
        with self._engine.begin() as connection:
            ours = queue.finish(connection, job.id, self._name, report, now)
            if ours:
                _owe(connection, job, analysis.made, now)
        if ours:
            _log.info(
                "job done",
                action="analyse",
                job=job.id,
                model=job.model,
                summary=analysis.findings.summary,
                destinations=_destinations(analysis.made),
                seconds=steps.seconds,
            )
        else:
            _log.warning("job no longer ours, results dropped", action="analyse", job=job.id, model=job.model)

    def _fail(self, job: Job, failure: Failure) -> None:
        """Close a job as failed, and owe the report that says so where its results would have gone, together."""
        log = _log.bind(job=job.id, model=job.model)
        made: tuple[Made, ...] = ()
        try:
            if self._policy.report_failures:
                made = report_failure(self._order(job), failure, self._algorithm_of(job.model), self._desk)
        except Transient as error:  # the report waits, and no second analysis comes before it
            self._postpone(job, str(error), failure.reason)
            return
        except DatabaseError:
            raise
        except Exception:
            log.exception("failure not reported", action="refuse")
        now = self._now()
        with self._engine.begin() as connection:
            ours = queue.fail(connection, job.id, self._name, failure.reason, now)
            if ours:
                _owe(connection, job, made, now)
        if ours:
            _log_failure(job, failure.reason, made)
        else:
            log.warning("job no longer ours, failure not reported", action="refuse", reason=failure.reason)

    def _retry(self, job: Job, reason: str) -> None:
        """Try again later, but not for ever: what we do not understand may never go well."""
        if job.attempts >= self._policy.maximum_attempts:
            self._fail(job, Failure(reason))
        else:
            self._postpone(job, reason)

    def _postpone(self, job: Job, reason: str, failure: str = "") -> None:
        wait = delay(job.attempts, timedelta(seconds=self._policy.retry_seconds), _LONGEST_WAIT)
        with self._engine.begin() as connection:
            queue.postpone(connection, job.id, self._name, reason, self._now() + wait, failure)
        _log.warning("job put off", action="analyse", job=job.id, reason=reason, wait_seconds=wait.total_seconds())

    @contextmanager
    def _heartbeat(self, job: Job) -> Iterator[None]:
        """Renew the lease in a thread while the job is being done."""
        done = Event()

        def beat() -> None:
            while not done.wait(self._policy.lease_seconds / _BEATS_PER_LEASE):
                try:
                    with self._engine.begin() as connection:
                        queue.heartbeat(connection, job.id, self._name, self._now() + self._lease)
                except DatabaseError as error:
                    _log.warning("heartbeat missed", action="claim", job=job.id, reason=str(error))

        thread = Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _owe(connection: Connection, job: Job, made: Sequence[Made], now: datetime) -> None:
    for one in made:
        outbox.owe(connection, job.id, one.results, one.destinations, now)


def _destinations(made: Sequence[Made]) -> tuple[str, ...]:
    return tuple(title for one in made if one.results for title in one.destinations)


def _log_failure(job: Job, reason: str, made: Sequence[Made]) -> None:
    _log.error(
        "job failed",
        action="refuse",
        job=job.id,
        model=job.model,
        series=job.series_instance_uids,
        reason=reason,
        reported_to=_destinations(made),
    )
