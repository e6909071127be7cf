"""The listener apart from its associations: its address, and its look for complete series."""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.intake import LIMITS
from support.rooms import NOW, receive_series, settings

from dicom_io.survey import survey
from inference.card import Input
from node.completion import Completion
from node.decision import Need
from node.errors import CannotListen
from node.index import Index
from node.listener import Listener
from node.receive import Receiver
from node.spool.spool import Spool
from node.upkeep import Upkeep


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def later() -> datetime:
    return NOW + timedelta(minutes=1)


def listener(engine: Engine, folder: Path, port: int = 0) -> Listener:
    chosen = settings(listener__port=port)
    spool = Spool(folder / "spool", LIMITS)
    index = Index(engine, spool, lambda: None)
    completion = Completion(engine, chosen.completion, [Need("segment", (Input(("flair",)),))], survey, NOW)
    upkeep = Upkeep(engine, spool, timedelta(minutes=1), None, later)
    return Listener(chosen.listener, Receiver(spool, index, later), index, completion, upkeep, later)


def test_a_taken_port_is_said_to_be_so(engine: Engine, tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(CannotListen, match=f"127.0.0.1:{taken_port}"):
        listener(engine, tmp_path, taken_port).start()


def test_it_says_where_it_listens(engine: Engine, tmp_path: Path) -> None:
    room = listener(engine, tmp_path)

    with capture_logs() as lines:
        port = room.start()
    room.stop()

    assert port > 0
    (line,) = lines
    assert (line["event"], line["host"], line["port"], line["ae_title"]) == ("listening", "127.0.0.1", port, "GLIA")


def test_a_locked_database_puts_the_look_for_complete_series_off(engine: Engine, tmp_path: Path) -> None:
    receive_series(engine, tmp_path / "data")
    room = listener(engine, tmp_path / "data")

    with closing(sqlite3.connect(tmp_path / "glia.sqlite", isolation_level=None)) as other, capture_logs() as lines:
        other.execute("BEGIN IMMEDIATE")
        room.look()
        assert [line["event"] for line in lines] == ["look for complete series put off"]

    with capture_logs() as lines:
        room.look()
    assert [line["event"] for line in lines] == ["job enqueued", "series complete"]


def test_a_room_that_was_never_opened_can_be_closed(engine: Engine, tmp_path: Path) -> None:
    listener(engine, tmp_path).stop()
