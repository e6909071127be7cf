"""Command sets: read as pynetdicom reads them, written as it writes them."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.errors import BytesLengthException
from pynetdicom.dimse_messages import C_ECHO_RSP, C_STORE_RSP
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from support.association import MR, VERIFICATION, command_set, echo_rq, store_rq

from node.association.command import Command, Kind, decode, echo_response, error_comment, store_response
from node.association.errors import AbortedByProvider

pytestmark = pytest.mark.filterwarnings("ignore:.*VR")

STORE = Command(Kind.STORE, True, 7, MR, "1.2.3", 0)
LONG_UID = "1." + "9" * 62


def test_a_store_request_is_read() -> None:
    assert decode(store_rq()) == STORE
    assert decode(store_rq(LONG_UID, 65535, x0700=2, x0800=0x0101)) == Command(
        Kind.STORE, False, 65535, MR, LONG_UID, 2
    )


def test_a_store_request_on_behalf_of_a_move_is_read() -> None:
    assert decode(store_rq(x1030=b"ELSEWHERE ", x1031=5)) == STORE


@pytest.mark.parametrize(
    ("encoded", "command"),
    [
        (command_set({0x0002: MR, 0x0100: 1, 0x0110: 7, 0x0700: 0, 0x0800: 0, 0x1000: "1.2.3"}, 12345), STORE),
        (command_set({0x0100: 1, 0x0002: MR, 0x0110: 7, 0x0700: 0, 0x0800: 0, 0x1000: "1.2.3"}), STORE),
        (store_rq(x0902=b"what is this"), STORE),
        (store_rq(x0110=b"\7\0\1\0"), STORE),
        (store_rq(x0700=None), Command(Kind.STORE, True, 7, MR, "1.2.3", 2)),
        (store_rq("../../etc"), Command(Kind.STORE, True, 7, MR, "../../etc", 0)),
        (echo_rq(), Command(Kind.ECHO, False, 9, VERIFICATION)),
        (command_set({0x0100: 0x0FFF, 0x0120: 7, 0x0800: 0x0101}), Command(Kind.CANCEL, False)),
        (store_rq(x0100=0x0020), Command(Kind.OTHER, True)),
        (store_rq(x0700=3), Command(Kind.INVALID, True)),
        (store_rq("1." * 40), Command(Kind.INVALID, True)),
        (store_rq(x0110=None), Command(Kind.INCOMPLETE, True)),
        (store_rq(x1000=""), Command(Kind.INCOMPLETE, True)),
        (store_rq(x0100=0x8001), Command(Kind.INCOMPLETE, True)),
    ],
)
def test_everything_else_is_read_as_pynetdicom_reads_it(encoded: bytes, command: Command) -> None:
    assert decode(encoded) == command


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"what is this, then?",
        store_rq(x0100=None),
        store_rq(x0100=0x0077),
        store_rq(x0800=None),
        store_rq()[:-40],
        store_rq(x0800=b"\1"),
    ],
)
def test_what_nobody_can_read_ends_the_association(encoded: bytes) -> None:
    with pytest.raises(AbortedByProvider, match="cannot be read"):
        decode(encoded)


def test_a_number_of_odd_length_ends_the_association() -> None:
    with pytest.raises(AbortedByProvider) as caught:
        decode(store_rq(x0100=b"\1"))

    assert isinstance(caught.value.__cause__, BytesLengthException)


@given(st.binary(max_size=120), st.integers(0, 130), st.integers(0, 40))
def test_no_damage_raises_anything_else(noise: bytes, at: int, lost: int) -> None:
    whole = store_rq(x0902=b"words ")
    with contextlib.suppress(AbortedByProvider):
        decode(whole[:at] + noise + whole[at + lost :])


def by_library(message: Any, primitive: Any) -> bytes:
    """Return a command set as pynetdicom writes it."""
    message.primitive_to_message(primitive)
    (data,) = message.encode_msg(1, 16384)
    return bytes(data.presentation_data_value_list[0][1][1:])


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "../../etc", "1.2.\x92", LONG_UID])
@pytest.mark.parametrize("reason", ["", "odd", "even", "a\\b \N{LATIN SMALL LETTER E WITH ACUTE}", "word " * 40])
@pytest.mark.parametrize("status", [0x0000, 0xA700])
def test_a_store_response_is_written_as_pynetdicom_writes_it(uid: str, reason: str, status: int) -> None:
    primitive = C_STORE()
    primitive.MessageIDBeingRespondedTo = 7
    primitive.AffectedSOPClassUID = MR
    primitive.AffectedSOPInstanceUID = uid
    primitive.Status = status
    primitive.ErrorComment = error_comment(reason) or None  # type: ignore[assignment]

    response = store_response(Command(Kind.STORE, True, 7, MR, uid), status, reason)

    assert response == by_library(C_STORE_RSP(), primitive)


def test_an_echo_response_is_written_as_pynetdicom_writes_it() -> None:
    primitive = C_ECHO()
    primitive.MessageIDBeingRespondedTo = 9
    primitive.AffectedSOPClassUID = VERIFICATION
    primitive.Status = 0

    assert echo_response(Command(Kind.ECHO, False, 9, VERIFICATION)) == by_library(C_ECHO_RSP(), primitive)


def test_an_error_comment_is_short_ascii_without_a_backslash() -> None:
    assert error_comment("C:\\data \N{GREEK SMALL LETTER ALPHA} is full" + "!" * 100) == "C:/data ? is full" + "!" * 47
