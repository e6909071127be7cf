"""Servers that tests ask for by name; each is gone when its test is over, PostgreSQL when all are."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.node_process import NodeProcess
from support.orthanc import Orthanc, running_orthanc
from support.postgresql import PostgreSQL, running_postgresql
from support.process import free_port


@pytest.fixture
def node_port() -> int:
    """Return the port that the node of this test will listen on, for servers that must know it first."""
    return free_port()


@pytest.fixture
def orthanc(tmp_path: Path, node_port: int) -> Iterator[Orthanc]:
    """Run an empty Orthanc that knows the node as GLIA."""
    with running_orthanc(tmp_path, node_port) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Run one PostgreSQL for all tests; each makes a database of its own."""
    with running_postgresql() as running:
        yield running


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Return NodeProcess less its folder; what it made is killed at the end and its log shown on failure."""
    made: list[NodeProcess] = []

    def make(*arguments: object, **keywords: object) -> NodeProcess:
        folder = tmp_path / f"node-{len(made)}"
        folder.mkdir()
        made.append(NodeProcess(folder, *arguments, **keywords))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for node in made:
        node.kill()
        print(node.log_text())  # noqa: T201 - pytest shows it under a test that failed
