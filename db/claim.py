"""Take rows that nobody else can take: the statements in which SQLite and PostgreSQL differ.

A claim is a lease: the row names its owner and the time until which it is the owner's. A table of claims has the
columns id, state, attempts, not_before, claimed_by and lease_until.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, TextClause, and_, func, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

FREE = {"claimed_by": None, "lease_until": None}
"""The values of a row that nobody owns."""

INBOX = "inbox"
"""What transactions do one at a time that read rows of the inbox before they change them."""

_LOCK = 0x676C6961
"""Marks our advisory locks among those of other programs (PostgreSQL 13.3.5)."""


def insert_once(conn: Connection, table: Table, values: Mapping[str, Any]) -> Any:
    """Insert a row and return its primary key; None where a unique constraint says it is already there."""
    statement = _insert(conn, table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    return conn.execute(statement).scalar_one_or_none()


def insert_or_replace(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, and replace those that are there already, in one statement."""
    if not rows:
        return
    newer: dict[str, ColumnElement[Any]] = {
        c.name: literal_column(f'excluded."{c.name}"') for c in table.c if not c.primary_key
    }
    statement = _insert(conn, table).on_conflict_do_update(index_elements=[*table.primary_key], set_=newer)
    conn.execute(statement, list(rows))


def one_at_a_time(conn: Connection, what: str) -> None:
    """Wait for other transactions that do the same, and keep further ones waiting until the end of this one.

    Any writing transaction of SQLite has the database to itself already.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(what))))


def announce(conn: Connection, table: Table) -> None:
    """Wake whoever waits for rows of a table to be claimed, when this transaction is committed.

    With SQLite they notice the commit itself (`db.wake`).
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_notify(channel(table), "")))


def channel(table: Table) -> str:
    """Name the channel on which the rows of a table are announced."""
    return f"glia_{table.name}"


def due(table: Table, open_rows: TextClause, waiting: StrEnum, claimed: StrEnum, now: datetime) -> ColumnElement[bool]:
    """Rows to be claimed: their time has come, or their owner has let the lease run out.

    ``open_rows`` is the condition of the partial index by which they are found.
    """
    return and_(
        open_rows,
        or_(
            and_(table.c.state == waiting, table.c.not_before <= now),
            and_(table.c.state == claimed, table.c.lease_until <= now),
        ),
    )


def take(
    conn: Connection,
    table: Table,
    wanted: ColumnElement[bool],
    order: Sequence[ColumnElement[Any]],
    limit: int,
    values: Mapping[str, Any],
) -> list[int]:
    """Claim the first wanted rows in one statement: set ``values``, count the attempt, return the ids.

    What another transaction is about to claim is passed over: FOR UPDATE SKIP LOCKED, of which SQLite, where
    transactions wait for one another from the start, knows nothing and sees nothing.
    """
    first = (
        select(table.c.id).where(wanted).order_by(*order).limit(limit).with_for_update(skip_locked=True).cte("first")
    )
    statement = (
        update(table)
        .where(table.c.id.in_(select(first.c.id)))
        .values(attempts=table.c.attempts + 1, **values)
        .returning(table.c.id)
    )
    return sorted(conn.execute(statement).scalars())


def change(conn: Connection, table: Table, row_id: int, owner: str, values: Mapping[str, Any]) -> bool:
    """Change a claimed row; False when it is no longer the owner's."""
    owned = and_(table.c.id == row_id, table.c.claimed_by == owner)
    return conn.execute(update(table).where(owned).values(**values)).rowcount == 1


def _insert(conn: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if conn.dialect.name == "postgresql" else sqlite.insert(table)
