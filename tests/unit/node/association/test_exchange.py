"""Fragments to requests, requests to answers; what pynetdicom says to the same is compared in integration."""

import pytest
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import P_DATA_TF
from support.acceptors import FULL, FakeIntake
from support.association import MR, VERIFICATION, command_set, echo_rq, store_rq

from node.association.errors import AbortedByProvider, AbortedByUser
from node.association.exchange import Agreed, Exchange
from node.association.pdu import Pdv
from node.intake import Answer, StoreRequest
from node.status import Status

AGREED = Agreed("SCANNER", "GLIA", {1: "1.2.840.10008.1.2.1", 3: "1.2.840.10008.1.2"})
NO_DATA_SET = 0x0101


def command(encoded: bytes, context_id: int = 1) -> Pdv:
    return Pdv(context_id, is_command=True, is_last=True, fragment=memoryview(encoded))


def data(value: bytes, context_id: int = 1, *, last: bool = True) -> Pdv:
    return Pdv(context_id, is_command=False, is_last=last, fragment=memoryview(value))


def response(encoded: bytes) -> C_STORE:
    """Read a response with pynetdicom."""
    pdu, message = P_DATA_TF(), DIMSEMessage()
    pdu.decode(encoded)
    assert message.decode_msg(pdu.to_primitive())
    primitive = message.message_to_primitive()
    assert isinstance(primitive, C_STORE)
    return primitive


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake()


@pytest.fixture
def exchange(intake: FakeIntake) -> Exchange:
    return Exchange(AGREED, intake, lambda _: None)


def test_an_instance_is_kept_with_all_that_is_known_of_it(exchange: Exchange, intake: FakeIntake) -> None:
    assert exchange.take(command(store_rq("1.2.3.4", 5, x0700=1), 3)) == b""
    assert exchange.take(data(b"abc", 3, last=False)) == b""
    answer = response(exchange.take(data(b"def", 3)))

    assert intake.kept == [(StoreRequest(MR, "1.2.3.4", "1.2.840.10008.1.2", "SCANNER", "GLIA", 1), b"abcdef")]
    assert (answer.Status, answer.MessageIDBeingRespondedTo) == (0x0000, 5)
    assert (answer.AffectedSOPClassUID, answer.AffectedSOPInstanceUID) == (MR, "1.2.3.4")


def test_a_refusal_is_told_with_its_reason_and_noted_before(intake: FakeIntake) -> None:
    answers: list[Answer] = []
    exchange = Exchange(AGREED, intake, answers.append)
    exchange.take(command(store_rq()))

    answer = response(exchange.take(data(FULL)))

    assert answer.Status == Status.OUT_OF_RESOURCES
    assert str(answer.ErrorComment).startswith("the disk is full: 3 MB/4 MB, ?xxx")
    assert [noted.status for noted in answers] == [Status.OUT_OF_RESOURCES]


def test_a_small_data_set_is_given_away_in_one_piece(exchange: Exchange, intake: FakeIntake) -> None:
    exchange.take(command(store_rq()))
    exchange.take(data(b"abc", last=False))
    exchange.take(data(b"def"))

    assert (intake.added, intake.largest_part) == (0, 6)


def test_fragments_are_given_away_before_their_memory_is_used_again(exchange: Exchange, intake: FakeIntake) -> None:
    memory = bytearray(b"abc")
    exchange.take(command(store_rq()))
    exchange.take(Pdv(1, is_command=False, is_last=False, fragment=memoryview(memory)))
    assert exchange.holds_fragments
    exchange.hand_on()
    memory[:] = b"xyz"
    assert not exchange.holds_fragments
    exchange.take(data(b"def"))

    assert [kept for _, kept in intake.kept] == [b"abcdef"]


def test_empty_fragments_take_no_memory(exchange: Exchange, intake: FakeIntake) -> None:
    exchange.take(command(store_rq()))
    for _ in range(3):
        exchange.take(data(b"", last=False))
    assert not exchange.holds_fragments

    assert exchange.take(data(b""))
    assert [kept for _, kept in intake.kept] == [b""]


def test_a_message_that_is_broken_off_is_dropped(exchange: Exchange, intake: FakeIntake) -> None:
    exchange.take(command(store_rq()))
    exchange.take(data(b"abc", last=False))
    assert not exchange.is_idle

    exchange.drop()

    assert (intake.dropped, intake.kept) == (1, [])
    assert exchange.is_idle


def test_nothing_is_dropped_that_was_kept(exchange: Exchange, intake: FakeIntake) -> None:
    exchange.take(command(store_rq()))
    exchange.take(data(b"abc"))

    exchange.drop()

    assert (intake.dropped, len(intake.kept)) == (0, 1)


@pytest.mark.parametrize(
    "ignored",
    [
        store_rq(x0110=None),
        command_set({0x0100: 0x0FFF, 0x0120: 7, 0x0800: NO_DATA_SET}),
        command_set({0x0002: MR, 0x0100: 0x8001, 0x0120: 7, 0x0800: NO_DATA_SET, 0x0900: 0}),
    ],
)
def test_what_is_no_request_is_passed_over_with_its_data_set(
    exchange: Exchange, intake: FakeIntake, ignored: bytes
) -> None:
    assert exchange.take(command(ignored)) == b""
    if not exchange.is_idle:
        assert exchange.take(data(b"abc")) == b""

    exchange.take(command(store_rq()))
    exchange.take(data(b"def"))
    assert [kept for _, kept in intake.kept] == [b"def"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([data(b"abc")], "before its command set"),
        ([command(store_rq()), command(store_rq())], "second command set"),
        ([command(store_rq()), data(b"abc", 3)], "two presentation contexts"),
        ([command(b"", 1)._replace(is_last=False), command(store_rq(), 3)], "two presentation contexts"),
        ([command(b"x" * 20000)], "more than 16384 bytes"),
        ([command(b"x" * 9000)._replace(is_last=False)] * 2, "more than 16384 bytes"),
        ([command(store_rq(x0700=9)), data(b"abc")], "not allowed"),
    ],
)
def test_what_breaks_the_rules_ends_the_association(
    exchange: Exchange, intake: FakeIntake, values: list[Pdv], words: str
) -> None:
    *before, last = values
    for value in before:
        assert exchange.take(value) == b""

    with pytest.raises(AbortedByProvider, match=words):
        exchange.take(last)
    assert intake.kept == []


@pytest.mark.parametrize(
    "values",
    [
        [command(echo_rq(), 5)],
        [command(store_rq(), 5), data(b"abc", 5)],
        [command(store_rq(x0002="1.2.3")), data(b"abc")],
        [command(store_rq(x0002=VERIFICATION)), data(b"abc")],
        [command(echo_rq(x0002=MR))],
        [command(store_rq(x0100=0x20, x0800=NO_DATA_SET))],
    ],
)
def test_what_was_not_agreed_upon_ends_the_association(
    exchange: Exchange, intake: FakeIntake, values: list[Pdv]
) -> None:
    *before, last = values
    for value in before:
        assert exchange.take(value) == b""

    with pytest.raises(AbortedByUser):
        exchange.take(last)
    assert intake.kept == []


def test_message_follows_message(exchange: Exchange, intake: FakeIntake) -> None:
    for number in range(3):
        assert exchange.take(command(store_rq(x0800=NO_DATA_SET)))
        exchange.take(command(store_rq(f"1.2.{number}")))
        assert exchange.take(data(b"x"))
        assert exchange.is_idle

    kept = [(request.affected_sop_instance_uid, data_set) for request, data_set in intake.kept]
    assert kept == [("1.2.3", b""), ("1.2.0", b"x"), ("1.2.3", b""), ("1.2.1", b"x"), ("1.2.3", b""), ("1.2.2", b"x")]
