"""An accepted association over a real socket: until it is released or aborted, and by whom."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from threading import Thread

import pytest
from support.acceptors import FakeIntake
from support.association import A_ABORT, MAXIMUM_LENGTH, RELEASE_RQ, echo, p_data, pdu, pdv, store, store_rq

from node.association.association import Association, End, UpperLayer
from node.association.connection import Connection
from node.association.errors import AbortedByProvider
from node.association.exchange import Agreed, Exchange
from node.association.pdu import A_RELEASE_RP, a_abort

AGREED = Agreed("SCANNER", "GLIA", {1: "1.2.840.10008.1.2.1", 5: "1.2.840.10008.1.2"})
BY_PROVIDER, BY_USER = a_abort(2), a_abort(0)


class Line:
    """The two ends of a connection, one of them served."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.far = socket.create_connection(server.getsockname())
            self.near, _ = server.accept()
        self.far.settimeout(5)
        self.intake = FakeIntake()
        self.is_stopped = False

    def serve(self, sent: Sequence[bytes], timeout: float = 5.0, *, close: bool = True) -> End:
        """Let a peer send, and close or be silent; return how the association ended."""

        def call() -> None:
            assert self.far.recv(8) == b"accepted"
            for one in sent:
                self.far.sendall(one)
            if close:
                self.far.shutdown(socket.SHUT_WR)

        caller = Thread(target=call)
        caller.start()
        exchange = Exchange(AGREED, self.intake, lambda _: None)
        connection = Connection(self.near, timeout)
        association = Association(connection, exchange, MAXIMUM_LENGTH, timeout, lambda: self.is_stopped)
        end = association.run(0, b"accepted")
        caller.join()
        return end

    def heard(self) -> bytes:
        """Return what the peer has heard after its acceptance."""
        self.near.close()
        said = b""
        with suppress(ConnectionResetError):  # a connection that is closed with bytes unread is reset
            while more := self.far.recv(65536):
                said += more
        return said


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.near.close()
    made.far.close()


def test_a_release_is_the_good_end(line: Line) -> None:
    assert line.serve([echo(), RELEASE_RQ]) == End(A_RELEASE_RP)
    assert line.heard().startswith(b"\4\0")


def test_instances_are_kept_and_answered_one_after_the_other(line: Line) -> None:
    sent = [pdu for number in range(20) for pdu in store(bytes([number]) * 30000, f"1.2.{number}")]

    assert line.serve([*sent, RELEASE_RQ]) == End(A_RELEASE_RP)

    kept = [(request.affected_sop_instance_uid, data_set) for request, data_set in line.intake.kept]
    assert kept == [(f"1.2.{number}", bytes([number]) * 30000) for number in range(20)]
    assert line.heard().count(b"\0\0\0\x09\2\0\0\0\0\0") == 20


def test_a_large_data_set_is_given_away_in_parts(line: Line) -> None:
    content = bytes(range(256)) * 8000

    line.serve([*store(content), RELEASE_RQ])

    assert [data_set for _, data_set in line.intake.kept] == [content]
    assert line.intake.added > 10
    assert line.intake.largest_part < 150_000


def test_a_peer_that_goes_in_the_middle_leaves_nothing(line: Line) -> None:
    end = line.serve(store(bytes(60000))[:-1])

    assert end == End(reason="the peer closed the connection")
    assert (line.intake.kept, line.intake.dropped) == ([], 1)


def test_a_peer_that_aborts_is_not_answered(line: Line) -> None:
    assert line.serve([*store(bytes(60000))[:-1], A_ABORT, echo()]) == End(reason="the peer aborted it")
    assert (line.intake.kept, line.intake.dropped) == ([], 1)
    assert line.heard() == b""


def test_what_was_answered_before_a_violation_is_sent(line: Line) -> None:
    end = line.serve([echo() + pdu(9)])

    assert end == End(BY_PROVIDER, "unknown PDU type 0x09")
    assert line.heard().startswith(b"\4")


def test_what_was_not_agreed_upon_is_aborted_by_us_as_user(line: Line) -> None:
    assert line.serve([echo(9)]) == End(BY_USER, "a request that was not agreed upon")


def test_a_silent_peer_is_aborted(line: Line) -> None:
    end = line.serve([store(bytes(60000))[0]], timeout=0.2, close=False)

    assert end == End(BY_USER, "the peer was silent for too long")
    assert line.intake.dropped == 1


def test_a_peer_that_trickles_is_aborted_as_if_it_were_silent(line: Line) -> None:
    ticks = iter(range(10**9))
    exchange = Exchange(AGREED, line.intake, lambda _: None)
    association = Association(
        Connection(line.near, 5), exchange, MAXIMUM_LENGTH, 100.0, lambda: False, clock=lambda: float(30 * next(ticks))
    )
    ends: list[End] = []
    serving = Thread(target=lambda: ends.append(association.run(0, b"accepted")))
    serving.start()
    line.far.recv(8)
    for byte in echo():
        if not serving.is_alive():
            break
        line.far.sendall(bytes([byte]))
        serving.join(0.05)

    serving.join()
    assert ends == [End(BY_USER, "the peer was silent for too long")]


def test_a_peer_that_does_not_wait_for_its_acceptance_is_aborted(line: Line) -> None:
    line.far.sendall(echo())
    exchange = Exchange(AGREED, line.intake, lambda _: None)

    end = Association(Connection(line.near, 5), exchange, MAXIMUM_LENGTH, 5, lambda: False).run(0, b"accepted")

    assert end == End(BY_PROVIDER, "a PDU before the proposal was answered")


def test_a_connection_that_breaks_is_the_end(line: Line) -> None:
    line.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
    line.far.close()
    exchange = Exchange(AGREED, line.intake, lambda _: None)

    end = Association(Connection(line.near, 5), exchange, MAXIMUM_LENGTH, 5, lambda: False).run(0, b"accepted")

    assert end.last_words == b""
    assert end.reason.startswith("the connection broke")


def test_an_association_is_aborted_when_the_node_leaves(line: Line) -> None:
    line.is_stopped = True

    assert line.serve([echo()], close=False) == End(BY_USER, "the node is leaving")


@pytest.mark.parametrize("kind", [1, 2, 3, 6])
def test_a_pdu_that_has_no_place_is_a_violation(kind: int) -> None:
    with pytest.raises(AbortedByProvider, match=f"0x0{kind}"):
        UpperLayer(Exchange(AGREED, FakeIntake(), lambda _: None)).take(kind, memoryview(bytes(4)))


def test_a_message_may_come_in_any_number_of_pdus() -> None:
    upper = UpperLayer(Exchange(AGREED, FakeIntake(), lambda _: None))
    command = pdv(1, 3, store_rq(x0800=0x0101))

    together = upper.take(4, memoryview(command + command))
    apart = [upper.take(4, memoryview(p_data(command)[6:])) for _ in range(2)]

    assert together == b"".join(apart)
    assert upper.end is None
