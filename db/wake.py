"""Wait until there is something to claim, and know it within a few hundredths of a second.

PostgreSQL says so (LISTEN and NOTIFY, see `db.claim.announce`). A SQLite file says nothing, but shows in a few
microseconds whether anyone has committed since (https://sqlite.org/pragma.html#pragma_data_version).
"""

import os
import select
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import psycopg
from sqlalchemy import Connection, Engine, Table

from db import outbox, queue, schema
from db.claim import channel
from db.engine import reading
from db.errors import DatabaseUnreachable

_GLANCE_SECONDS = 0.02
_SHARE = 9
"""Questions that others' commits lead to without need take a tenth of the time at most."""


class Wake:
    """Tells one thread when there is something to claim.

    Parameters
    ----------
    table
        What is claimed.
    next_due
        Says when there is something to claim, as `queue.next_due` does.
    now
        Returns the time, aware.
    """

    def __init__(
        self,
        engine: Engine,
        table: Table,
        next_due: Callable[[Connection, datetime], datetime | None],
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._next_due = next_due
        self._now = now
        self._told, self._teller = os.pipe()
        os.set_blocking(self._told, False)
        os.set_blocking(self._teller, False)
        self._news: _News
        if engine.dialect.name == "postgresql":
            self._news = _Notifications(engine, channel(table), self._told)
        else:
            self._news = _Commits(engine, self._told)

    def wait(self, timeout_seconds: float) -> bool:
        """Return True as soon as something can be claimed; False when the time is over, or when interrupted.

        A lease that runs out while this waits may be noticed only when the time is over.

        Raises
        ------
        DatabaseError
            When the database cannot be asked; the next call tries again.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            self._news.expect()
            began = time.monotonic()
            now = self._now()
            with reading(self._engine) as conn:
                due = self._next_due(conn, now)
            asked = time.monotonic()
            if due is not None and due <= now:
                return True
            remaining = deadline - asked
            if remaining <= 0 or self._interrupted(min(_SHARE * (asked - began), remaining)):
                return False
            until_due = remaining if due is None else (due - now).total_seconds()
            self._news.wait(max(0.0, min(deadline - time.monotonic(), until_due)))

    def interrupt(self) -> None:
        """Let the running wait, or the next one, return False at once; may be called from any thread."""
        with suppress(BlockingIOError):  # the pipe is full: it has been told often enough
            os.write(self._teller, b".")

    def close(self) -> None:
        """Let go of the database; not while anyone waits."""
        self._news.close()
        os.close(self._told)
        os.close(self._teller)

    def _interrupted(self, seconds: float) -> bool:
        if not select.select([self._told], [], [], seconds)[0]:
            return False
        os.read(self._told, 4096)
        return True


def for_jobs(engine: Engine, now: Callable[[], datetime]) -> Wake:
    """Return what tells a worker that there is a job."""
    return Wake(engine, schema.jobs, queue.next_due, now)


def for_deliveries(engine: Engine, now: Callable[[], datetime]) -> Wake:
    """Return what tells a sender that there is a delivery."""
    return Wake(engine, schema.deliveries, outbox.next_due, now)


class _News(Protocol):
    """How a database lets others know that something has changed."""

    def expect(self) -> None:
        """From now on notice changes."""

    def wait(self, seconds: float) -> None:
        """Return when there has been a change since, when interrupted, or when the time is over."""

    def close(self) -> None:
        """Let go of the database."""


class _Commits:
    """Looks at the number that changes with every commit of another connection."""

    def __init__(self, engine: Engine, told: int) -> None:
        self._connection = engine.raw_connection()
        self._told = told
        self._seen = 0

    def expect(self) -> None:
        self._seen = self._version()

    def wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._version() == self._seen:
            rest = min(_GLANCE_SECONDS, deadline - time.monotonic())
            if rest <= 0 or select.select([self._told], [], [], rest)[0]:
                return

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        own = self._connection.driver_connection
        assert isinstance(own, sqlite3.Connection)
        return int(own.execute("PRAGMA data_version").fetchone()[0])


class _Notifications:
    """Listens on a connection of its own; one that is lost is made anew when next wanted."""

    def __init__(self, engine: Engine, channel: str, told: int) -> None:
        self._engine = engine
        self._channel = channel
        self._told = told
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def expect(self) -> None:
        if self._connection is not None:
            return
        pooled = self._engine.raw_connection()
        own = pooled.driver_connection
        assert isinstance(own, psycopg.Connection)
        pooled.detach()
        own.autocommit = True
        own.execute(f"LISTEN {self._channel}".encode())
        self._connection = own

    def wait(self, seconds: float) -> None:
        assert self._connection is not None
        try:
            own = self._connection.fileno()
            if own in select.select([own, self._told], [], [], seconds)[0]:
                for _ in self._connection.notifies(timeout=0):
                    pass
        except psycopg.OperationalError as error:
            self.close()
            raise DatabaseUnreachable(str(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
