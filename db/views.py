"""Read-only questions that the steps, the command line and the demo ask."""

from collections.abc import Collection
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import Connection, Table, and_, func, select, true

from db import schema
from db.records import Counts, Delivery, DeliveryState, Intervention, Job, JobState, Result, SeriesRecord, SeriesState
from db.rows import deliveries_where, interventions_where, jobs_where, results_where, series_where

State = TypeVar("State", bound=StrEnum)


def studies_named(conn: Connection, text: str) -> tuple[str, ...]:
    """Find the received studies of this Study Instance UID; else those that end in it; else those that contain it."""
    uid = schema.series.c.study_instance_uid
    for named in (uid == text, uid.endswith(text, autoescape=True), uid.contains(text, autoescape=True)):
        found = tuple(conn.execute(select(uid).where(named).distinct().order_by(uid)).scalars())
        if found:
            return found
    return ()


def series_of_study(conn: Connection, study_instance_uid: str) -> tuple[SeriesRecord, ...]:
    """List the series of a study, the first received first."""
    return series_where(conn, schema.series.c.study_instance_uid == study_instance_uid)


def jobs_of_study(conn: Connection, study_instance_uid: str) -> tuple[Job, ...]:
    """List the jobs of a study, the first enqueued first."""
    return jobs_where(conn, schema.jobs.c.study_instance_uid == study_instance_uid)


def jobs_in(conn: Connection, *states: JobState) -> tuple[Job, ...]:
    """List the jobs in any of these states, such as the dead letters, the first enqueued first."""
    return jobs_where(conn, schema.jobs.c.state.in_(states))


def interventions_of_job(conn: Connection, job_id: int) -> tuple[Intervention, ...]:
    """List what persons have done to a job, the first first."""
    return interventions_where(conn, schema.interventions.c.job_id == job_id)


def deliveries_of_study(conn: Connection, study_instance_uid: str) -> tuple[Delivery, ...]:
    """List the deliveries of a study, the first owed first."""
    return deliveries_where(conn, schema.jobs.c.study_instance_uid == study_instance_uid)


def results_before(
    conn: Connection, job: Job, kinds: Collection[str], destinations: Collection[str]
) -> tuple[Result, ...]:
    """Find the results of these kinds of the newest job before this one, of its model and study, that left any.

    Only what is owed to any of the destinations counts; without destinations, whatever was made.
    """
    jobs, results, deliveries = schema.jobs, schema.results, schema.deliveries
    owed = select(deliveries.c.sop_instance_uid).where(deliveries.c.destination.in_(destinations))
    theirs = and_(
        jobs.c.model == job.model,
        jobs.c.study_instance_uid == job.study_instance_uid,
        jobs.c.id < job.id,
        results.c.kind.in_(kinds),
        results.c.sop_instance_uid.in_(owed) if destinations else true(),
    )
    newest = select(func.max(jobs.c.id)).select_from(results.join(jobs)).where(theirs).scalar_subquery()
    return results_where(conn, theirs, jobs.c.id == newest)


def counts(conn: Connection) -> Counts:
    """Count what is in each state."""
    return Counts(
        instances=conn.execute(select(func.count()).select_from(schema.instances)).scalar_one(),
        series=_by_state(conn, schema.series, SeriesState),
        jobs=_by_state(conn, schema.jobs, JobState),
        deliveries=_by_state(conn, schema.deliveries, DeliveryState),
    )


def _by_state(conn: Connection, table: Table, states: type[State]) -> dict[State, int]:
    rows = conn.execute(select(table.c.state, func.count()).group_by(table.c.state))
    found = {row[0]: int(row[1]) for row in rows}
    return {state: found.get(state, 0) for state in states}
