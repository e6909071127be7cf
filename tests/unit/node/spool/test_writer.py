"""An instance that comes piece by piece, small or large, and may end in the middle."""

import errno
import resource
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.power_loss import FragileDisk

from node.errors import OutOfSpace, Permanent, StorageUnavailable
from node.spool.log import Log
from node.spool.recovery import Contents, read_segment
from node.spool.supply import Limits, Supply
from node.spool.writer import Writer

SEGMENT = 1 << 16
SPILL = 1 << 14


@pytest.fixture
def log(folder: Path, disk: FragileDisk, limits: Limits) -> Log:
    return Log(disk, Supply(disk, folder, limits, Random(1).randbytes))


@pytest.fixture
def writer(log: Log) -> Writer:
    return Writer(log, SPILL, SEGMENT)


def contents(path: Path) -> Contents:
    disk = FragileDisk(path.parent)
    descriptor = disk.open(path)
    try:
        return read_segment(disk, descriptor, path, 0)
    finally:
        disk.close(descriptor)


@pytest.mark.parametrize("size", [0, 1, SPILL, SPILL + 1, SEGMENT - 200, SEGMENT, SEGMENT + 1, 3_000_000])
def test_an_instance_of_any_size_is_kept_whole(writer: Writer, size: int) -> None:
    data = Random(size).randbytes(size)
    for start in range(0, size, 10_000):
        writer.append([data[start : start + 5000], memoryview(data)[start + 5000 : start + 10_000]])

    place = writer.commit(b"the header")

    assert place.read_bytes(check=True) == data
    assert place.sha256 == sha256(data).hexdigest()
    (found,) = contents(place.path).records
    assert (found.header, found.place) == (b"the header", place)


@given(st.lists(st.integers(0, 30_000), max_size=12), st.integers(0, 2**32))
def test_how_it_is_cut_into_pieces_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    disk = FragileDisk(folder)
    log = Log(disk, Supply(disk, folder, Limits(SEGMENT, 0, 0, SPILL), Random(seed).randbytes))
    data = Random(seed).randbytes(sum(cuts))
    writer = Writer(log, SPILL, SEGMENT)
    at = 0
    for cut in cuts:
        writer.append([data[at : at + cut]])
        at += cut

    assert writer.commit(b"").read_bytes(check=True) == data
    log.close()


def test_buffers_may_be_used_again_at_once(writer: Writer) -> None:
    buffer = bytearray(b"first")
    writer.append([buffer])
    buffer[:] = b"other"

    assert writer.commit(b"").read_bytes() == b"first"


def test_a_small_instance_with_a_header_too_long_for_the_segment_is_kept(writer: Writer) -> None:
    writer.append([b"payload"])

    place = writer.commit(bytes(SEGMENT))

    assert contents(place.path).records[0].header == bytes(SEGMENT)


def test_a_header_that_is_none_is_refused(writer: Writer) -> None:
    with pytest.raises(Permanent), writer:
        writer.commit(bytes((1 << 20) + 1))


def test_a_large_instance_is_not_held_in_memory(tmp_path: Path) -> None:
    disk_folder = tmp_path / "spool"
    disk_folder.mkdir()
    from node.spool.disk import LocalDisk  # noqa: PLC0415 - the fragile one keeps all in memory

    disk = LocalDisk()
    log = Log(disk, Supply(disk, disk_folder, Limits(SEGMENT, 0, 0, SPILL), Random(1).randbytes))
    piece = bytes(1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Writer(log, SPILL, SEGMENT) as writer:
        for _ in range(200):
            writer.append([piece])
        place = writer.commit(b"")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert place.size == 200 << 20
    assert grown < 50_000  # KiB
    log.close()


@pytest.mark.parametrize("size", [10, SPILL + 1, 3_000_000])
def test_an_abandoned_instance_leaves_nothing(writer: Writer, log: Log, size: int) -> None:
    with writer:
        writer.append([bytes(size)])

    after = Writer(log, SPILL, SEGMENT)
    after.append([b"the next"])
    place = after.commit(b"")
    assert place.record == 0
    assert [found.place for found in contents(place.path).records] == [place]


def test_an_ended_writer_takes_nothing_more(writer: Writer) -> None:
    writer.commit(b"")
    writer.abandon()

    with pytest.raises(ValueError, match="has ended"):
        writer.append([b"more"])
    with pytest.raises(ValueError, match="has ended"):
        writer.commit(b"")


def test_a_disk_that_fills_up_under_a_large_instance_says_so_and_the_writer_has_ended(
    writer: Writer, disk: FragileDisk
) -> None:
    writer.append([bytes(SPILL + 1)])
    disk.free = -1

    with pytest.raises(OutOfSpace, match="must stay free"):
        writer.append([bytes(2_000_000)])
    with pytest.raises(ValueError, match="has ended"):
        writer.append([b"more"])
    writer.abandon()


def test_no_segment_for_a_large_instance_ends_the_writer(writer: Writer, disk: FragileDisk) -> None:
    disk.free = -1

    with pytest.raises(OutOfSpace):
        writer.append([bytes(SPILL + 1)])
    with pytest.raises(ValueError, match="has ended"):
        writer.append([b"more"])


@pytest.mark.parametrize("operation", ["write", "sync"])
@pytest.mark.parametrize("size", [10, SPILL + 1])
def test_a_disk_that_fails_is_never_acknowledged(writer: Writer, disk: FragileDisk, operation: str, size: int) -> None:
    writer.append([bytes(size)])
    disk.fail(operation, errno.EIO)

    with pytest.raises(StorageUnavailable, match="Input/output error"):
        writer.commit(b"")
