"""The inbox: instances as received, and how far each series has come."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum, auto

from sqlalchemy import Connection, and_, case, false, insert, or_, select, true, update

from db import schema
from db.records import ReceivedInstance, SeriesRecord, SeriesState
from db.rows import instances_where, series_where

EVERY_SENDER = "*"


class Reception(StrEnum):
    """What an instance was to the inbox."""

    NEW = auto()
    DUPLICATE = auto()
    """The same bytes are already there; the inbox names the earlier file."""
    REPLACED = auto()
    """Other bytes under the same UID were there; the inbox names the newer file."""


def receive(conn: Connection, instance: ReceivedInstance) -> Reception:
    """Record an instance, and its series as receiving.

    A series that was complete already is receiving again, as a new generation. A duplicate only shows that the
    sender is at it again: a series that is receiving is not quiet yet.
    """
    table = schema.instances
    here = and_(
        table.c.series_instance_uid == instance.series_instance_uid,
        table.c.sop_instance_uid == instance.sop_instance_uid,
    )
    values = {column.name: getattr(instance, column.name) for column in table.c}
    known = conn.execute(select(table.c.sha256).where(here)).scalar_one_or_none()
    if known == instance.sha256:
        _hear_of_series(conn, instance)
        return Reception.DUPLICATE
    if known is None:
        _receive_series(conn, instance, more=1)
        conn.execute(insert(table).values(**values))
        return Reception.NEW
    _receive_series(conn, instance, more=0)
    conn.execute(update(table).where(here).values(**values))
    return Reception.REPLACED


def release(conn: Connection, series_instance_uids: Collection[str], at: datetime) -> None:
    """Record that the association which sent to these series was released."""
    table = schema.series
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


def _hear_of_series(conn: Connection, instance: ReceivedInstance) -> None:
    table = schema.series
    receiving = and_(
        table.c.series_instance_uid == instance.series_instance_uid, table.c.state == SeriesState.RECEIVING
    )
    conn.execute(update(table).where(receiving).values(last_received_at=instance.received_at, released_at=None))


def _receive_series(conn: Connection, instance: ReceivedInstance, more: int) -> None:
    """Record that a series has been sent to: its first instance, or ``more`` of them."""
    table = schema.series
    again = (
        update(table)
        .where(table.c.series_instance_uid == instance.series_instance_uid)
        .values(
            calling_ae_title=instance.calling_ae_title,
            instances=table.c.instances + more,
            last_received_at=instance.received_at,
            released_at=None,
            generation=case((table.c.state == SeriesState.RECEIVING, table.c.generation), else_=table.c.generation + 1),
            state=SeriesState.RECEIVING,
            reason="",
            candidates="",
            waiting_until=None,
        )
    )
    if conn.execute(again).rowcount == 0:
        first = SeriesRecord(
            series_instance_uid=instance.series_instance_uid,
            study_instance_uid=instance.study_instance_uid,
            calling_ae_title=instance.calling_ae_title,
            modality=instance.modality,
            sop_class_uid=instance.sop_class_uid,
            series_description=instance.series_description,
            instances=1,
            first_received_at=instance.received_at,
            last_received_at=instance.received_at,
            released_at=None,
            generation=0,
            state=SeriesState.RECEIVING,
            reason="",
            candidates="",
            waiting_until=None,
        )
        conn.execute(insert(table).values({column.name: getattr(first, column.name) for column in table.c}))
