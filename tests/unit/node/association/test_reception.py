"""Where connections come in: who is served, who is left to the library, who is turned away."""

import contextlib
import socket
from collections.abc import Iterator
from threading import Thread

import pytest
from pynetdicom import AE
from support.acceptors import FakeIntake, FakeJournal, configure
from support.association import A_ABORT, RELEASE_RQ, echo, item, maximum_length, pdu, proposal
from support.wait import wait_until

from node.association.negotiation import LIMIT_EXCEEDED, Negotiator
from node.association.pdu import A_RELEASE_RP, a_abort, a_associate_rj
from node.association.places import Places
from node.association.reception import Reception

ASYNCHRONOUS = proposal(user=maximum_length(0) + item(0x53, b"\0\0\0\0"))


class Hall:
    """A reception, and peers that come in."""

    def __init__(self, places: int = 2, acse_timeout: float = 5.0) -> None:
        ae = AE(ae_title="GLIA")
        configure(ae, network_timeout=5.0, acse_timeout=acse_timeout)
        self.others = 0
        self.places = Places(places, lambda: self.others)
        self.journal = FakeJournal()
        negotiator = Negotiator(ae, "GLIA", ae.supported_contexts)
        self.reception = Reception(ae, self.places, negotiator, FakeIntake(), self.journal)
        self.served: list[bool] = []
        self._open: list[socket.socket] = []
        self._threads: list[Thread] = []

    def enter(self, sent: bytes = b"") -> socket.socket:
        """Connect a peer, and let it send something first."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            far = socket.create_connection(server.getsockname())
            near, _ = server.accept()
        far.settimeout(5)
        far.sendall(sent)
        self._open += [far, near]

        def receive() -> None:
            self.served.append(is_served := self.reception.receive(near))
            if is_served:
                near.close()

        self._threads.append(Thread(target=receive))
        self._threads[-1].start()
        return far

    @property
    def last_near(self) -> socket.socket:
        return self._open[-1]

    def leave(self) -> None:
        self.reception.stop(5)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()


@pytest.fixture
def hall() -> Iterator[Hall]:
    made = Hall()
    yield made
    made.leave()


def heard(far: socket.socket) -> bytes:
    """Return all that a peer hears until the end; with a reset where its last words were not read."""
    found = b""
    with contextlib.suppress(OSError):
        far.shutdown(socket.SHUT_WR)
        while more := far.recv(65536):
            found += more
    return found


def test_storage_and_verification_are_served_here(hall: Hall) -> None:
    far = hall.enter(proposal())
    assert far.recv(1000)[0] == 2
    far.sendall(echo() + RELEASE_RQ)

    assert heard(far).endswith(A_RELEASE_RP)
    wait_until(lambda: hall.served == [True], what="the end")
    assert hall.journal.lines == [("accepted", "SCANNER"), ("released", "SCANNER")]
    assert hall.places.taken == 0


@pytest.mark.parametrize("first", [ASYNCHRONOUS, pdu(1, bytes(40000))[:20000]])
def test_what_is_for_the_library_is_left_as_it_came(hall: Hall, first: bytes) -> None:
    hall.enter(first)

    wait_until(lambda: hall.served == [False], what="the verdict")
    hall.last_near.settimeout(5)
    found = b""
    while len(found) < len(first):
        found += hall.last_near.recv(100_000)
    assert found == first
    assert hall.journal.lines == []


def test_one_too_many_is_rejected_and_the_next_served(hall: Hall) -> None:
    first, second = hall.enter(proposal()), hall.enter(proposal())
    assert (first.recv(1), second.recv(1)) == (b"\2", b"\2")

    assert heard(hall.enter(proposal())) == LIMIT_EXCEEDED
    assert heard(hall.enter(proposal(called="OTHER"))) == LIMIT_EXCEEDED
    first.sendall(RELEASE_RQ)
    assert heard(first).endswith(A_RELEASE_RP)

    assert hall.enter(proposal()).recv(1) == b"\2"
    assert hall.journal.heard("rejected") == [("SCANNER", "GLIA", ""), ("SCANNER", "OTHER", "")]


def test_the_librarys_associations_have_places_too(hall: Hall) -> None:
    hall.others = 2

    assert heard(hall.enter(proposal())) == LIMIT_EXCEEDED


def test_whoever_is_silent_before_it_has_proposed_takes_no_place() -> None:
    hall = Hall(places=1)
    hall.enter()

    assert hall.enter(proposal()).recv(1) == b"\2"
    hall.leave()


def test_a_stranger_is_rejected_and_named(hall: Hall) -> None:
    assert heard(hall.enter(proposal(called="OTHER"))) == a_associate_rj(1, 1, 7)
    wait_until(lambda: hall.journal.lines == [("rejected", "SCANNER", "OTHER", "")], what="the note")


@pytest.mark.parametrize("first", [echo(), RELEASE_RQ, pdu(9), pdu(1, b"what is this"), pdu(7, b"\0")])
def test_nonsense_is_aborted(hall: Hall, first: bytes) -> None:
    assert heard(hall.enter(first)) == a_abort(0)
    wait_until(lambda: hall.served == [True], what="the end")
    assert [line[0] for line in hall.journal.lines] == ["aborted"]


@pytest.mark.parametrize("first", [b"", proposal()[:50], A_ABORT])
def test_whoever_goes_before_it_has_proposed_hears_nothing(hall: Hall, first: bytes) -> None:
    assert heard(hall.enter(first)) == b""
    wait_until(lambda: hall.served == [True], what="the end")
    assert hall.journal.lines == []


def test_whoever_does_not_propose_in_time_is_put_out() -> None:
    hall = Hall(acse_timeout=0.1)
    far = hall.enter(proposal()[:50])

    assert heard(far) == b""
    hall.leave()


def test_refused_contexts_are_noted(hall: Hall) -> None:
    hall.enter(proposal({1: ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2")})).recv(1)

    assert hall.journal.lines == [("accepted", "SCANNER", "CT Image Storage: Abstract Syntax Not Supported", "useless")]


def test_everyone_is_aborted_when_it_stops(hall: Hall) -> None:
    established, silent = hall.enter(proposal()), hall.enter()
    established.recv(10000)

    hall.reception.stop(5)

    assert heard(established) == a_abort(0)
    assert heard(silent) == b""
    assert hall.journal.heard("aborted") == [("SCANNER", "the node is leaving")]
    assert heard(hall.enter(proposal())) == b""


def test_it_says_when_too_many_are_connected(hall: Hall) -> None:
    assert not hall.reception.is_crowded

    for _ in range(102):
        hall.enter()

    wait_until(lambda: hall.reception.is_crowded, what="the crowd")
