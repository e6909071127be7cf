"""A TCP connection of an association: looked at before it is read, acknowledged at once, never waited for for ever."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from errno import ECONNRESET

from node.association.pdu import HEADER, PDU_TYPES, PduType

_LONGEST_LOOK = 32768  # 128 presentation contexts with a few transfer syntaxes each, in what a receive buffer holds
_GOODBYE_SECONDS = 2.0
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only
_NOTHING = b""


class Connection:
    """One peer.

    Parameters
    ----------
    peer
        The socket, connected.
    timeout
        Seconds after which a peer that sends nothing, or takes nothing, is given up.
    """

    def __init__(self, peer: socket.socket, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._peer = peer
        self._timeout = timeout
        self._clock = clock

    def look(self, seconds: float) -> bytes:
        """Return the first PDU without taking it; only its header when its type is none or it is very long.

        Returns
        -------
        bytes
            Nothing when the peer closed the connection before it was whole.

        Raises
        ------
        TimeoutError
            When it did not come in time.
        """
        deadline = self._clock() + seconds
        try:
            header = self._peek(HEADER.size, deadline)
            if len(header) < HEADER.size:
                return _NOTHING
            pdu_type, length = HEADER.unpack(header)
            whole = HEADER.size + length
            if pdu_type not in PDU_TYPES or whole > _LONGEST_LOOK:
                return header
            found = self._peek(whole, deadline)
            return found if len(found) == whole else _NOTHING
        finally:
            self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            self._peer.settimeout(None)

    def begin(self, looked_at: int) -> None:
        """Take what was looked at, so many bytes, and get ready to serve.

        Raises
        ------
        OSError
            When it is not there any more.
        """
        self._peer.settimeout(self._timeout)
        while looked_at:
            taken = len(self._peer.recv(looked_at))
            if not taken:
                raise ConnectionResetError(ECONNRESET, "the peer is gone")
            looked_at -= taken
        # A response is a small PDU: it must wait neither for the next one nor for an acknowledgement.
        self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._acknowledge_at_once()

    @property
    def is_hasty(self) -> bool:
        """Whether the peer has sent more, other than an A-ABORT, though it should wait for our answer."""
        self._peer.settimeout(0)
        try:
            return self._peer.recv(1, socket.MSG_PEEK) not in (_NOTHING, bytes([PduType.A_ABORT]))
        except BlockingIOError:
            return False
        finally:
            self._peer.settimeout(self._timeout)

    def receive(self, into: memoryview) -> int:
        """Receive what there is; return how many bytes, 0 when the peer has closed.

        Raises
        ------
        TimeoutError
            When nothing came in time.
        """
        count = self._peer.recv_into(into)
        self._acknowledge_at_once()
        return count

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._peer.sendall(data)

    def send_last(self, words: bytes) -> None:
        """Send the last PDU and say that none follows; a peer that is gone does not hear it."""
        with suppress(OSError):
            self._peer.settimeout(min(_GOODBYE_SECONDS, self._timeout))
            self._peer.sendall(words)
            self._peer.shutdown(socket.SHUT_WR)

    def wait_for_close(self) -> None:
        """Wait a moment until the peer has closed: closing first could destroy our last PDU unread.

        What the peer still sends is thrown away (PS3.8 table 9-10, Sta13).
        """
        deadline = self._clock() + min(_GOODBYE_SECONDS, self._timeout)
        waste = bytearray(65536)
        with suppress(OSError):
            while (left := deadline - self._clock()) > 0:
                self._peer.settimeout(left)
                if not self._peer.recv_into(waste):
                    return

    def _peek(self, count: int, deadline: float) -> bytes:
        """Return the next bytes without taking them; fewer only when the peer has closed."""
        # Else the first byte of a slow sender would wake us again and again.
        self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
        left = deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        self._peer.settimeout(left)
        return self._peer.recv(count, socket.MSG_PEEK)

    def _acknowledge_at_once(self) -> None:
        # A sender with Nagle's algorithm waits for our acknowledgement; the option does not last.
        if _QUICK_ACK is not None:
            self._peer.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


def stop_reading(peer: socket.socket) -> None:
    """Wake whoever waits for a peer, as if the peer had closed."""
    with suppress(OSError):
        peer.shutdown(socket.SHUT_RD)
