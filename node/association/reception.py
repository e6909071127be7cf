"""Where connections come in: look at the first PDU, serve the peer, or leave it to the library as it came."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from pynetdicom import AE

from node.association.association import Association, End
from node.association.connection import Connection, stop_reading
from node.association.errors import Aborted, AbortedByUser, HandOver
from node.association.events import Journal
from node.association.exchange import Agreed, Exchange
from node.association.negotiation import LIMIT_EXCEEDED, Negotiator, Verdict
from node.association.pdu import HEADER, PDU_TYPES, PduType, a_abort
from node.association.places import Places
from node.intake import Answer, Intake

_SHORTEST_A_ABORT = 4
_NO_TIMEOUT = 3600.0
_MOST_WAITING = 100  # to be rejected, or not saying what they want


class Reception:
    """Serves storage and verification; hands over everything else."""

    def __init__(self, ae: AE, places: Places, negotiator: Negotiator, intake: Intake, journal: Journal) -> None:
        self._ae = ae
        self._places = places
        self._negotiator = negotiator
        self._intake = intake
        self._journal = journal
        self._changed = Condition()
        self._peers: set[socket.socket] = set()
        self.is_stopped = False

    def receive(self, peer: socket.socket) -> bool:
        """Serve a peer to the end; return False when it is for the library, and not a byte was taken."""
        with self._open(peer):
            connection = Connection(peer, self._network_timeout)
            try:
                first = connection.look(self._ae.acse_timeout or _NO_TIMEOUT)
                verdict = self._judge(first)
            except HandOver:
                return self.is_stopped
            except Aborted as reason:
                connection.send_last(a_abort(reason.source))
                self._journal.aborted(connection, "", str(reason))
                connection.wait_for_close()
            except OSError:
                return True  # too slow, or gone: nobody is there to be told (PS3.8 table 9-10, AA-2 and AA-5)
            else:
                if verdict and not self.is_stopped:
                    self._answer(connection, len(first), verdict)
        return True

    @property
    def is_empty(self) -> bool:
        """Whether no peer is connected and no place taken, those of the library left out."""
        return not self._peers and self._places.taken == 0

    @property
    def is_crowded(self) -> bool:
        """Whether more peers are connected than could ever be served: a thread for each is too much."""
        return len(self._peers) >= self._places.maximum + _MOST_WAITING

    def stop(self, seconds: float) -> None:
        """Abort what is open, and wait until it is closed, but not longer than so many seconds."""
        with self._changed:
            self.is_stopped = True
            for peer in self._peers:
                stop_reading(peer)
            self._changed.wait_for(lambda: not self._peers, seconds)

    @property
    def _network_timeout(self) -> float:
        return self._ae.network_timeout or _NO_TIMEOUT

    @contextmanager
    def _open(self, peer: socket.socket) -> Iterator[None]:
        with self._changed:
            self._peers.add(peer)
            if self.is_stopped:
                stop_reading(peer)
        try:
            yield
        finally:
            with self._changed:
                self._peers.remove(peer)
                self._changed.notify_all()

    def _judge(self, first: bytes) -> Verdict | None:
        """Return what the first PDU gets; nothing when the connection is to be closed without a word."""
        if not first:
            return None
        pdu_type, length = HEADER.unpack_from(first)
        is_whole = len(first) == HEADER.size + length
        if pdu_type in PDU_TYPES and not is_whole:
            raise HandOver("a very long PDU")
        if pdu_type == PduType.A_ABORT and length >= _SHORTEST_A_ABORT:
            return None
        if pdu_type != PduType.A_ASSOCIATE_RQ:
            raise AbortedByUser(f"a PDU of type 0x{pdu_type:02X} comes first")
        return self._negotiator.judge(first)

    def _answer(self, connection: Connection, size: int, verdict: Verdict) -> None:
        """Accept or reject, and serve whom we accept; the place is free again before the peer hears the end."""
        exchange = None
        end = End(verdict.answer)
        has_place = self._places.take()
        try:
            if not has_place:
                end = End(LIMIT_EXCEEDED)
            elif verdict.agreed:
                exchange = self._exchange(verdict.agreed)
                end = self._serve(connection, exchange, size, verdict)
        finally:
            if has_place:
                self._places.give_back()
        connection.send_last(end.last_words)
        if exchange is None:
            self._journal.rejected(
                verdict.calling_ae_title, verdict.called_ae_title, verdict.reason if has_place else ""
            )
        elif end.reason:
            self._journal.aborted(exchange, verdict.calling_ae_title, end.reason)
        else:
            self._journal.released(exchange, verdict.calling_ae_title)
        if end.last_words:
            connection.wait_for_close()

    def _serve(self, connection: Connection, exchange: Exchange, size: int, verdict: Verdict) -> End:
        is_useful = bool(verdict.agreed and verdict.agreed.transfer_syntaxes)
        self._journal.accepted(verdict.calling_ae_title, verdict.refused, is_useful=is_useful)
        association = Association(
            connection, exchange, self._ae.maximum_pdu_size, self._network_timeout, lambda: self.is_stopped
        )
        return association.run(size, verdict.answer)

    def _exchange(self, agreed: Agreed) -> Exchange:
        def answered(answer: Answer) -> None:
            self._journal.answered(exchange, answer)

        exchange = Exchange(agreed, self._intake, answered)
        return exchange
