"""The inbox: instances as received, and how far each series has come."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, false, or_, select, true, tuple_, update

from db import schema
from db.claim import INBOX, insert_or_replace, one_at_a_time
from db.reception import Batch, Key, Reception
from db.records import ReceivedInstance, SeriesRecord, SeriesState
from db.rows import instances_where, series_where

EVERY_SENDER = "*"

_ASKED_AT_ONCE = 500
"""How many keys one question names: databases limit the parameters of a statement."""


def receive(conn: Connection, instance: ReceivedInstance) -> Reception:
    """Record an instance, and its series as receiving.

    A series that was complete already is receiving again, as a new generation. A duplicate only shows that the
    sender is at it again: a series that is receiving is not quiet yet.
    """
    return receive_many(conn, [instance])[0]


def receive_many(conn: Connection, received: Sequence[ReceivedInstance]) -> tuple[Reception, ...]:
    """Record instances exactly as if one after another, in a few statements, and say what each was."""
    one_at_a_time(conn, INBOX)
    batch = Batch(_series_known(conn, received), _digests_known(conn, received))
    receptions = tuple(batch.receive(instance) for instance in received)
    insert_or_replace(conn, schema.series, [_values(schema.series, one) for one in batch.changed_series])
    insert_or_replace(conn, schema.instances, [_values(schema.instances, one) for one in batch.changed_instances])
    return receptions


def release(conn: Connection, series_instance_uids: Collection[str], at: datetime) -> None:
    """Record that the association which sent to these series was released."""
    table = schema.series
    one_at_a_time(conn, INBOX)
    conn.execute(update(table).where(table.c.series_instance_uid.in_(series_instance_uids)).values(released_at=at))


def quiet_series(
    conn: Connection, now: datetime, quiet: timedelta, on_release: Collection[str], listening_since: datetime
) -> tuple[SeriesRecord, ...]:
    """Find the series that are complete.

    Parameters
    ----------
    now
        The time.
    quiet
        How long no instance must have come.
    on_release
        AE titles whose series are complete when their association is released; ``*`` is everyone.
    listening_since
        When senders could first reach us: before that their silence says nothing.
    """
    table = schema.series
    since = now - quiet
    silent = table.c.last_received_at <= since if listening_since <= since else false()
    trusted = true() if EVERY_SENDER in on_release else table.c.calling_ae_title.in_(on_release)
    return series_where(
        conn,
        table.c.state == SeriesState.RECEIVING,
        or_(silent, and_(table.c.released_at.is_not(None), trusted)),
    )


def complete(conn: Connection, seen: SeriesRecord, candidates: str) -> bool:
    """Keep what a series that has gone quiet offers to models; False when anything has come since it was seen.

    It is waiting then: `settle` says for what, or what became of it.
    """
    table = schema.series
    one_at_a_time(conn, INBOX)
    same = and_(
        table.c.series_instance_uid == seen.series_instance_uid,
        table.c.generation == seen.generation,
        table.c.state == SeriesState.RECEIVING,
        table.c.last_received_at == seen.last_received_at,
    )
    values = {"state": SeriesState.WAITING, "candidates": candidates}
    return conn.execute(update(table).where(same).values(**values)).rowcount == 1


def settle(
    conn: Connection,
    series_instance_uid: str,
    generation: int,
    state: SeriesState,
    reason: str,
    waiting_until: datetime | None = None,
) -> bool:
    """Say what became of a complete series; False when it is receiving again, or has done so since."""
    table = schema.series
    one_at_a_time(conn, INBOX)
    same = and_(
        table.c.series_instance_uid == series_instance_uid,
        table.c.generation == generation,
        table.c.state != SeriesState.RECEIVING,
    )
    values = {"state": state, "reason": reason, "waiting_until": waiting_until}
    return conn.execute(update(table).where(same).values(**values)).rowcount == 1


def studies_due(conn: Connection, now: datetime) -> tuple[str, ...]:
    """Find the studies in which a model has waited long enough for a series that has not come."""
    table = schema.series
    due = and_(table.c.state == SeriesState.WAITING, table.c.waiting_until <= now)
    query = select(table.c.study_instance_uid).where(due).distinct().order_by(table.c.study_instance_uid)
    return tuple(conn.execute(query).scalars())


def instances(conn: Connection, series_instance_uid: str) -> tuple[ReceivedInstance, ...]:
    """List the instances of a series."""
    return instances_where(conn, schema.instances.c.series_instance_uid == series_instance_uid)


def series(conn: Connection, series_instance_uid: str) -> SeriesRecord | None:
    """Find a series; None when nothing of it was received."""
    found = series_where(conn, schema.series.c.series_instance_uid == series_instance_uid)
    return found[0] if found else None


def _series_known(conn: Connection, received: Sequence[ReceivedInstance]) -> Mapping[str, SeriesRecord]:
    uids = sorted({instance.series_instance_uid for instance in received})
    found = (
        series_where(conn, schema.series.c.series_instance_uid.in_(uids[start : start + _ASKED_AT_ONCE]))
        for start in range(0, len(uids), _ASKED_AT_ONCE)
    )
    return {series.series_instance_uid: series for some in found for series in some}


def _digests_known(conn: Connection, received: Sequence[ReceivedInstance]) -> Mapping[Key, str]:
    table = schema.instances
    pair = tuple_(table.c.series_instance_uid, table.c.sop_instance_uid)
    digests = select(table.c.series_instance_uid, table.c.sop_instance_uid, table.c.sha256)
    keys = sorted({Key.of(instance) for instance in received})
    found = (
        conn.execute(digests.where(pair.in_(keys[start : start + _ASKED_AT_ONCE])))
        for start in range(0, len(keys), _ASKED_AT_ONCE)
    )
    return {Key(row[0], row[1]): row[2] for some in found for row in some}


def _values(table: Table, record: object) -> dict[str, Any]:
    return {column.name: getattr(record, column.name) for column in table.c}
