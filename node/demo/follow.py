"""Follows a study through the node's database, and says in words where each series stands."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from db import views
from db.engine import reading
from db.records import Delivery, DeliveryState, Job, JobState, SeriesRecord, SeriesState
from node.report import JobReport

ANSWERED = {SeriesState.ENQUEUED, SeriesState.REFUSED}


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything the node knows of some studies at one moment."""

    series: tuple[SeriesRecord, ...]
    jobs: tuple[Job, ...]
    deliveries: tuple[Delivery, ...]

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return (
            all(series.state in ANSWERED for series in self.series)
            and all(job.state.closed for job in self.jobs)
            and all(d.state in (DeliveryState.DELIVERED, DeliveryState.FAILED) for d in self.deliveries)
        )

    def deliveries_of(self, job: Job) -> tuple[Delivery, ...]:
        """Return what a job's results owe."""
        return tuple(delivery for delivery in self.deliveries if delivery.job_id == job.id)


def look(engine: Engine, studies: frozenset[str]) -> Progress:
    """Ask the database."""
    with reading(engine) as conn:
        return Progress(
            series=tuple(s for study in sorted(studies) for s in views.series_of_study(conn, study)),
            jobs=tuple(j for study in sorted(studies) for j in views.jobs_of_study(conn, study)),
            deliveries=tuple(d for study in sorted(studies) for d in views.deliveries_of_study(conn, study)),
        )


def states(progress: Progress, quiet_seconds: float) -> Iterator[tuple[str, str]]:
    """Yield (Series Instance UID, where it stands) for every series, and for every job of it."""
    for series in progress.series:
        jobs = [job for job in progress.jobs if series.series_instance_uid in job.series_instance_uids]
        if series.state is SeriesState.REFUSED:
            yield series.series_instance_uid, f"not analysed: {series.reason}"
        elif series.state is SeriesState.RECEIVING:
            yield series.series_instance_uid, f"received {series.instances}, waiting for quiet ({quiet_seconds:g} s)"
        elif series.state is SeriesState.WAITING:
            yield series.series_instance_uid, f"complete, {series.reason}"
        for job in jobs:
            yield series.series_instance_uid, _job_state(job, progress.deliveries_of(job))


def _job_state(job: Job, deliveries: tuple[Delivery, ...]) -> str:
    if job.state is JobState.DONE:
        open_ = [d for d in deliveries if d.state is not DeliveryState.DELIVERED]
        if not open_:
            return f"{job.model}: delivered {', '.join(d.result.kind for d in deliveries)}"
        return f"{job.model}: delivering {', '.join(d.result.kind for d in open_)}{_because(open_[0].reason)}"
    if job.state is JobState.FAILED:
        return f"{job.model}: {'not analysed' if job.refusal else 'failed'}{_because(job.reason)}"
    if job.state in (JobState.WAITING, JobState.RUNNING) and (job.refusal or job.failure):
        return f"{job.model}: failure to be reported{_because(job.refusal or job.failure)}"
    if job.state is JobState.RUNNING:
        return f"{job.model}: analysing"
    standing = "waiting for a worker" if job.state is JobState.WAITING else str(job.state)
    return f"{job.model}: {standing}{_because(job.reason)}"


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def changes(ask: Callable[[], Progress], quiet_seconds: float, rest: Callable[[], None]) -> Iterator[tuple[str, str]]:
    """Yield (Series Instance UID, where it stands now) whenever that changed, until all is finished."""
    said: set[tuple[str, str]] = set()
    while True:
        progress = ask()
        for now in states(progress, quiet_seconds):
            if now not in said:
                said.add(now)
                yield now
        if progress.finished:
            return
        rest()


def seconds_per_step(series: SeriesRecord, job: Job, deliveries: tuple[Delivery, ...]) -> Mapping[str, float]:
    """Return how long each step of a job took, in order: receiving its series first, delivering last."""
    steps = {
        "receive": _seconds(series.first_received_at, series.last_received_at),
        "quiet": _seconds(series.last_received_at, job.enqueued_at),
        "queue": _seconds(job.enqueued_at, job.started_at),
    }
    if job.report:
        steps.update(JobReport.from_json(job.report).seconds)
    ends = [delivery.delivered_at for delivery in deliveries if delivery.delivered_at is not None]
    if ends:
        steps["deliver"] = _seconds(job.finished_at, max(ends))
    return steps


def _seconds(start: datetime | None, end: datetime | None) -> float:
    return round((end - start).total_seconds(), 2) if start and end else 0.0
