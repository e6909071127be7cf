"""A connection over real sockets: looked at without a byte taken, and left in good order."""

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from support.association import A_ABORT, RELEASE_RQ, pdu, proposal
from support.wait import wait_until

from node.association.connection import Connection, stop_reading

Pair = tuple[socket.socket, socket.socket]


@contextmanager
def connected() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        near, _ = server.accept()
        with near, far:
            far.settimeout(5)
            yield near, far


@pytest.fixture
def pair() -> Iterator[Pair]:
    with connected() as both:
        yield both


def test_looking_takes_nothing_and_changes_nothing(pair: Pair) -> None:
    near, far = pair
    far.sendall(proposal() + RELEASE_RQ)

    assert Connection(near, 5).look(5) == proposal()

    assert near.gettimeout() is None
    assert near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1
    assert near.recv(10000) == proposal() + RELEASE_RQ


def test_a_slow_senders_first_pdu_is_waited_for(pair: Pair) -> None:
    near, far = pair
    seen: list[bytes] = []
    looking = Thread(target=lambda: seen.append(Connection(near, 5).look(10)))
    looking.start()

    for byte in proposal():
        far.sendall(bytes([byte]))

    looking.join()
    assert seen == [proposal()]


def test_nothing_is_seen_of_a_pdu_that_is_broken_off(pair: Pair) -> None:
    near, far = pair
    far.sendall(proposal()[:-1])
    far.close()

    assert Connection(near, 5).look(5) == b""


def test_nothing_is_seen_of_a_connection_that_is_closed_at_once(pair: Pair) -> None:
    near, far = pair
    far.close()

    assert Connection(near, 5).look(5) == b""


@pytest.mark.parametrize("sent", [b"", b"\1", proposal()[:-1]])
def test_a_first_pdu_that_does_not_come_is_not_waited_for_for_ever(pair: Pair, sent: bytes) -> None:
    near, far = pair
    far.sendall(sent)

    with pytest.raises(TimeoutError):
        Connection(near, 5).look(0.1)
    assert near.gettimeout() is None


@pytest.mark.parametrize("first", [pdu(9, length=100), pdu(1, length=40000), pdu(4, length=2**32 - 1)])
def test_of_what_is_strange_or_very_long_only_the_header_is_waited_for(pair: Pair, first: bytes) -> None:
    near, far = pair
    far.sendall(first)

    assert Connection(near, 5).look(5) == first[:6]


def test_what_was_looked_at_is_taken_when_serving_begins(pair: Pair) -> None:
    near, far = pair
    connection, room = Connection(near, 5), memoryview(bytearray(100))
    far.sendall(proposal() + RELEASE_RQ)

    connection.begin(len(connection.look(5)))

    assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert bytes(room[: connection.receive(room)]) == RELEASE_RQ


def test_what_is_not_there_any_more_is_not_waited_for(pair: Pair) -> None:
    near, far = pair
    far.sendall(b"abc")
    far.close()

    with pytest.raises(ConnectionResetError, match="the peer is gone"):
        Connection(near, 5).begin(4)


@pytest.mark.parametrize(("sent", "is_hasty"), [(b"", False), (A_ABORT, False), (RELEASE_RQ, True), (b"\4", True)])
def test_a_peer_that_does_not_wait_for_the_answer_is_seen(pair: Pair, sent: bytes, is_hasty: bool) -> None:
    near, far = pair
    connection = Connection(near, 5)
    connection.begin(0)
    assert not connection.is_hasty
    far.sendall(sent)
    if sent:
        select.select([near], [], [], 5)

    assert connection.is_hasty == is_hasty
    assert near.gettimeout() == 5
    assert near.recv(1) == sent[:1] if sent else True


def test_a_peer_that_has_closed_is_not_hasty(pair: Pair) -> None:
    near, far = pair
    far.close()
    select.select([near], [], [], 5)

    assert not Connection(near, 5).is_hasty


def test_a_silent_peer_is_given_up(pair: Pair) -> None:
    near, _ = pair
    connection = Connection(near, 0.1)
    connection.begin(0)

    with pytest.raises(TimeoutError):
        connection.receive(memoryview(bytearray(10)))


def test_a_peer_that_takes_nothing_is_given_up(pair: Pair) -> None:
    near, _ = pair
    connection = Connection(near, 0.1)
    connection.begin(0)

    with pytest.raises(TimeoutError):
        connection.send(bytes(50_000_000))


def test_the_last_pdu_arrives_though_the_peer_is_still_sending(pair: Pair) -> None:
    near, far = pair
    connection = Connection(near, 5)
    far.sendall(bytes(100_000))

    connection.send_last(b"farewell")
    leaving = Thread(target=connection.wait_for_close)
    leaving.start()
    far.sendall(bytes(3_000_000))

    assert far.recv(100) == b"farewell"
    assert far.recv(100) == b""
    far.close()
    leaving.join()


def test_a_peer_that_never_closes_is_left_in_the_end(pair: Pair) -> None:
    near, _ = pair
    Connection(near, 0.1).wait_for_close()


def test_a_peer_that_is_gone_does_not_hear_the_end(pair: Pair) -> None:
    near, far = pair
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
    far.close()
    connection = Connection(near, 1)

    connection.send_last(b"farewell")
    connection.wait_for_close()


def test_whoever_waits_for_a_peer_is_woken(pair: Pair) -> None:
    near, _ = pair
    found: list[int] = []
    connection = Connection(near, 30)
    connection.begin(0)
    waiting = Thread(target=lambda: found.append(connection.receive(memoryview(bytearray(10)))))
    waiting.start()

    stop_reading(near)

    wait_until(lambda: found == [0], what="the end of the waiting")
    waiting.join()


def test_a_closed_connection_can_be_stopped_again() -> None:
    with connected() as (near, _):
        near.close()
        stop_reading(near)
