"""The buffer between socket and upper layer: PDUs come out as they went in, however they were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.association import pdu

from node.association.errors import AbortedByProvider
from node.association.incoming import Incoming

MAXIMUM = 4096


def feed(incoming: Incoming, data: bytes) -> None:
    incoming.room[: len(data)] = data
    incoming.grow(len(data))


@given(st.lists(st.integers(0, MAXIMUM), max_size=80), st.lists(st.integers(1, 9000), min_size=1), st.booleans())
def test_pdus_come_out_as_they_went_in(lengths: list[int], steps: list[int], is_patient: bool) -> None:
    sent = [(4, bytes([number % 251]) * length) for number, length in enumerate(lengths)]
    stream = b"".join(pdu(kind, content) for kind, content in sent)
    incoming, found, at, turn = Incoming(MAXIMUM), [], 0, 0
    while at < len(stream):
        step = min(steps[turn % len(steps)], len(incoming.room), len(stream) - at)
        assert step > 0
        feed(incoming, stream[at : at + step])
        at, turn = at + step, turn + 1
        while one := incoming.next():
            found.append((one[0], bytes(one[1])))
        if incoming.is_short_of_room or not is_patient:
            incoming.compact()

    assert found == sent


def test_views_hold_until_it_is_compacted() -> None:
    incoming = Incoming(MAXIMUM)
    feed(incoming, pdu(4, b"first"))
    first = incoming.next()
    feed(incoming, pdu(4, b"other") + pdu(4, b"third")[:7])
    second = incoming.next()

    assert first is not None
    assert second is not None
    assert (bytes(first[1]), bytes(second[1])) == (b"first", b"other")
    incoming.compact()
    feed(incoming, pdu(4, b"third")[7:])
    assert [bytes(one[1]) for one in iter(incoming.next, None)] == [b"third"]


def test_there_is_room_for_a_pdu_after_it_was_compacted() -> None:
    incoming = Incoming(MAXIMUM)
    feed(incoming, bytes([4]) + pdu(4, b"x" * MAXIMUM)[1:-1])
    assert incoming.next() is None
    incoming.compact()

    assert len(incoming.room) >= MAXIMUM
    assert not incoming.is_short_of_room


@pytest.mark.parametrize("kind", [0, 8, 255])
def test_an_unknown_type_ends_the_association_before_its_body_has_come(kind: int) -> None:
    incoming = Incoming(MAXIMUM)
    feed(incoming, pdu(kind, length=100)[:6])

    with pytest.raises(AbortedByProvider, match=f"0x{kind:02X}"):
        incoming.next()


def test_a_pdu_longer_than_agreed_ends_the_association_before_its_body_has_come() -> None:
    incoming = Incoming(MAXIMUM)
    feed(incoming, pdu(4, length=2**32 - 1)[:6])

    with pytest.raises(AbortedByProvider, match="4294967295 bytes"):
        incoming.next()


def test_a_sender_that_counts_headers_in_another_way_is_forgiven() -> None:
    incoming = Incoming(MAXIMUM)
    feed(incoming, pdu(4, b"x" * (MAXIMUM + 12)))

    found = incoming.next()

    assert found is not None
    assert len(found[1]) == MAXIMUM + 12
