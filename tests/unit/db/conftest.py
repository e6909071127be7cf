import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.postgresql import PostgreSQL

from db.engine import open_database

FIRST_RELEASE = Path(__file__).with_name("version3.sql")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/glia.sqlite"


@pytest.fixture(scope="session")
def template(postgresql: PostgreSQL) -> str:
    """Return the name of a database that has its tables."""
    name = postgresql.new_database()
    open_database(postgresql.url(name), busy_timeout_seconds=5).dispose()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a new database of each kind: everything is the same on both."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.new_database(request.getfixturevalue("template"))
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a database of each kind that has no tables yet."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    name = server.new_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url, busy_timeout_seconds=5)
    yield opened
    opened.dispose()


@pytest.fixture
def other_engine(engine: Engine, url: str) -> Iterator[Engine]:
    """The same database, as another process has it."""
    opened = open_database(url, busy_timeout_seconds=5)
    yield opened
    opened.dispose()


@pytest.fixture
def fresh(empty_url: str) -> Iterator[Engine]:
    opened = open_database(empty_url, busy_timeout_seconds=5)
    yield opened
    opened.dispose()


@pytest.fixture
def released(tmp_path: Path) -> str:
    """Return the URL of a file that the first release has written."""
    file = tmp_path / "released.sqlite"
    with closing(sqlite3.connect(file)) as conn:
        conn.executescript(FIRST_RELEASE.read_text())
    return f"sqlite:///{file}"
