"""Finding records again: all that are whole, none that is not, and words for what is damaged."""

import errno
import os
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.power_loss import rotten

from node.spool.disk import LocalDisk
from node.spool.place import Place
from node.spool.record import HEAD_BYTES, Head
from node.spool.recovery import Contents, read_segment
from node.spool.segment import segment_name
from node.spool.spool import Spool
from node.spool.supply import Limits

HEAD_OF_ANOTHER = Head(bytes(range(16)), 0, 0, 4000, 0, bytes(32), bytes(32)).pack()
LIMITS = Limits(segment_bytes=1 << 16, free_segments=0, minimum_free=0, spill_bytes=1 << 14)


@pytest.fixture
def written(tmp_path: Path) -> list[Place]:
    """Write three records of two blocks each into one segment."""
    spool = Spool(tmp_path / "spool", LIMITS, fresh=Random(1).randbytes)
    places = [spool.keep(b"header %d" % number, [bytes([number]) * 5000]) for number in range(3)]
    spool.close()
    return places


def read(path: Path, start: int = 0, disk: LocalDisk | None = None) -> Contents:
    disk = disk or LocalDisk()
    descriptor = disk.open(path)
    try:
        return read_segment(disk, descriptor, path, start)
    finally:
        disk.close(descriptor)


def test_whole_records_are_found_in_their_order(written: list[Place]) -> None:
    contents = read(written[0].path)

    assert [found.place for found in contents.records] == written
    assert [found.header for found in contents.records] == [b"header 0", b"header 1", b"header 2"]
    assert contents.unreadable == ()
    assert (contents.tail, contents.size) == (3 * 8192, 1 << 16)


def test_reading_from_a_mark_finds_what_lies_behind_it(written: list[Place]) -> None:
    assert [found.place for found in read(written[0].path, written[1].record).records] == written[1:]
    assert read(written[0].path, 3 * 8192).records == ()


def test_a_rotten_instance_is_named_and_hides_nothing_behind_it(written: list[Place]) -> None:
    rotten(written[1].path, written[1].offset + 10)

    contents = read(written[0].path)

    assert [found.place for found in contents.records] == [written[0], written[2]]
    (bad,) = contents.unreadable
    assert (bad.offset, bad.size, bad.header, bad.acknowledged) == (8192, 8192, b"header 1", True)
    assert "the instance is not the one that was written" in bad.reason


def test_a_rotten_header_is_named(written: list[Place]) -> None:
    rotten(written[1].path, written[1].offset + written[1].size + 2)

    (bad,) = read(written[0].path).unreadable

    assert (bad.offset, bad.header, bad.acknowledged) == (8192, None, True)
    assert "the header is not the one that was written" in bad.reason


@pytest.mark.parametrize("at", [0, 10, 30, 60, 127])
def test_a_rotten_head_costs_its_own_record_alone(written: list[Place], at: int) -> None:
    rotten(written[1].path, written[1].record + at)

    contents = read(written[0].path)

    assert [found.place for found in contents.records] == [written[0], written[2]]
    (bad,) = contents.unreadable
    assert (bad.offset, bad.size, bad.acknowledged) == (8192, 8192, True)
    assert bad.reason == "no record begins here"


def test_the_last_record_may_never_have_been_acknowledged(written: list[Place]) -> None:
    rotten(written[2].path, written[2].offset)

    (bad,) = read(written[0].path).unreadable

    assert not bad.acknowledged


def test_a_file_cut_off_below_what_was_indexed_is_said(written: list[Place]) -> None:
    os.truncate(written[0].path, 8192)

    (bad,) = read(written[0].path, 3 * 8192).unreadable

    assert (bad.offset, bad.size, bad.acknowledged) == (8192, 16384, True)


def test_records_of_another_generation_do_not_count(written: list[Place]) -> None:
    other = written[0].path.with_name(segment_name(9, bytes(16)))
    written[0].path.rename(other)

    contents = read(other)

    assert contents.records == contents.unreadable == ()
    assert contents.tail == 0


def test_a_record_within_an_instance_is_not_taken_for_one(written: list[Place], tmp_path: Path) -> None:
    # A sender cannot know the generation; here it does, and still no record is made of what it sent.
    spool = Spool(tmp_path / "other", LIMITS, fresh=Random(1).randbytes)
    inner = Head(Random(1).randbytes(16), 0, 0, 4, 0, sha256(b"evil").digest(), sha256(b"").digest()).pack() + b"evil"
    place = spool.keep(b"", [bytes(4096 - HEAD_BYTES) + inner + bytes(5000)])
    spool.close()

    assert [found.place for found in read(place.path).records] == [place]


@pytest.mark.parametrize("at", [0, 10, 127])
def test_a_rotten_head_of_the_only_record_is_not_taken_for_an_empty_segment(written: list[Place], at: int) -> None:
    os.truncate(written[0].path, 8192)
    rotten(written[0].path, at)

    contents = read(written[0].path)

    assert (contents.records, contents.tail) == ((), 0)
    assert [bad.offset for bad in contents.unreadable] == [0]


@pytest.mark.parametrize("content", [b"", bytes(1 << 16), b"\xa5" * (1 << 16), HEAD_OF_ANOTHER + bytes(5000)])
def test_a_segment_without_records_is_not_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / segment_name(1, bytes(16))
    path.write_bytes(content)

    contents = read(path)

    assert (contents.records, contents.unreadable, contents.tail) == ((), (), 0)


class BadBlocks(LocalDisk):
    """Cannot read some blocks, as a disk does that grows old."""

    def __init__(self, *blocks: int) -> None:
        self._blocks = blocks

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        if any(offset < 4096 * (block + 1) and offset + size > 4096 * block for block in self._blocks):
            raise OSError(errno.EIO, "Input/output error")
        return super().read(descriptor, size, offset)


@pytest.mark.parametrize("block", [0, 1])
def test_blocks_that_cannot_be_read_cost_their_record_alone(written: list[Place], block: int) -> None:
    contents = read(written[0].path, disk=BadBlocks(block))

    assert [found.place for found in contents.records] == written[1:]
    assert (4096 * block, "the disk cannot read it") in [(bad.offset, bad.reason) for bad in contents.unreadable]
    assert all(bad.acknowledged for bad in contents.unreadable)


def test_a_segment_of_which_nothing_can_be_read_is_not_taken_for_an_empty_one(written: list[Place]) -> None:
    contents = read(written[0].path, disk=BadBlocks(*range(16)))

    assert contents.records == ()
    assert len(contents.unreadable) == 16


def test_a_name_that_is_no_segments_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")

    with pytest.raises(ValueError, match="no segment's name"):
        read(tmp_path / "other")


@settings(max_examples=60)
@given(st.data())
def test_whatever_happens_to_the_bytes_nothing_is_invented(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder, LIMITS, fresh=Random(1).randbytes)
    sizes = data.draw(st.lists(st.integers(0, 9000), min_size=1, max_size=5))
    kept = {b"%d" % number: Random(number).randbytes(size) for number, size in enumerate(sizes)}
    places = [spool.keep(header, [payload]) for header, payload in kept.items()]
    spool.close()
    path = places[0].path
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=600) | st.integers(1, 9000).map(bytes))
        content[at : at + len(piece)] = piece
    path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])

    for found in read(path).records:
        assert kept[found.header] == found.place.read_bytes(check=True)
