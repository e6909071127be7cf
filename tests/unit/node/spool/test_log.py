"""Where records go, and what becomes of a segment whose disk says no."""

import errno
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from support.power_loss import FragileDisk

from node.errors import OutOfSpace, StorageUnavailable
from node.spool.log import Log
from node.spool.place import Place
from node.spool.supply import Limits, Supply


@pytest.fixture
def log(folder: Path, disk: FragileDisk, limits: Limits) -> Log:
    return Log(disk, Supply(disk, folder, limits, Random(1).randbytes))


def keep(log: Log, payload: bytes) -> Place:
    return log.keep(b"header", [payload], sha256(payload).digest(), len(payload))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_records_share_a_segment_until_it_is_full(log: Log) -> None:
    places = [keep(log, bytes(20_000)) for _ in range(4)]

    assert len({place.segment for place in places}) == 2
    assert places[0].segment == places[1].segment == places[2].segment
    assert [place.record for place in places] == [0, 20480, 40960, 0]


def test_a_record_is_synced_before_the_call_returns(log: Log, disk: FragileDisk, folder: Path, tmp_path: Path) -> None:
    place = keep(log, b"payload")

    for seed in range(10):
        disk.leave_to(tmp_path / str(seed), Random(seed))
        assert b"payload" in (tmp_path / str(seed) / place.segment).read_bytes()


def test_a_claimed_segment_is_shared_once_its_record_has_ended(log: Log) -> None:
    stretch = log.claim()
    log.write(stretch, [bytes(128) + b"payload"], 0)
    large = log.finish(stretch, b"", sha256(b"payload").digest(), 7)

    small = keep(log, b"small")

    assert small.segment == large.segment
    assert small.record == 4096


def test_large_records_follow_one_another_while_there_is_room_worth_it(log: Log) -> None:
    places = []
    for _ in range(5):
        stretch = log.claim()
        log.write(stretch, [bytes(128 + 20_000)], 0)
        places.append(log.finish(stretch, b"", sha256(bytes(20_000)).digest(), 20_000))

    assert [place.record for place in places] == [0, 20480, 40960, 0, 20480]
    assert log.segments()[0].sealed


def test_a_claimed_segment_belongs_to_one_record_until_then(log: Log) -> None:
    first, second = log.claim(), log.claim()

    assert len({first.segment.name, second.segment.name, keep(log, b"small").segment}) == 3


def test_what_a_large_record_took_is_given_back_when_it_comes_to_nothing(log: Log, disk: FragileDisk) -> None:
    stretch = log.claim()
    log.write(stretch, [bytes(1 << 18)], 0)

    log.withdraw(stretch)

    assert stretch.segment.path.stat().st_size == 1 << 16
    assert keep(log, b"small").segment == stretch.segment.name


def test_growth_alone_is_held_against_the_space_that_must_stay_free(log: Log, disk: FragileDisk) -> None:
    stretch = log.claim()
    disk.free = 5000

    log.check_growth(stretch, 0, 1 << 16)
    log.check_growth(stretch, (1 << 16) - 4096, 4096 + 5000)
    with pytest.raises(OutOfSpace):
        log.check_growth(stretch, 1 << 17, 5001)


def test_after_a_sync_that_failed_the_segment_takes_no_more(log: Log, disk: FragileDisk) -> None:
    good = keep(log, b"good")
    disk.fail("sync", errno.EIO)
    with pytest.raises(StorageUnavailable, match=r"a sync of .* failed: Input/output error"):
        keep(log, b"bad")
    disk.fail("sync", None)

    later = keep(log, b"later")

    assert later.segment != good.segment
    assert good.read_bytes(check=True) == b"good"


@pytest.mark.parametrize("operation", ["sync", "write"])
def test_a_disk_that_stays_broken_does_not_use_up_its_space(
    log: Log, disk: FragileDisk, folder: Path, operation: str
) -> None:
    keep(log, b"good")
    disk.fail(operation, errno.EIO)

    for _ in range(50):
        with pytest.raises(StorageUnavailable):
            keep(log, b"bad")

    assert len(names(folder)) <= 2


def test_a_full_disk_leaves_the_segment_to_the_next_record(log: Log, disk: FragileDisk) -> None:
    good = keep(log, b"good")
    disk.fail("write", errno.ENOSPC)
    with pytest.raises(OutOfSpace, match="No space left on device"):
        keep(log, b"bad")
    disk.fail("write", None)

    later = keep(log, b"later")

    assert (later.segment, later.record) == (good.segment, 4096)


def test_a_segment_is_released_when_it_is_full_and_indexed(log: Log) -> None:
    places = [keep(log, bytes(40_000)) for _ in range(2)]
    assert log.release(places[0].segment) is None

    log.indexed(places)

    assert log.mark(places[0].segment, ()) == 1 << 16
    assert log.mark(places[1].segment, ()) == 45056 - 4096
    assert log.release(places[1].segment) is None
    assert log.release("unknown") is None
    released = log.release(places[0].segment)
    assert released is not None
    assert released.name == places[0].segment


def test_a_full_segment_is_closed(log: Log) -> None:
    opened = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(20):
        keep(log, bytes(40_000))

    assert len(list(Path("/proc/self/fd").iterdir())) <= opened + 1
    log.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == opened
