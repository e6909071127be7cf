"""What may be forgotten: the instances of studies of which nothing is owed to anybody any more."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Exists, and_, delete, or_, select, update

from db.claim import INBOX, one_at_a_time
from db.records import DeliveryState, JobState, ReceivedInstance, SeriesState
from db.rows import instances_where
from db.schema import deliveries, instances, jobs, results, series


def settled_studies(conn: Connection, before: datetime, limit: int) -> tuple[str, ...]:
    """Find studies that hold instances and with which nothing has happened since a time; the longest quiet first.

    Each of their series is enqueued or refused, each job closed, each result delivered everywhere. A failed delivery
    keeps its study: a person has to see to it.
    """
    study, last = series.c.study_instance_uid, series.c.last_received_at
    other = series.alias()
    after_it = or_(
        other.c.last_received_at > last,
        and_(other.c.last_received_at == last, other.c.series_instance_uid > series.c.series_instance_uid),
    )
    query = (
        select(study)
        .where(series.c.instances > 0, last < before)
        .where(~_any(other.c.study_instance_uid == study, other.c.instances > 0, after_it), ~_is_busy(study, before))
        .order_by(last, study)
        .limit(limit)
    )
    return tuple(conn.execute(query).scalars())


def forget(conn: Connection, study_instance_uid: str, before: datetime) -> tuple[ReceivedInstance, ...]:
    """Forget the instances of a study and return them; none when it is not settled any more.

    What became of it stays. An instance that is sent again is new, and makes a new generation of its series.
    """
    one_at_a_time(conn, INBOX)
    study = series.c.study_instance_uid
    late = select(series.c.series_instance_uid).where(study == study_instance_uid, series.c.last_received_at >= before)
    if conn.execute(select(or_(late.exists(), _is_busy(study_instance_uid, before)))).scalar_one():
        return ()
    of_study = select(series.c.series_instance_uid).where(study == study_instance_uid)
    theirs = instances.c.series_instance_uid.in_(of_study)
    gone = instances_where(conn, theirs)
    conn.execute(delete(instances).where(theirs))
    conn.execute(update(series).where(study == study_instance_uid).values(instances=0))
    return gone


def _is_busy(study: ColumnElement[str] | str, before: datetime) -> ColumnElement[bool]:
    """Whether anything of a study is still to come, to be done or to be delivered, or was so until a moment ago."""
    other = series.alias()
    return or_(
        _any(other.c.study_instance_uid == study, other.c.state.in_([SeriesState.RECEIVING, SeriesState.WAITING])),
        _any(
            jobs.c.study_instance_uid == study,
            or_(
                jobs.c.state.in_([JobState.WAITING, JobState.RUNNING, JobState.HELD]),
                jobs.c.finished_at >= before,
            ),
        ),
        _any(
            deliveries.c.sop_instance_uid == results.c.sop_instance_uid,
            results.c.job_id == jobs.c.id,
            jobs.c.study_instance_uid == study,
            ~_is_safe(before),
        ),
    )


def _is_safe(before: datetime) -> ColumnElement[bool]:
    """Whether a result has been at its destination for long enough. Storage commitment is to be asked for here."""
    return and_(deliveries.c.state == DeliveryState.DELIVERED, deliveries.c.delivered_at < before)


def _any(*conditions: ColumnElement[bool]) -> Exists:
    return select(1).where(*conditions).exists()
