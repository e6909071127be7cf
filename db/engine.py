"""A database URL becomes an engine whose commits are on stable storage when they return."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from db import schema
from db.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnusable, SchemaTooNew, SchemaTooOld

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


def open_database(url: str, busy_timeout_seconds: float) -> Engine:
    """Open the database; create its folder, file and tables where they are missing.

    Several processes may do so at the same time. Every transaction, ``with engine.begin() as conn``, holds the
    database for writing from its first statement to its end; to look only, use `reading`.

    Parameters
    ----------
    url
        ``sqlite:///`` and the path of a file.
    busy_timeout_seconds
        How long a transaction waits for another one before it raises `DatabaseBusy`.

    Raises
    ------
    DatabaseError
        `SchemaTooNew` or `SchemaTooOld` here; `DatabaseUnusable`, `DatabaseFull` or `DatabaseBusy` here and from every
        use of the engine.
    """
    file = _file(url)
    # No limit to the pool: a thread waits for its turn to write, not for a connection.
    engine = create_engine(url, pool_size=0, connect_args={"timeout": busy_timeout_seconds})
    event.listen(engine, "connect", _configure)
    turns = _Turns(busy_timeout_seconds)
    event.listen(engine, "begin", turns.begin)
    event.listen(engine, "checkin", turns.end)
    event.listen(engine, "handle_error", _translate)
    try:
        with _alone(file), engine.begin() as conn:
            _create(conn)
    except OSError as error:
        engine.dispose()
        raise DatabaseUnusable(f"{file}: {error.strerror}") from error
    except DatabaseError:
        engine.dispose()
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Look at one state of the database, without keeping others from writing."""
    with engine.connect() as conn:
        yield conn.execution_options(glia_reading=True)


def _file(url: str) -> Path:
    parts = make_url(url)
    if parts.drivername != "sqlite" or parts.query or parts.database in (None, "", ":memory:"):
        raise DatabaseUnusable(f"{parts}: only files are supported, as sqlite:/// and a path")
    return Path(str(parts.database))


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
    connection.isolation_level = None  # the driver begins nothing by itself; see _begin
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


def _create(conn: Connection) -> None:
    version = conn.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version > schema.VERSION:
        raise SchemaTooNew(
            f"{conn.engine.url.database}: schema version {version} was written by a newer Glia; "
            f"this one knows versions up to {schema.VERSION}"
        )
    if 0 < version < schema.VERSION:
        file = conn.engine.url.database
        raise SchemaTooOld(
            f"{file}: schema version {version} was written by an older Glia, and this one needs version "
            f"{schema.VERSION}; no release wrote that version, so it cannot be brought up to date: stop the node, move "
            f"{file}, {file}-wal and {file}-shm away, start again and have the studies sent once more"
        )
    if version == 0:
        schema.metadata.create_all(conn)
        conn.exec_driver_sql(f"PRAGMA user_version={schema.VERSION}")


def _translate(context: ExceptionContext) -> None:
    """Raise our errors in place of the driver's; mistakes of ours, such as a broken constraint, stay as they are."""
    error = context.original_exception
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # the upper bits give details
    if code in ERRORS:
        raise ERRORS[code](str(error)) from error
