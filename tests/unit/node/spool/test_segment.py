"""What a segment knows of its records."""

from pathlib import Path

import pytest

from node.spool.segment import Segment, parse_name, segment_name

GENERATION = bytes(range(16))


@pytest.fixture
def segment() -> Segment:
    return Segment(Path("folder/name.segment"), GENERATION, 1 << 16)


def test_a_name_tells_number_and_generation() -> None:
    assert parse_name(segment_name(42, GENERATION)) == (42, GENERATION)


@pytest.mark.parametrize(
    "name", ["lock", "00000001.making", "x-00.segment", "00000001-00.segment", f"00000001-{'zz' * 16}.segment", ""]
)
def test_other_files_are_no_segments(name: str) -> None:
    assert parse_name(name) is None


def test_records_follow_one_another(segment: Segment) -> None:
    first, second = segment.reserve(4096), segment.reserve(8192)

    assert (first.offset, first.sequence, second.offset, second.sequence) == (0, 0, 4096, 1)
    assert segment.tail == 12288
    assert segment.has_room((1 << 16) - 12288)
    assert not segment.has_room((1 << 16) - 12287)


def test_what_is_durable_ends_before_the_first_record_that_is_not(segment: Segment) -> None:
    first, second = segment.reserve(4096), segment.reserve(4096)

    segment.commit(second)
    assert segment.reserve(4096).durable == 0
    segment.commit(first)
    assert segment.reserve(4096).durable == 8192


def test_the_mark_waits_for_the_slowest_and_for_the_index(segment: Segment) -> None:
    first, second = segment.reserve(4096), segment.reserve(4096)
    segment.commit(second)
    segment.index(second.offset)
    assert segment.mark() == 0

    segment.commit(first)
    assert segment.mark() == 0
    assert segment.mark({first.offset}) == 8192
    segment.index(first.offset)
    assert segment.mark() == 8192
    segment.sealed = True
    assert segment.mark() == 1 << 16


def test_the_last_record_given_up_leaves_its_place_to_the_next(segment: Segment) -> None:
    segment.commit(segment.reserve(4096))
    given_up = segment.reserve(4096)

    segment.withdraw(given_up)

    assert not segment.sealed
    assert segment.reserve(100).offset == given_up.offset


def test_a_hole_ends_the_segment(segment: Segment) -> None:
    given_up, other = segment.reserve(4096), segment.reserve(4096)

    segment.withdraw(given_up)

    assert segment.sealed
    assert not segment.idle
    segment.commit(other)
    assert segment.idle


def test_it_is_settled_when_nobody_waits_for_it(segment: Segment) -> None:
    stretch = segment.reserve(4096)
    segment.sealed = True
    assert not segment.settled

    segment.commit(stretch)
    assert not segment.settled
    segment.index(stretch.offset)
    assert segment.settled
