"""Take rows that nobody else can take: the statements in which SQLite and PostgreSQL differ.

A claim is a lease: the row names its owner and the time until which it is the owner's. A table of claims has the
columns id, state, attempts, not_before, claimed_by and lease_until.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select, update
from sqlalchemy.dialects.sqlite import insert

FREE = {"claimed_by": None, "lease_until": None}
"""The values of a row that nobody owns."""


def insert_once(conn: Connection, table: Table, values: Mapping[str, Any]) -> Any:
    """Insert a row and return its primary key; None where a unique constraint says it is already there."""
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    return conn.execute(statement).scalar_one_or_none()


def due(table: Table, waiting: StrEnum, claimed: StrEnum, now: datetime) -> ColumnElement[bool]:
    """Rows to be claimed: their time has come, or their owner has let the lease run out."""
    return or_(
        and_(table.c.state == waiting, table.c.not_before <= now),
        and_(table.c.state == claimed, table.c.lease_until <= now),
    )


def take(
    conn: Connection, table: Table, wanted: ColumnElement[bool], limit: int, values: Mapping[str, Any]
) -> list[int]:
    """Claim the oldest wanted rows in one statement: set ``values``, count the attempt, return the ids."""
    oldest = select(table.c.id).where(wanted).order_by(table.c.id).limit(limit)
    statement = (
        update(table)
        .where(table.c.id.in_(oldest))
        .values(attempts=table.c.attempts + 1, **values)
        .returning(table.c.id)
    )
    return sorted(conn.execute(statement).scalars())


def change(conn: Connection, table: Table, row_id: int, owner: str, values: Mapping[str, Any]) -> bool:
    """Change a claimed row; False when it is no longer the owner's."""
    owned = and_(table.c.id == row_id, table.c.claimed_by == owner)
    return conn.execute(update(table).where(owned).values(**values)).rowcount == 1
