"""The tables are brought to the revision that this program knows, or back to an older one, by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect

from db import schema
from db.errors import SchemaTooNew, SchemaTooOld

_FIRST = "0001"
_FIRST_VERSION = 3
"""What the first release, which knew no Alembic, wrote into its SQLite files as ``user_version``."""


def upgrade(conn: Connection) -> None:
    """Bring the tables up to date, or make them; to be done while nobody else does.

    Raises
    ------
    SchemaTooNew, SchemaTooOld
        When this program does not know the tables that are there.
    """
    at = revision(conn)
    if at == schema.HEAD:
        return
    if at is None and _version(conn):
        command.stamp(configuration(conn), _FIRST)
    command.upgrade(configuration(conn), schema.HEAD)
    _write_version(conn, schema.HEAD)


def downgrade(conn: Connection, to: str) -> None:
    """Bring the tables back to an older revision, in which an older program knows them; what does not fit is lost."""
    command.downgrade(configuration(conn), to)
    _write_version(conn, to)


def revision(conn: Connection) -> str | None:
    """Return the revision of the tables; None where none is written down: in a new database or a very old one.

    Raises
    ------
    SchemaTooNew, SchemaTooOld
        When it is not one that this program knows.
    """
    version = _version(conn)
    at = None
    if inspect(conn).has_table("alembic_version"):
        at = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    if version > _version_of(schema.HEAD) or (at is not None and at > schema.HEAD):
        raise SchemaTooNew(
            f"{_name(conn)}: schema version {at or version} was written by a newer Glia; this one knows versions up to "
            f"{schema.HEAD}"
        )
    if at is None and 0 < version < _FIRST_VERSION:
        file = conn.engine.url.database
        raise SchemaTooOld(
            f"{file}: schema version {version} was written by an older Glia, and this one needs version "
            f"{_FIRST_VERSION} at least; no release wrote that version, so it cannot be brought up to date: stop the "
            f"node, move {file}, {file}-wal and {file}-shm away, start again and have the studies sent once more"
        )
    return at


def configuration(conn: Connection) -> Config:
    """Return what Alembic's commands want to know."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = conn
    return config


def _name(conn: Connection) -> str:
    return str(conn.engine.url.database)


def _version(conn: Connection) -> int:
    """Return what a SQLite file says of itself; 0 when it says nothing, and of any other database."""
    if conn.dialect.name != "sqlite":
        return 0
    return int(conn.exec_driver_sql("PRAGMA user_version").scalar_one())


def _write_version(conn: Connection, to: str) -> None:
    """Let programs that know no Alembic see whether a SQLite file is too new for them."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(f"PRAGMA user_version={_version_of(to)}")


def _version_of(at: str) -> int:
    return int(at) - int(_FIRST) + _FIRST_VERSION
