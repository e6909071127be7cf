"""The head of a record: what it says is believed only when all of it is as it was written."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Permanent
from node.spool.record import BLOCK, HEAD_BYTES, Head, check_header, padding, record_size, unpack

GENERATION = bytes(range(16))
HEAD = Head(GENERATION, 7, 8192, 131_072, 300, sha256(b"payload").digest(), sha256(b"header").digest())


def test_a_head_is_read_as_it_was_written() -> None:
    packed = HEAD.pack()

    assert len(packed) == HEAD_BYTES == 128
    assert unpack(packed + b"what follows", GENERATION) == HEAD


def test_a_head_of_another_generation_is_none() -> None:
    assert unpack(HEAD.pack(), bytes(16)) is None


@given(st.integers(0, HEAD_BYTES - 1), st.integers(1, 255))
def test_a_head_with_any_byte_changed_is_none(at: int, change: int) -> None:
    packed = bytearray(HEAD.pack())
    packed[at] ^= change

    assert unpack(bytes(packed), GENERATION) is None


@given(st.integers(0, HEAD_BYTES - 1))
def test_a_head_cut_short_is_none(length: int) -> None:
    assert unpack(HEAD.pack()[:length], GENERATION) is None


@given(st.integers(0, 1 << 20), st.integers(0, 1 << 12))
def test_a_record_fills_whole_blocks(payload: int, header: int) -> None:
    size = record_size(payload, header)

    assert size % BLOCK == 0
    assert HEAD_BYTES + payload + header + len(padding(payload, header)) == size
    assert len(padding(payload, header)) < BLOCK


def test_a_header_that_is_none_is_refused() -> None:
    check_header(bytes(1 << 20))

    with pytest.raises(Permanent, match="1048577 bytes"):
        check_header(bytes((1 << 20) + 1))
