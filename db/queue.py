"""The queue: jobs for models, each claimed by one worker at a time for as long as its lease lasts.

A worker's name must be its own: one name, one process. Functions that take one return False when the job is no longer
that worker's; what it did then belongs to nobody and must be dropped.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, String, and_, cast, update

from db.claim import FREE, change, due, insert_once, take
from db.records import Job, JobState, NewJob
from db.rows import jobs_where
from db.schema import jobs


def enqueue(conn: Connection, new: NewJob, now: datetime) -> int | None:
    """Add a job and return its id; None when this model has one for the same inputs and generation."""
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
        },
    )
    return job_id


def claim(conn: Connection, worker: str, now: datetime, lease: timedelta) -> Job | None:
    """Take the oldest job that waits or whose worker has died; None when there is none."""
    taken = take(
        conn,
        jobs,
        due(jobs, JobState.WAITING, JobState.RUNNING, now),
        limit=1,
        values={
            "state": JobState.RUNNING,
            "claimed_by": worker,
            "lease_until": now + lease,
            "started_at": now,
        },
    )
    return jobs_where(conn, jobs.c.id == taken[0])[0] if taken else None


def fail_killers(conn: Connection, now: datetime, maximum_attempts: int) -> tuple[Job, ...]:
    """Give up the jobs whose worker has died in their last allowed attempt: they wait to be reported, once.

    Those whose worker has died over the report are closed as failed, and returned.
    """
    killers = and_(jobs.c.state == JobState.RUNNING, jobs.c.lease_until <= now, jobs.c.attempts >= maximum_attempts)
    failed = conn.execute(
        update(jobs)
        .where(killers, jobs.c.refusal + jobs.c.failure != "")
        .values(state=JobState.FAILED, reason=jobs.c.refusal + jobs.c.failure, finished_at=now, **FREE)
        .returning(jobs.c.id)
    )
    closed = jobs_where(conn, jobs.c.id.in_(failed.scalars().all()))
    failure = "its worker died in attempt " + cast(jobs.c.attempts, String) + ", the last allowed"
    conn.execute(
        update(jobs).where(killers).values(state=JobState.WAITING, failure=failure, not_before=now, reason="", **FREE)
    )
    return closed


def heartbeat(conn: Connection, job_id: int, worker: str, until: datetime) -> bool:
    """Renew the lease."""
    return change(conn, jobs, job_id, worker, {"lease_until": until})


def finish(conn: Connection, job_id: int, worker: str, report: str, now: datetime) -> bool:
    """Close a job as done."""
    values = {"state": JobState.DONE, "reason": "", "report": report, "finished_at": now}
    return change(conn, jobs, job_id, worker, FREE | values)


def fail(conn: Connection, job_id: int, worker: str, reason: str, now: datetime) -> bool:
    """Close a job as failed."""
    return change(conn, jobs, job_id, worker, FREE | {"state": JobState.FAILED, "reason": reason, "finished_at": now})


def postpone(conn: Connection, job_id: int, worker: str, reason: str, not_before: datetime, failure: str = "") -> bool:
    """Put a job back to be tried again later; with a failure it is not to be analysed again, only reported."""
    values = {"state": JobState.WAITING, "reason": reason, "not_before": not_before}
    return change(conn, jobs, job_id, worker, FREE | values | ({"failure": failure} if failure else {}))


def hand_back(conn: Connection, job_id: int, worker: str) -> bool:
    """Put a job back as if it had not been claimed, because the worker must leave."""
    values = {"state": JobState.WAITING, "attempts": jobs.c.attempts - 1, "started_at": None}
    return change(conn, jobs, job_id, worker, FREE | values)
