"""A database URL becomes an engine whose commits are on stable storage when they return."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection, Engine, make_url

from db import migrate, postgresql, sqlite
from db.errors import DatabaseError, DatabaseUnusable


def open_database(url: str, busy_timeout_seconds: float) -> Engine:
    """Open the database; make its tables, or bring them up to date, and the folder and file of SQLite.

    Several processes may do so at the same time. With SQLite every transaction, ``with engine.begin() as conn``, holds
    the database for writing from its first statement to its end; to look only, use `reading`.

    Parameters
    ----------
    url
        ``sqlite:///`` and the path of a file, or ``postgresql://`` with user, host and name of a database.
    busy_timeout_seconds
        How long a transaction waits for another one before it raises `DatabaseBusy`.

    Raises
    ------
    DatabaseError
        `SchemaTooNew` or `SchemaTooOld` here; `DatabaseUnusable`, `DatabaseUnreachable`, `DatabaseFull` or
        `DatabaseBusy` here and from every use of the engine.
    """
    parts = make_url(url)
    match parts.drivername:
        case "sqlite":
            engine = sqlite.make_engine(parts, busy_timeout_seconds)
        case "postgresql" | "postgresql+psycopg":
            engine = postgresql.make_engine(parts, busy_timeout_seconds)
        case other:
            raise DatabaseUnusable(f"{other}: only sqlite:/// and postgresql:// are supported")
    try:
        with migrating(engine) as conn:
            migrate.upgrade(conn)
    except DatabaseError:
        engine.dispose()
        raise
    return engine


def migrating(engine: Engine) -> AbstractContextManager[Connection]:
    """Begin a transaction in which `db.migrate` may change the tables, while nobody else does."""
    return sqlite.migrating(engine) if engine.dialect.name == "sqlite" else postgresql.migrating(engine)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Look at one state of the database, without keeping others from writing."""
    with engine.connect() as conn:
        if engine.dialect.name == "postgresql":
            yield conn.execution_options(glia_reading=True, isolation_level="REPEATABLE READ", postgresql_readonly=True)
        else:
            yield conn.execution_options(glia_reading=True)
