"""A PostgreSQL server as the database: a commit is on its stable storage when it returns."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from db.claim import one_at_a_time
from db.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnreachable, DatabaseUnusable

ERRORS: Mapping[str, type[DatabaseError]] = {
    "08": DatabaseUnreachable,  # connection exception
    "25006": DatabaseUnreachable,  # the server takes no writes: a standby, until it is promoted
    "28": DatabaseUnusable,  # invalid authorization
    "3D": DatabaseUnusable,  # no such database
    "40": DatabaseBusy,  # rolled back: deadlock, serialization failure
    "42501": DatabaseUnusable,  # insufficient privilege
    "53": DatabaseBusy,  # out of memory, too many connections
    "53100": DatabaseFull,
    "55P03": DatabaseBusy,  # lock not available
    "57014": DatabaseBusy,  # cancelled, by a time limit or an administrator
    "57P": DatabaseUnreachable,  # stopping, crashed or starting
    "58": DatabaseUnusable,  # system error, such as input/output
    "F0": DatabaseUnusable,  # configuration file
    "XX": DatabaseUnusable,  # internal error, damaged data
}
"""What PostgreSQL's error codes (https://www.postgresql.org/docs/current/errcodes-appendix.html) are to us.

The longest beginning of a code decides.
"""

_HOPELESS = ("authentication failed", "does not exist", "no pg_hba.conf entry")
"""What a server says, without a code, when it will not let us in later either; in other languages we go on trying."""

_WATCHFUL = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""A server that has vanished, with its network, is given up after less than a minute, not after hours."""


def make_engine(url: URL, busy_timeout_seconds: float) -> Engine:
    """Return an engine on a server; nothing is opened yet."""
    arguments = {"connect_timeout": max(2, ceil(busy_timeout_seconds)), "application_name": "glia", **_WATCHFUL}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        max_overflow=-1,  # as many connections as threads; five are kept
        pool_pre_ping=True,  # what a restart of the server has cut off is replaced when it is next wanted
        connect_args={name: value for name, value in arguments.items() if name not in url.query},
    )

    def configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        assert isinstance(connection, psycopg.Connection)
        try:
            _configure(connection, busy_timeout_seconds)
        except psycopg.Error as error:
            raise (_error_of(error) or DatabaseUnreachable)(str(error)) from error

    event.listen(engine, "connect", configure)
    event.listen(engine, "handle_error", _translate)
    return engine


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction in which tables may be made anew; other openers wait, however long it takes."""
    with engine.begin() as conn:
        conn.exec_driver_sql("SET LOCAL lock_timeout = 0")
        one_at_a_time(conn, "tables")
        yield conn


def _configure(connection: psycopg.Connection[tuple[str, ...]], busy_timeout_seconds: float) -> None:
    """Set up each new connection, and refuse a server on which a commit is not durable."""
    connection.autocommit = True  # or a rollback would take the settings back
    names = ("fsync", "synchronous_commit", "server_encoding")
    row = connection.execute("SELECT current_setting(%s), current_setting(%s), current_setting(%s)", names).fetchone()
    assert row is not None
    fsync, synchronous_commit, encoding = row
    if fsync != "on":
        raise DatabaseUnusable("the server runs with fsync off: what it has committed does not survive a power loss")
    if encoding != "UTF8":
        raise DatabaseUnusable(f"the database is encoded in {encoding}, and must be in UTF8")
    # Our questions are short: to compile one would take longer than to answer it.
    settings = {"lock_timeout": str(int(busy_timeout_seconds * 1000)), "jit": "off"}
    if synchronous_commit == "off":
        settings["synchronous_commit"] = "on"
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.autocommit = False


def _translate(context: ExceptionContext) -> None:
    """Raise our errors in place of the driver's; mistakes of ours, such as a broken constraint, stay as they are."""
    error = context.original_exception
    if context.is_pre_ping or not isinstance(error, psycopg.Error):
        return
    reading = context.connection is not None and context.connection.get_execution_options().get("glia_reading", False)
    if reading and error.sqlstate == "25006":
        return
    lost = context.is_disconnect or context.connection is None
    kind = _error_of(error) or (DatabaseUnreachable if lost else None)
    if kind is not None:
        raise kind(str(error)) from error


def _error_of(error: psycopg.Error) -> type[DatabaseError] | None:
    code = error.sqlstate or ""
    for length in (5, 3, 2):
        if code[:length] in ERRORS:
            return ERRORS[code[:length]]
    hopeless = not code and any(words in str(error) for words in _HOPELESS)
    return DatabaseUnusable if hopeless else None
