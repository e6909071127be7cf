"""The server as a whole: places shared with pynetdicom, errors that nobody foresaw, and the end."""

import threading

import pytest
from structlog.testing import capture_logs
from support.acceptors import FakeIntake, FakeJournal, configure, our_acceptor
from support.association import AE_TITLE, RELEASE_RQ, echo, item, maximum_length, peer, proposal, store
from support.wait import wait_until

from node.association.negotiation import LIMIT_EXCEEDED
from node.association.pdu import A_RELEASE_RP, a_abort
from node.association.server import Entity

HANDED_OVER = proposal(user=maximum_length(16384) + item(0x52, b"1.2.3.4") + item(0x53, b"\0\0\0\0"))


@pytest.mark.parametrize("first", [proposal(), HANDED_OVER])
@pytest.mark.parametrize("second", [proposal(), HANDED_OVER])
def test_ours_and_the_librarys_associations_share_the_places(first: bytes, second: bytes) -> None:
    with our_acceptor(FakeIntake(), FakeJournal(), places=2) as server:
        with peer(server.port) as one, peer(server.port) as two:
            for caller, asked in ((one, first), (two, second)):
                caller.associate(asked)
            for asked in (proposal(), HANDED_OVER):
                with peer(server.port) as third:
                    third.send(asked)
                    assert third.read() == LIMIT_EXCEEDED
            wait_until(lambda: len(server.active_associations) == [first, second].count(HANDED_OVER), what="the loser")
            two.send(RELEASE_RQ)
            assert two.read() == A_RELEASE_RP

        def is_let_in() -> bool:
            with peer(server.port) as fourth:
                fourth.send(proposal())
                return fourth.read()[0] == 2

        wait_until(is_let_in, what="a free place")


def test_the_number_of_places_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Entity(AE_TITLE, 3).maximum_associations = 5


def test_an_error_that_nobody_foresaw_is_logged_and_ends_one_association_alone() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    intake, journal = FakeIntake(before=fail), FakeJournal()
    entity = Entity(AE_TITLE, 1)
    configure(entity)
    server = entity.listen(("127.0.0.1", 0), intake, journal)
    try:
        with capture_logs() as lines, peer(server.port) as caller:
            caller.associate()
            caller.send(b"".join(store(b"abc")))
            assert caller.read_all() == [a_abort(0)]
        with peer(server.port) as caller:
            caller.associate().send(echo())
            assert caller.read()[0] == 4
    finally:
        server.stop()

    (line,) = [line for line in lines if line["event"] == "association failed"]
    assert (line["reason"], line["exc_info"]) == ("unexpected ZeroDivisionError", True)


def test_a_crowd_is_not_let_in() -> None:
    entity = Entity(AE_TITLE, 1)
    configure(entity)
    server = entity.listen(("127.0.0.1", 0), FakeIntake(), FakeJournal())
    waiting = []
    try:
        with capture_logs() as lines:
            for _ in range(101):
                waiting.append(peer(server.port))
                waiting[-1].__enter__()
            wait_until(lambda: server.reception.is_crowded, what="the crowd")
            with peer(server.port) as late:
                assert late.read() == b""
    finally:
        server.stop()
        for one in waiting:
            one.__exit__(None, None, None)

    assert [line["reason"] for line in lines] == ["too many connections"]


def test_when_it_stops_everyone_is_aborted_and_nothing_is_left() -> None:
    before = threading.active_count()
    journal = FakeJournal()
    with our_acceptor(FakeIntake(), journal) as server:
        with peer(server.port) as ours, peer(server.port) as theirs, peer(server.port):  # the third is silent
            for caller, asked in ((ours, proposal()), (theirs, HANDED_OVER)):
                caller.associate(asked)

            server.stop()

            assert ours.read_all() == [a_abort(0)]
            assert theirs.read_all() in ([a_abort(0)], [])  # pynetdicom may close before its A-ABORT is out
            with pytest.raises(ConnectionRefusedError), peer(server.port):
                pass
        wait_until(lambda: threading.active_count() <= before, what="the end of the threads")
    assert [line[0] for line in journal.lines] == ["accepted", "accepted", "aborted", "aborted"]


def test_an_instance_that_is_being_kept_when_it_stops_is_answered_first() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def keep() -> None:
        begun.set()
        assert go_on.wait(10)

    with our_acceptor(FakeIntake(before=keep), FakeJournal()) as server, peer(server.port) as caller:
        caller.associate().send(b"".join(store(b"abc")))
        assert begun.wait(10)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        wait_until(lambda: server.reception.is_stopped, what="the beginning of the end")
        go_on.set()

        response, *rest = caller.read_all()

        stopping.join()
    assert response[0] == 4
    assert rest == [a_abort(0)]
