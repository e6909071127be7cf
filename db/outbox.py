"""The outbox: results owed to destinations, each claimed by one sender at a time for as long as its lease lasts.

A sender's name must be its own: one name, one process. Functions that take one return False when the delivery is no
longer that sender's.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from db.claim import FREE, announce, change, due, insert_once, take
from db.records import Delivery, DeliveryState, Result
from db.rows import deliveries_where
from db.schema import OPEN_DELIVERIES, deliveries, results


def owe(conn: Connection, job_id: int, made: Collection[Result], destinations: Collection[str], now: datetime) -> None:
    """Record the results a job has made, and that each is owed to each destination. Twice is once."""
    for result in made:
        values = {column: getattr(result, column) for column in Result.__slots__}
        insert_once(conn, results, values | {"job_id": job_id})
        for destination in destinations:
            _owe_one(conn, result.sop_instance_uid, destination, now)
    announce(conn, deliveries)


def claim(conn: Connection, sender: str, now: datetime, lease: timedelta, limit: int) -> tuple[Delivery, ...]:
    """Take up to ``limit`` deliveries, all to the destination that has waited longest, the oldest first."""
    ready = _claimable(now)
    first = select(deliveries.c.destination).where(ready).order_by(deliveries.c.id).limit(1)
    taken = take(
        conn,
        deliveries,
        and_(ready, deliveries.c.destination == first.scalar_subquery()),
        (deliveries.c.id,),
        limit,
        values={"state": DeliveryState.SENDING, "claimed_by": sender, "lease_until": now + lease},
    )
    return deliveries_where(conn, deliveries.c.id.in_(taken)) if taken else ()


def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Say when there is something to claim: ``now`` or earlier when there is already, None when nothing is owed."""
    if conn.execute(select(deliveries.c.id).where(_claimable(now)).order_by(deliveries.c.id).limit(1)).first():
        return now
    time = case((deliveries.c.state == DeliveryState.WAITING, deliveries.c.not_before), else_=deliveries.c.lease_until)
    earliest: datetime | None = conn.execute(select(func.min(time)).where(OPEN_DELIVERIES)).scalar_one()
    return earliest


def delivered(conn: Connection, delivery_id: int, sender: str, now: datetime) -> bool:
    """Close a delivery as done."""
    values = {"state": DeliveryState.DELIVERED, "delivered_at": now, "reason": ""}
    return change(conn, deliveries, delivery_id, sender, FREE | values)


def postpone(conn: Connection, delivery_id: int, sender: str, reason: str, not_before: datetime) -> bool:
    """Put a delivery back to be tried again later."""
    values = {"state": DeliveryState.WAITING, "reason": reason, "not_before": not_before}
    announce(conn, deliveries)
    return change(conn, deliveries, delivery_id, sender, FREE | values)


def fail(conn: Connection, delivery_id: int, sender: str, reason: str) -> bool:
    """Close a delivery as failed."""
    return change(conn, deliveries, delivery_id, sender, FREE | {"state": DeliveryState.FAILED, "reason": reason})


def _claimable(now: datetime) -> ColumnElement[bool]:
    return due(deliveries, OPEN_DELIVERIES, DeliveryState.WAITING, DeliveryState.SENDING, now)


def _owe_one(conn: Connection, sop_instance_uid: str, destination: str, now: datetime) -> None:
    insert_once(
        conn,
        deliveries,
        {
            "sop_instance_uid": sop_instance_uid,
            "destination": destination,
            "state": DeliveryState.WAITING,
            "attempts": 0,
            "not_before": now,
            "reason": "",
        },
    )
