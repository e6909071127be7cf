"""What is settled is forgotten after its time, and the segments that nobody needs are free again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from db import inbox, segments
from db.engine import reading
from db.records import SeriesState
from dicom_io.instance import InstanceIdentity
from node.index import Arrived, Index
from node.received import header_of, instance_of
from node.spool.spool import Spool
from node.spool.supply import Limits
from node.upkeep import Upkeep

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
IDENTITY = InstanceIdentity("1.2.840.10008.5.1.4.1.1.4", "1.1", "1", "1.9", "MR", "1.2.840.10008.1.2.1", "FLAIR")
PAYLOAD = bytes(30_000)
"""Two of them fill a segment."""


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", Limits(segment_bytes=1 << 16, free_segments=1, minimum_free=0))
    yield spool
    spool.close()


@pytest.fixture
def index(engine: Engine, spool: Spool) -> Index:
    index = Index(engine, spool, lambda: None)
    index.recover()
    index.start()
    return index


def receive(spool: Spool, index: Index, study: str, instances: int) -> None:
    """Receive a series of a study, and wait for its rows."""
    for number in range(instances):
        identity = replace(
            IDENTITY,
            study_instance_uid=study,
            series_instance_uid=f"{study}.9",
            sop_instance_uid=f"{study}.9.{number}",
        )
        header = header_of(identity, "SCANNER", NOW)
        place = spool.keep(header, [PAYLOAD])
        index.add(Arrived(instance_of(header, place), place))


def settle(engine: Engine, study: str) -> None:
    """Close a series as one that no model wants."""
    with engine.begin() as connection:
        seen = inbox.series(connection, f"{study}.9")
        assert seen is not None
        assert inbox.complete(connection, seen, "")
        assert inbox.settle(connection, f"{study}.9", 0, SeriesState.REFUSED, "no model wants it")


def left(engine: Engine, study: str) -> int:
    with reading(engine) as connection:
        return len(inbox.instances(connection, f"{study}.9"))


def files(spool: Spool) -> set[str]:
    return {path.name for path in spool.folder.glob("*.segment")}


def test_a_settled_study_is_forgotten_after_its_time_and_its_segments_are_free(
    engine: Engine, spool: Spool, index: Index
) -> None:
    receive(spool, index, "1", 5)
    receive(spool, index, "2", 5)
    index.stop()
    settle(engine, "1")
    before = set(spool.segments())

    early = Upkeep(engine, spool, HOUR, DAY, lambda: NOW + timedelta(hours=1)).step()
    assert (early, left(engine, "1"), set(spool.segments())) == (False, 5, before)
    Upkeep(engine, spool, HOUR, DAY, lambda: LATER).step()

    assert (left(engine, "1"), left(engine, "2")) == (0, 5)
    gone = before - set(spool.segments())
    assert len(gone) == 2  # of two instances each; the fifth shares one with the other study
    with reading(engine) as connection:
        assert not gone & segments.marks(connection).keys()
        kept = inbox.instances(connection, "2.9")
    for row in kept:
        with row.path.open("rb") as file:
            file.seek(row.offset)
            assert file.read(row.size) == PAYLOAD


def test_nothing_is_forgotten_where_all_is_kept_for_ever(engine: Engine, spool: Spool, index: Index) -> None:
    receive(spool, index, "1", 3)
    index.stop()
    settle(engine, "1")

    Upkeep(engine, spool, HOUR, None, lambda: LATER).step()

    assert left(engine, "1") == 3


def test_a_study_that_is_not_settled_stays_however_old_it_is(engine: Engine, spool: Spool, index: Index) -> None:
    receive(spool, index, "1", 3)
    index.stop()

    Upkeep(engine, spool, HOUR, DAY, lambda: LATER + timedelta(days=1000)).step()

    assert left(engine, "1") == 3


def test_what_was_forgotten_does_not_come_back_at_the_next_start(
    engine: Engine, spool: Spool, index: Index, tmp_path: Path
) -> None:
    receive(spool, index, "1", 5)
    index.stop()
    settle(engine, "1")
    Upkeep(engine, spool, HOUR, DAY, lambda: LATER).step()
    spool.close()

    again = Spool(tmp_path / "spool", Limits(segment_bytes=1 << 16, free_segments=1, minimum_free=0))
    try:
        assert Index(engine, again, lambda: None).recover() == 0
    finally:
        again.close()
    assert left(engine, "1") == 0


def test_an_instance_that_was_a_file_of_its_own_is_removed(
    engine: Engine, spool: Spool, index: Index, tmp_path: Path
) -> None:
    receive(spool, index, "1", 1)
    index.stop()
    whole = tmp_path / "received" / "ab.dcm"
    whole.parent.mkdir()
    whole.write_bytes(b"old")
    with engine.begin() as connection:
        (row,) = inbox.instances(connection, "1.9")
        inbox.receive(connection, replace(row, sop_instance_uid="1.9.7", path=whole, offset=0, size=3, sha256="c"))
    settle(engine, "1")

    Upkeep(engine, spool, HOUR, DAY, lambda: LATER).step()

    assert not whole.exists()


def test_upkeep_waits_while_the_database_is_away(engine: Engine, spool: Spool, index: Index) -> None:
    index.stop()
    engine.dispose()
    database = Path(str(engine.url.database))
    database.rename(database.with_suffix(".away"))
    database.mkdir()

    with capture_logs() as lines:
        assert not Upkeep(engine, spool, HOUR, DAY, lambda: LATER).step()

    assert [line["event"] for line in lines] == ["upkeep put off"]


def test_it_rests_between_two_looks(engine: Engine, spool: Spool, index: Index) -> None:
    receive(spool, index, "1", 1)
    index.stop()
    settle(engine, "1")
    clock = [NOW]
    upkeep = Upkeep(engine, spool, timedelta(minutes=5), DAY, lambda: clock[0])
    upkeep.step()

    clock[0] = NOW + timedelta(minutes=4)
    upkeep.step()
    assert left(engine, "1") == 1
    clock[0] = LATER
    upkeep.step()
    assert left(engine, "1") == 0
