from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.engine import open_database


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/glia.sqlite"


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
