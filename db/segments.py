"""How far the segments of the spool have been indexed, and which of them are still needed.

Marks are written in the transaction that writes the rows: after a crash the spool is indexed from its marks on, and
what is indexed twice changes nothing (`inbox.receive_many`).
"""

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection, delete, select

from db.claim import insert_or_replace
from db.records import Mark
from db.schema import instances, spool_segments

_ASKED_AT_ONCE = 500


def marks(conn: Connection) -> dict[str, Mark]:
    """Return all marks, by the name of the segment."""
    table = spool_segments
    rows = conn.execute(select(table.c.segment, table.c.indexed_to).order_by(table.c.segment))
    return {row[0]: Mark(segment=row[0], indexed_to=row[1]) for row in rows}


def mark(conn: Connection, reached: Collection[Mark]) -> None:
    """Record how far segments have been indexed; a mark of the same segment is replaced."""
    rows = [{"segment": one.segment, "indexed_to": one.indexed_to} for one in reached]
    insert_or_replace(conn, spool_segments, rows)


def forget(conn: Connection, segments: Collection[str]) -> None:
    """Remove the marks of segments that are no longer there."""
    conn.execute(delete(spool_segments).where(spool_segments.c.segment.in_(segments)))


def live(conn: Connection, files: Collection[Path]) -> frozenset[Path]:
    """Return those of the files in which an instance lies that the inbox still names."""
    asked = sorted(set(files))
    path = instances.c.path
    found = (
        conn.execute(select(path).where(path.in_(asked[start : start + _ASKED_AT_ONCE])).distinct()).scalars()
        for start in range(0, len(asked), _ASKED_AT_ONCE)
    )
    return frozenset(file for some in found for file in some)
