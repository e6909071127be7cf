"""Rows follow the spool: in order, again after a crash, and when the database is back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.wait import wait_until

from db import inbox, segments
from db.engine import reading
from db.records import SeriesRecord
from dicom_io.instance import InstanceIdentity
from node.index import Arrived, Index, Released
from node.received import header_of, instance_of
from node.spool.spool import Spool
from node.spool.supply import Limits

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIMITS = Limits(segment_bytes=1 << 16, free_segments=1, minimum_free=0)
IDENTITY = InstanceIdentity("1.2.840.10008.5.1.4.1.1.4", "1.1", "1", "1.9", "MR", "1.2.840.10008.1.2.1", "FLAIR")


@contextmanager
def open_spool(folder: Path) -> Iterator[Spool]:
    spool = Spool(folder / "spool", LIMITS)
    try:
        yield spool
    finally:
        spool.close()


@contextmanager
def running(engine: Engine, spool: Spool, released: Event | None = None) -> Iterator[Index]:
    index = Index(engine, spool, (released or Event()).set, retry_seconds=0.05)
    index.recover()
    index.start()
    try:
        yield index
    finally:
        index.stop()


def keep(spool: Spool, number: int, payload: bytes = b"bytes") -> Arrived:
    """Put an instance of the series into the spool, as the receiver does."""
    header = header_of(replace(IDENTITY, sop_instance_uid=f"1.{number}"), "SCANNER", NOW)
    place = spool.keep(header, [payload])
    return Arrived(instance_of(header, place), place)


def series(engine: Engine) -> SeriesRecord | None:
    with reading(engine) as connection:
        return inbox.series(connection, "1.9")


def count(engine: Engine) -> int:
    found = series(engine)
    return found.instances if found else 0


def test_rows_are_written_soon_and_the_release_of_an_association_is_told(tmp_path: Path, engine: Engine) -> None:
    released = Event()
    with open_spool(tmp_path) as spool, running(engine, spool, released) as index:
        for number in range(3):
            index.add(keep(spool, number))
        wait_until(lambda: count(engine) == 3, timeout=5, what="rows")
        assert not released.is_set()

        index.add(Released(("1.9",), NOW))
        assert released.wait(5)


def test_a_release_comes_after_the_instances_before_it_and_before_those_after_it(
    tmp_path: Path, engine: Engine
) -> None:
    with open_spool(tmp_path) as spool, running(engine, spool) as index:
        index.add(keep(spool, 1))
        index.add(Released(("1.9",), NOW))
    found = series(engine)
    assert found is not None
    assert found.released_at == NOW

    with open_spool(tmp_path) as spool, running(engine, spool) as index:
        index.add(Released(("1.9",), NOW))
        index.add(keep(spool, 2))
    found = series(engine)
    assert found is not None
    assert (found.instances, found.released_at) == (2, None)


def test_what_was_acknowledged_without_a_row_has_one_after_the_next_start(tmp_path: Path, engine: Engine) -> None:
    with open_spool(tmp_path) as spool:
        list(spool.recover({}))
        kept = [keep(spool, number) for number in range(40)]
    assert count(engine) == 0

    with open_spool(tmp_path) as spool:
        assert Index(engine, spool, lambda: None).recover() == 40

    with reading(engine) as connection:
        assert {row.offset for row in inbox.instances(connection, "1.9")} == {one.place.offset for one in kept}


def test_what_has_its_rows_is_not_read_again(tmp_path: Path, engine: Engine) -> None:
    with open_spool(tmp_path) as spool, running(engine, spool) as index:
        for number in range(40):
            index.add(keep(spool, number))

    with open_spool(tmp_path) as spool:
        assert Index(engine, spool, lambda: None).recover() == 0
    assert count(engine) == 40


def test_marks_of_segments_that_are_gone_are_forgotten(tmp_path: Path, engine: Engine) -> None:
    with open_spool(tmp_path) as spool, running(engine, spool) as index:
        index.add(keep(spool, 1))
    for path in (tmp_path / "spool").glob("*.segment"):
        path.unlink()

    with open_spool(tmp_path) as spool:
        Index(engine, spool, lambda: None).recover()

    with reading(engine) as connection:
        assert segments.marks(connection) == {}


def test_rows_wait_while_the_database_is_locked_and_nothing_is_lost(tmp_path: Path, engine: Engine) -> None:
    with open_spool(tmp_path) as spool, running(engine, spool) as index:
        with closing(sqlite3.connect(tmp_path / "glia.sqlite", isolation_level=None)) as other, capture_logs() as lines:
            other.execute("BEGIN IMMEDIATE")
            index.add(keep(spool, 1))
            wait_until(lambda: bool(lines), timeout=5, what="a warning")
            index.add(keep(spool, 2))
            other.execute("ROLLBACK")

        wait_until(lambda: count(engine) == 2, timeout=5, what="rows")
    assert lines[0]["event"] == "rows put off"
    assert "locked" in lines[0]["reason"] or "database" in lines[0]["reason"]


def test_an_index_that_is_stopped_while_the_database_is_away_leaves_the_rest_to_the_next(
    tmp_path: Path, engine: Engine
) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "glia.sqlite", isolation_level=None)) as other,
        open_spool(tmp_path) as spool,
        running(engine, spool) as index,
    ):
        other.execute("BEGIN IMMEDIATE")
        index.add(keep(spool, 1))

    with open_spool(tmp_path) as spool:
        assert Index(engine, spool, lambda: None).recover() == 1
    assert count(engine) == 1


def test_an_index_that_is_too_far_behind_is_full(tmp_path: Path, engine: Engine) -> None:
    with open_spool(tmp_path) as spool:
        list(spool.recover({}))
        index = Index(engine, spool, lambda: None, most_behind=2)
        assert not index.is_full
        index.add(keep(spool, 1))
        index.add(keep(spool, 2))
        assert index.is_full


def test_a_record_that_is_none_of_ours_is_said_and_does_not_hold_up_the_others(tmp_path: Path, engine: Engine) -> None:
    with open_spool(tmp_path) as spool:
        list(spool.recover({}))
        spool.keep(b"{}", [b"stray"])
        keep(spool, 1)

    with open_spool(tmp_path) as spool, capture_logs() as lines:
        assert Index(engine, spool, lambda: None).recover() == 1

    assert [line["action"] for line in lines] == ["quarantine"]
    assert count(engine) == 1


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=5)])
def test_an_instance_read_again_changes_nothing(tmp_path: Path, engine: Engine, later: timedelta) -> None:
    with open_spool(tmp_path) as spool, running(engine, spool) as index:
        index.add(keep(spool, 1))
    before = series(engine)
    with engine.begin() as connection:
        segments.forget(connection, list(segments.marks(connection)))
        if later:
            inbox.release(connection, ["1.9"], NOW + later)

    with open_spool(tmp_path) as spool:
        assert Index(engine, spool, lambda: None).recover() == 1

    assert series(engine) == before
