from alembic import command
from sqlalchemy import create_engine
from support.tables import shape

from db import migrate
from db.engine import migrating, open_database


def test_the_first_revision_is_what_the_first_release_made(released: str, sqlite_url: str) -> None:
    engine = open_database(sqlite_url, busy_timeout_seconds=5)
    with migrating(engine) as conn:
        migrate.downgrade(conn, "0001")
        made = shape(conn)
    engine.dispose()
    old = create_engine(released)

    with old.connect() as conn:
        assert made == shape(conn)
    old.dispose()


def test_before_the_first_revision_there_is_nothing(sqlite_url: str) -> None:
    engine = open_database(sqlite_url, busy_timeout_seconds=5)
    with migrating(engine) as conn:
        command.downgrade(migrate.configuration(conn), "base")

        assert shape(conn) == {}
    engine.dispose()
