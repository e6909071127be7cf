import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from support.tables import shape

from db import migrate, schema
from db.engine import migrating, open_database, reading
from db.errors import SchemaTooNew, SchemaTooOld


def test_the_last_migration_is_the_one_the_program_knows(fresh: Engine) -> None:
    with reading(fresh) as conn:
        assert migrate.revision(conn) == schema.HEAD
        assert ScriptDirectory.from_config(migrate.configuration(conn)).get_heads() == [schema.HEAD]


def test_the_migrations_make_what_the_tables_say(fresh: Engine) -> None:
    with migrating(fresh) as conn:
        command.check(migrate.configuration(conn))  # raises where a migration is missing


def test_constraints_and_indexes_are_as_if_made_at_once(fresh: Engine) -> None:
    with migrating(fresh) as conn:
        migrated = shape(conn)
        conn.exec_driver_sql("DROP TABLE alembic_version")
        schema.metadata.drop_all(conn)
        schema.metadata.create_all(conn)

        assert migrated == shape(conn)


def test_an_older_program_sees_whether_a_file_is_too_new_for_it(released: str) -> None:
    engine = open_database(released, busy_timeout_seconds=5)

    def version() -> int:
        with reading(engine) as conn:
            return int(conn.exec_driver_sql("PRAGMA user_version").scalar_one())

    assert version() == 4
    with migrating(engine) as conn:
        migrate.downgrade(conn, "0001")
    assert version() == 3
    engine.dispose()


def test_a_newer_revision_is_refused_and_left_alone(engine: Engine, url: str) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")

    with pytest.raises(SchemaTooNew, match=f"version 0099.*up to {schema.HEAD}"):
        open_database(url, busy_timeout_seconds=1)

    with reading(engine) as conn:
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "0099"


def test_a_file_whose_version_is_newer_is_refused(sqlite_url: str) -> None:
    engine = open_database(sqlite_url, busy_timeout_seconds=1)
    with engine.begin() as conn:
        conn.exec_driver_sql("PRAGMA user_version=99")

    with pytest.raises(SchemaTooNew):
        open_database(sqlite_url, busy_timeout_seconds=1)
    engine.dispose()


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_is_refused_with_what_to_do_and_left_alone(tmp_path: Path, version: int) -> None:
    file = tmp_path / "glia.sqlite"
    with closing(sqlite3.connect(file)) as old:
        old.execute("CREATE TABLE series (series_instance_uid TEXT)")
        old.execute(f"PRAGMA user_version={version}")

    with pytest.raises(SchemaTooOld, match=rf"^{file}: schema version {version} .*move {file}"):
        open_database(f"sqlite:///{file}", busy_timeout_seconds=1)

    with closing(sqlite3.connect(file)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (version,)
        assert old.execute("SELECT name FROM sqlite_master").fetchall() == [("series",)]
