"""The queue: jobs for models, each claimed by one worker at a time for as long as its lease lasts.

A worker's name must be its own: one name, one process. Functions that take one return False when the job is no longer
that worker's, or when a job of a later generation has taken its place; what it did then must be dropped.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, String, and_, case, cast, func, literal, or_, select, update

from db.claim import FREE, announce, change, due, insert_once, take
from db.records import Job, JobState, NewJob
from db.rows import jobs_where
from db.schema import OPEN_JOBS, RUNNING_JOBS, SUPERSEDED_JOBS, jobs

STEP = timedelta(hours=1)
"""How much earlier a job counts as enqueued for each step of priority.

Jobs are claimed in the order of that time, ``counts_from``. It is known when a job is enqueued, so an index holds the
order; and a routine job waits at most as much longer as the steps of those that overtake it: nothing starves.
"""

HIGHEST_PRIORITY = 24

_ORDER = (jobs.c.counts_from, jobs.c.id)
_IS_SUPERSEDED = jobs.c.superseded_by.is_not(None)
_WHY_SUPERSEDED = "further instances came: job " + cast(jobs.c.superseded_by, String) + " takes its place"


def enqueue(conn: Connection, new: NewJob, now: datetime) -> int | None:
    """Add a job and return its id; None when this model has one for the same inputs and generation.

    Its jobs of earlier generations are superseded: those that wait or are held at once, a running one when it ends.
    """
    if not 0 <= new.priority <= HIGHEST_PRIORITY:
        raise ValueError(f"priority {new.priority} is not between 0 and {HIGHEST_PRIORITY}")
    job_id: int | None = insert_once(
        conn,
        jobs,
        {
            "model": new.model,
            "study_instance_uid": new.study_instance_uid,
            "inputs": new.inputs,
            "series_instance_uids": new.series_instance_uids,
            "generation": new.generation,
            "calling_ae_title": new.calling_ae_title,
            "notes": new.notes,
            "refusal": new.refusal,
            "failure": "",
            "state": JobState.WAITING,
            "attempts": 0,
            "reason": "",
            "enqueued_at": now,
            "not_before": now,
            "report": "",
            "priority": new.priority,
            "counts_from": now - new.priority * STEP,
        },
    )
    if job_id is not None:
        _supersede(conn, new, job_id, now)
        announce(conn, jobs)
    return job_id


def claim(conn: Connection, worker: str, now: datetime, lease: timedelta) -> Job | None:
    """Take the first job that waits or whose worker has died; None when there is none."""
    taken = take(
        conn,
        jobs,
        _claimable(now),
        _ORDER,
        limit=1,
        values={
            "state": JobState.RUNNING,
            "claimed_by": worker,
            "lease_until": now + lease,
            "started_at": now,
        },
    )
    return jobs_where(conn, jobs.c.id == taken[0])[0] if taken else None


def set_aside(conn: Connection, now: datetime, maximum_attempts: int) -> tuple[Job, ...]:
    """Give up what no further attempt may be made of; to be done before each claim.

    A job whose worker has died in the last allowed attempt waits to be reported, once. Those whose worker has died over
    the report are closed as failed, and returned. What was superseded while it ran, and is not run any more, is closed.
    """
    abandoned = and_(RUNNING_JOBS, jobs.c.lease_until <= now)
    conn.execute(
        update(jobs)
        .where(SUPERSEDED_JOBS, or_(jobs.c.state == JobState.WAITING, jobs.c.lease_until <= now))
        .values(state=JobState.SUPERSEDED, reason=_WHY_SUPERSEDED, finished_at=now, **FREE)
    )
    killers = and_(abandoned, jobs.c.attempts >= maximum_attempts)
    statement = (
        update(jobs)
        .where(killers, jobs.c.refusal + jobs.c.failure != "")
        .values(state=JobState.FAILED, reason=jobs.c.refusal + jobs.c.failure, finished_at=now, **FREE)
        .returning(jobs.c.id)
    )
    failed = conn.execute(statement).scalars().all()
    closed = jobs_where(conn, jobs.c.id.in_(failed)) if failed else ()
    failure = "its worker died in attempt " + cast(jobs.c.attempts, String) + ", the last allowed"
    conn.execute(
        update(jobs).where(killers).values(state=JobState.WAITING, failure=failure, not_before=now, reason="", **FREE)
    )
    return closed


def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Say when there is something to claim or to set aside: until ``now`` where there is; None without open jobs."""
    if conn.execute(select(jobs.c.id).where(_claimable(now)).order_by(*_ORDER).limit(1)).first():
        return now
    time = case((jobs.c.state == JobState.WAITING, jobs.c.not_before), else_=jobs.c.lease_until)
    earliest: datetime | None = conn.execute(select(func.min(time)).where(OPEN_JOBS)).scalar_one()
    return earliest


def heartbeat(conn: Connection, job_id: int, worker: str, until: datetime) -> bool:
    """Renew the lease."""
    return change(conn, jobs, job_id, worker, {"lease_until": until})


def finish(conn: Connection, job_id: int, worker: str, report: str, now: datetime) -> bool:
    """Close a job as done."""
    return _close(conn, job_id, worker, JobState.DONE, now, {"reason": "", "report": report})


def fail(conn: Connection, job_id: int, worker: str, reason: str, now: datetime) -> bool:
    """Close a job as failed."""
    return _close(conn, job_id, worker, JobState.FAILED, now, {"reason": reason})


def postpone(conn: Connection, job_id: int, worker: str, reason: str, not_before: datetime, failure: str = "") -> bool:
    """Put a job back to be tried again later; with a failure it is not to be analysed again, only reported."""
    values = {"state": JobState.WAITING, "reason": reason, "not_before": not_before}
    announce(conn, jobs)
    return change(conn, jobs, job_id, worker, FREE | values | ({"failure": failure} if failure else {}))


def hand_back(conn: Connection, job_id: int, worker: str) -> bool:
    """Put a job back as if it had not been claimed, because the worker must leave."""
    values = {"state": JobState.WAITING, "attempts": jobs.c.attempts - 1, "started_at": None}
    announce(conn, jobs)
    return change(conn, jobs, job_id, worker, FREE | values)


def _claimable(now: datetime) -> ColumnElement[bool]:
    return and_(due(jobs, OPEN_JOBS, JobState.WAITING, JobState.RUNNING, now), jobs.c.superseded_by.is_(None))


def _supersede(conn: Connection, new: NewJob, job_id: int, now: datetime) -> None:
    """Let a job take the place of those of earlier generations; one that is running is only told so."""
    older = and_(jobs.c.model == new.model, jobs.c.inputs == new.inputs, jobs.c.generation < new.generation)
    running = jobs.c.state == JobState.RUNNING
    conn.execute(
        update(jobs)
        .where(older, jobs.c.state.in_([JobState.WAITING, JobState.HELD, JobState.RUNNING]))
        .values(
            superseded_by=job_id,
            state=case((running, jobs.c.state), else_=_as(jobs.c.state, JobState.SUPERSEDED)),
            reason=case((running, jobs.c.reason), else_=f"further instances came: job {job_id} takes its place"),
            finished_at=case((running, jobs.c.finished_at), else_=_as(jobs.c.finished_at, now)),
        )
    )


def _close(
    conn: Connection, job_id: int, worker: str, state: JobState, now: datetime, values: Mapping[str, Any]
) -> bool:
    """Close a job; as superseded, whatever became of it, when another has taken its place meanwhile."""
    closed = {
        "state": case((_IS_SUPERSEDED, _as(jobs.c.state, JobState.SUPERSEDED)), else_=_as(jobs.c.state, state)),
        "reason": case((_IS_SUPERSEDED, _WHY_SUPERSEDED), else_=values["reason"]),
        "finished_at": now,
    }
    owned = and_(jobs.c.id == job_id, jobs.c.claimed_by == worker)
    statement = update(jobs).where(owned).values(**{**FREE, **values, **closed}).returning(jobs.c.state)
    return conn.execute(statement).scalar_one_or_none() == state


def _as(column: Column[Any], value: object) -> ColumnElement[Any]:
    """Return a value written as those of a column are."""
    return literal(value, column.type)
