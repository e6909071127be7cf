"""A file as the database: every transaction that writes has it to itself, and a commit is on stable storage."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from db.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnusable

ERRORS: Mapping[int, type[DatabaseError]] = {
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_LOCKED: DatabaseBusy,
    sqlite3.SQLITE_PROTOCOL: DatabaseBusy,
    sqlite3.SQLITE_FULL: DatabaseFull,
    sqlite3.SQLITE_PERM: DatabaseUnusable,
    sqlite3.SQLITE_READONLY: DatabaseUnusable,
    sqlite3.SQLITE_IOERR: DatabaseUnusable,
    sqlite3.SQLITE_CORRUPT: DatabaseUnusable,
    sqlite3.SQLITE_CANTOPEN: DatabaseUnusable,
    sqlite3.SQLITE_NOTADB: DatabaseUnusable,
}
"""What SQLite's result codes (https://sqlite.org/rescode.html) are to us."""


def make_engine(url: URL, busy_timeout_seconds: float) -> Engine:
    """Return an engine on a file; nothing is opened yet."""
    if url.query or url.database in (None, "", ":memory:"):
        raise DatabaseUnusable(f"{url!r}: of SQLite only files are supported, as sqlite:/// and a path")
    # No limit to the pool: a thread waits for its turn to write, not for a connection.
    engine = create_engine(url, pool_size=0, connect_args={"timeout": busy_timeout_seconds})
    event.listen(engine, "connect", _configure)
    turns = _Turns(busy_timeout_seconds)
    event.listen(engine, "begin", turns.begin)
    event.listen(engine, "checkin", turns.end)
    event.listen(engine, "handle_error", _translate)
    return engine


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction in which tables may be made anew; other openers wait."""
    file = Path(str(engine.url.database))
    try:
        with _alone(file), engine.connect() as conn, _unconstrained(conn), conn.begin():
            before = conn.exec_driver_sql("PRAGMA schema_version").scalar_one()
            yield conn
            changed = conn.exec_driver_sql("PRAGMA schema_version").scalar_one() != before
            if changed and (broken := conn.exec_driver_sql("PRAGMA foreign_key_check").first()):
                raise DatabaseUnusable(f"{file}: rows of {broken[0]} name rows of {broken[2]} that are not there")
    except OSError as error:
        raise DatabaseUnusable(f"{file}: {error.strerror}") from error


@contextmanager
def _unconstrained(conn: Connection) -> Iterator[None]:
    """Let go of foreign keys, or no table that others refer to could be replaced; only before a transaction."""
    own = conn.connection.dbapi_connection
    assert isinstance(own, sqlite3.Connection)
    own.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        own.execute("PRAGMA foreign_keys=ON")


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold off other openers: of two that switch a new file to WAL at once, SQLite fails one without waiting."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.with_name(f"{file.name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released with the file, also when the process dies
        yield
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # SQLite syncs the names of its journals, but not that of the database itself
    finally:
        os.close(folder)


def _configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Set up each new connection.

    In WAL mode only ``synchronous=FULL`` makes a commit survive a power loss (https://sqlite.org/pragma.html).
    """
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # the driver begins nothing by itself; see _Turns.begin
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise DatabaseUnusable(f"the file system of the database does not allow WAL, only {mode}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


class _Turns:
    """Who of this process's threads may write.

    SQLite lets writers wait by polling, in steps of up to 0.1 s and in no order: among many threads of a busy
    listener some would wait for seconds. A lock wakes the next one at once.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()

    def begin(self, conn: Connection) -> None:
        """Begin as a writer unless told otherwise: of two readers that both become writers, one fails."""
        if conn.get_execution_options().get("glia_reading", False):
            conn.exec_driver_sql("BEGIN")
            return
        if "writing" not in conn.info:
            if not self._lock.acquire(timeout=self._timeout_seconds):
                raise DatabaseBusy("other threads are writing")
            conn.info["writing"] = True
        conn.exec_driver_sql("BEGIN IMMEDIATE")

    def end(self, _: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        """Let the next one write, when a connection goes back to the pool."""
        if entry.info.pop("writing", False):
            self._lock.release()


def _translate(context: ExceptionContext) -> None:
    """Raise our errors in place of the driver's; mistakes of ours, such as a broken constraint, stay as they are."""
    error = context.original_exception
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # the upper bits give details
    if code in ERRORS:
        raise ERRORS[code](str(error)) from error
