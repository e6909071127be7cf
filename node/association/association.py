"""An association that was accepted: its PDUs in and out until it is released or aborted (PS3.8 9.2, Sta6)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from node.association.connection import Connection
from node.association.errors import Aborted, AbortedByProvider, AbortedByUser
from node.association.exchange import Exchange
from node.association.incoming import Incoming
from node.association.pdu import A_RELEASE_RP, PduType, a_abort, pdvs

_SHORTEST_A_ABORT = 4


@dataclass(frozen=True, slots=True)
class End:
    """How an association ended.

    Attributes
    ----------
    last_words
        The PDU that the peer is still to get, if any.
    reason
        Why it was aborted, or nothing when it was released.
    """

    last_words: bytes = b""
    reason: str = ""


class UpperLayer:
    """Takes PDU after PDU, gives PDUs out, and knows when it is over. Opens no socket."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.end: End | None = None

    def take(self, pdu_type: int, body: memoryview) -> bytes:
        """Take one PDU; return what is to be sent.

        Raises
        ------
        Aborted
            When the association cannot go on.
        """
        match pdu_type:
            case PduType.P_DATA_TF:
                return b"".join(self._exchange.take(value) for value in pdvs(body))
            case PduType.A_RELEASE_RQ:
                self.end = End(A_RELEASE_RP)
            case PduType.A_ABORT if len(body) >= _SHORTEST_A_ABORT:
                self.end = End(reason="the peer aborted it")
            case _:
                raise AbortedByProvider(f"a PDU of type 0x{pdu_type:02X} has no place here")
        return b""


class Association:
    """Serves one peer until the end.

    Parameters
    ----------
    maximum_length
        What the peer may send in a P-DATA-TF, in bytes.
    timeout
        Seconds without a whole PDU after which the peer is given up.
    stopped
        Whether the node is leaving.
    """

    def __init__(
        self,
        connection: Connection,
        exchange: Exchange,
        maximum_length: int,
        timeout: float,
        stopped: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._upper = UpperLayer(exchange)
        self._incoming = Incoming(maximum_length)
        self._timeout = timeout
        self._stopped = stopped
        self._clock = clock
        self._heard_at = clock()

    def run(self, proposal_length: int, acceptance: bytes) -> End:
        """Accept, serve, and return how it ended.

        Parameters
        ----------
        proposal_length
            How many bytes of the connection are the proposal, which was only looked at.
        acceptance
            The A-ASSOCIATE-AC.
        """
        try:
            self._connection.begin(proposal_length)
            if self._connection.is_hasty:
                raise AbortedByProvider("a PDU before the proposal was answered")
            self._connection.send(acceptance)
            return self._run()
        except Aborted as reason:
            return End(a_abort(reason.source), str(reason))
        except TimeoutError:
            return End(a_abort(AbortedByUser.source), "the peer was silent for too long")
        except OSError as error:
            return End(reason=f"the connection broke: {error.strerror}")
        finally:
            self._exchange.drop()

    def _run(self) -> End:
        while self._upper.end is None:
            count = self._connection.receive(self._incoming.room)
            if self._stopped():
                raise AbortedByUser("the node is leaving")
            if not count:
                return End(reason="the peer closed the connection")
            self._incoming.grow(count)
            self._take_what_came()
            if self._incoming.is_short_of_room or not self._exchange.holds_fragments:
                self._exchange.hand_on()
                self._incoming.compact()
        return self._upper.end

    def _take_what_came(self) -> None:
        answers = []
        try:
            while self._upper.end is None and (pdu := self._incoming.next()):
                answers.append(self._upper.take(*pdu))
                self._heard_at = self._clock()
        finally:
            if answer := b"".join(answers):
                self._connection.send(answer)
        if self._clock() - self._heard_at > self._timeout:
            raise AbortedByUser("the peer was silent for too long")
