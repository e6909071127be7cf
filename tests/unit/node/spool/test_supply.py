"""Segments laid out ahead, taken, given back; and a disk that is never filled up."""

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Barrier, BrokenBarrierError

import pytest
from support.power_loss import FragileDisk
from support.wait import wait_until

from node.errors import OutOfSpace, StorageUnavailable
from node.spool.disk import LocalDisk
from node.spool.supply import Limits, Supply

SEGMENT_BYTES = 1 << 16


@pytest.fixture
def supply(folder: Path, disk: FragileDisk, limits: Limits) -> Iterator[Supply]:
    supply = Supply(disk, folder, replace(limits, free_segments=2), Random(1).randbytes, retry_seconds=0.01)
    yield supply
    supply.stop()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_as_many_are_laid_out_as_asked_for_and_no_more(supply: Supply, folder: Path) -> None:
    supply.start()

    wait_until(lambda: supply.ready == 2, what="two segments")

    assert [path.stat().st_size for path in folder.iterdir()] == [1 << 16, 1 << 16]
    supply.take()
    wait_until(lambda: supply.ready == 2, what="another one")


def test_what_is_laid_out_is_written_not_only_reserved(supply: Supply, folder: Path) -> None:
    supply.start()
    wait_until(lambda: supply.ready == 2, what="two segments")

    assert all(path.read_bytes() == b"\xa5" * (1 << 16) for path in folder.iterdir())


def test_one_is_made_at_once_when_none_is_ready(supply: Supply, folder: Path) -> None:
    segment = supply.take()

    assert names(folder) == [segment.name]
    assert segment.path.stat().st_size == segment.capacity == 1 << 16


def test_one_that_is_given_back_has_another_name_and_generation(supply: Supply, folder: Path) -> None:
    old = supply.take()

    supply.give_back(old.path)

    new = supply.take()
    assert names(folder) == [new.name] != [old.name]
    assert new.generation != old.generation


def test_one_that_grew_is_cut_to_size_when_it_is_given_back(supply: Supply, disk: FragileDisk) -> None:
    old = supply.take()
    disk.write(old.descriptor, [b"x"], 1 << 20)

    supply.give_back(old.path)

    assert supply.take().path.stat().st_size == 1 << 16


def test_one_too_small_and_one_too_many_are_removed(supply: Supply, disk: FragileDisk, folder: Path) -> None:
    segments = [supply.take() for _ in range(4)]
    disk.truncate(segments[0].descriptor, 4096)

    for segment in segments:
        supply.give_back(segment.path)

    assert supply.ready == 2
    assert len(names(folder)) == 2


def test_one_that_is_gone_already_is_no_failure(supply: Supply) -> None:
    segment = supply.take()
    segment.path.unlink()

    supply.give_back(segment.path)


def test_half_made_ones_of_an_earlier_run_are_removed(folder: Path, limits: Limits) -> None:
    (folder / "00000007.making").write_bytes(b"half")

    supply = Supply(FragileDisk(folder), folder, limits, Random(1).randbytes)

    assert names(folder) == []
    supply.stop()


def test_a_disk_that_would_be_too_full_is_not_filled_and_the_numbers_are_said(
    supply: Supply, disk: FragileDisk, folder: Path, limits: Limits
) -> None:
    disk.free = 50_000_000
    supply = Supply(disk, folder, replace(limits, minimum_free=49_990_000), Random(1).randbytes)

    with pytest.raises(OutOfSpace, match=r"50 MB free, 49 MB must stay free"):
        supply.take()

    assert names(folder) == []
    disk.free += 1_000_000
    supply.take()
    supply.stop()


def test_what_is_laid_out_may_be_filled_on_a_disk_that_takes_no_more(supply: Supply, disk: FragileDisk) -> None:
    supply.start()
    wait_until(lambda: supply.ready == 2, what="two segments")
    disk.free = 0

    supply.check(1 << 16)
    with pytest.raises(OutOfSpace):
        supply.check((1 << 16) + 1)
    supply.take()
    supply.take()
    with pytest.raises(OutOfSpace):
        supply.check(1)


def test_laying_out_goes_on_by_itself_when_there_is_space_again(supply: Supply, disk: FragileDisk) -> None:
    disk.fail("reserve", errno.ENOSPC)
    supply.start()
    with pytest.raises(OutOfSpace, match="No space left"):
        supply.take()
    assert supply.ready == 0

    disk.fail("reserve", None)

    wait_until(lambda: supply.ready == 2, what="two segments")


@pytest.mark.parametrize("operation", ["open", "reserve", "sync", "rename", "sync_folder"])
def test_a_segment_that_could_not_be_made_leaves_nothing_behind_and_nothing_open(
    supply: Supply, disk: FragileDisk, folder: Path, operation: str
) -> None:
    opened = len(list(Path("/proc/self/fd").iterdir()))
    disk.fail(operation, errno.EIO)

    with pytest.raises(StorageUnavailable, match="make a segment"):
        supply.take()

    assert names(folder) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_stopping_does_not_wait_for_a_whole_segment(folder: Path, limits: Limits) -> None:
    supply = Supply(FragileDisk(folder), folder, replace(limits, segment_bytes=1 << 34), Random(1).randbytes)

    supply.start()
    supply.stop()

    assert not [name for name in names(folder) if name.endswith(".making")]


class Tight(LocalDisk):
    """A disk of two segments; whoever asks what is free waits for another who asks, if there is one."""

    def __init__(self) -> None:
        self.left = 2 * SEGMENT_BYTES
        self._both = Barrier(2)

    def free_bytes(self, _: Path) -> int:
        left = self.left
        with suppress(BrokenBarrierError):
            self._both.wait(0.2)
        return left

    def reserve(self, descriptor: int, size: int) -> None:
        super().reserve(descriptor, size)
        self.left -= size


def test_two_who_need_a_segment_at_once_do_not_both_take_the_last_space(tmp_path: Path) -> None:
    disk = Tight()
    supply = Supply(disk, tmp_path, Limits(SEGMENT_BYTES, 0, SEGMENT_BYTES), Random(1).randbytes)

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(supply.take) for _ in range(2)]

    assert sorted(str(type(one.exception()).__name__) for one in found) == ["NoneType", "OutOfSpace"]
    assert disk.left == SEGMENT_BYTES
