"""``glia serve`` as an operator runs it: rooms that start together, leave together, and go on where they stopped."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.builders import new_series
from support.node_process import echo
from support.process import Server, free_port, start_server
from support.require import REPOSITORY
from support.scu import send, write_series
from support.wait import wait_until

from db import inbox
from db.engine import open_database, reading
from db.records import SeriesState


class Serving:
    """A ``glia serve`` process; every start goes on with the same folder, port and log."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.log = folder / "serve.log"
        self.servers: list[Server] = []

    def start(self, **environment: str) -> Server:
        server = start_server(
            [sys.executable, "-m", "node", "serve"],
            self.log,
            {
                "PYTHONPATH": str(REPOSITORY),
                "GLIA_LISTENER__PORT": str(self.port),
                "GLIA_STORAGE__FOLDER": str(self.data),
                "GLIA_STORAGE__MINIMUM_FREE_MB": "0",
                "GLIA_LOG__FORMAT": "json",
                **environment,
            },
        )
        self.servers.append(server)
        wait_until(lambda: not server.running or echo(self.port), timeout=60, what="a C-ECHO")
        assert server.running, self.log.read_text()
        return server

    def rooms(self) -> dict[str, int]:
        """Return the process of each room, of its last start."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return {line["room"]: line["pid"] for line in lines if line["event"] == "room started"}

    def state(self, series_uid: str) -> SeriesState | None:
        engine = open_database(f"sqlite:///{self.data}/glia.sqlite", busy_timeout_seconds=5)
        with reading(engine) as connection:
            series = inbox.series(connection, series_uid)
        engine.dispose()
        return series.state if series else None


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path)
    yield serving
    for server in serving.servers:
        server.kill()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_all_rooms_leave_within_seconds_of_a_sigterm(serving: Serving) -> None:
    server = serving.start()
    rooms = serving.rooms()
    assert set(rooms) == {"listen", "work", "deliver"}

    status = server.terminate(timeout=20)

    assert status == 0
    assert not any(alive(pid) for pid in rooms.values())


def test_a_room_that_is_killed_is_back_soon(serving: Serving) -> None:
    serving.start()
    first = serving.rooms()["listen"]

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: serving.rooms()["listen"] != first, timeout=20, what="the restart")
    wait_until(lambda: echo(serving.port), timeout=30, what="a C-ECHO")


def test_no_room_outlives_a_killed_parent(serving: Serving) -> None:
    server = serving.start()
    rooms = serving.rooms()

    os.kill(server.process.pid, signal.SIGKILL)

    wait_until(lambda: not any(alive(pid) for pid in rooms.values()), timeout=20, what="the end of all rooms")


def test_a_second_start_goes_on_where_the_first_stopped(serving: Serving, tmp_path: Path) -> None:
    series = new_series(SeriesDescription="LOCALIZER")
    for image in series:
        image.ScanningSequence = "GR"
        del image.InversionTime
    serving.start(GLIA_COMPLETION__QUIET_SECONDS="3600")
    answers = send(serving.port, write_series(tmp_path / "series", series))
    assert [answer.status for answer in answers] == [0x0000] * len(series)
    assert serving.servers[0].terminate(timeout=20) == 0
    assert serving.state(series[0].SeriesInstanceUID) == SeriesState.RECEIVING

    serving.start(GLIA_COMPLETION__QUIET_SECONDS="0.1")

    wait_until(
        lambda: serving.state(series[0].SeriesInstanceUID) == SeriesState.REFUSED,
        timeout=20,
        what="the series to be settled",
    )
    assert "secret" not in serving.log.read_text().lower()
