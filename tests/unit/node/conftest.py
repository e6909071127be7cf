"""A fresh database in a file, with a short patience."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.engine import open_database


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/glia.sqlite", busy_timeout_seconds=0.1)
    yield engine
    engine.dispose()
