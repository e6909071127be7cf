"""An association that we request to store instances: one at a time, each in as few writes as the peer allows."""

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Self

from node.association.pdu import HEADER, PduType, a_abort, p_data, pdvs
from node.senders.negotiation import LARGEST_PDU, Contexts, NoAssociation, in_words, read_answer, request_pdu

_LONGEST_ANSWER = 1 << 20
_FRAGMENTS_A_WRITE = 256
_PDV_HEADER = struct.Struct(">IBB")
_ELEMENT = struct.Struct("<HHI")
_LAST = 2
_A_RELEASE_RQ = bytes((PduType.A_RELEASE_RQ, 0, 0, 0, 0, 4, 0, 0, 0, 0))
_BY_US = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the peer answered to a C-STORE request (PS3.7 9.1.1.1)."""

    status: int
    comment: str = ""


class RequestedAssociation:
    """An association with a storage SCP, negotiated by ``request``."""

    def __init__(self, peer: socket.socket, accepted: Contexts, largest_pdu: int) -> None:
        self._peer = peer
        self.accepted = accepted
        # PS3.8 D.1: the maximum length covers the PDVs with their headers; 0 is no limit. Fragments have even lengths.
        self._fragment = (min(largest_pdu or LARGEST_PDU, LARGEST_PDU) - _PDV_HEADER.size) & ~1
        self._message_id = 0

    @classmethod
    def request(
        cls,
        address: tuple[str, int],
        ae_titles: tuple[str, str],
        contexts: Sequence[tuple[str, str]],
        timeout_seconds: float,
    ) -> Self:
        """Connect and negotiate.

        Parameters
        ----------
        ae_titles
            Ours and theirs.
        contexts
            (SOP class, transfer syntax) pairs, a presentation context each, so that several may be accepted; the first
            128 are proposed (PS3.8 9.3.2.2).

        Raises
        ------
        NoAssociation
            With the peer's reason where it gave one.
        OSError
            When there is no connection.
        """
        peer = socket.create_connection(address, timeout_seconds)
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            proposed = {2 * number + 1: pair for number, pair in enumerate(contexts[:128])}
            peer.sendall(request_pdu(ae_titles, proposed))
            accepted, largest = read_answer(*_receive_pdu(peer), proposed)
            return cls(peer, accepted, largest)
        except BaseException:
            peer.close()
            raise

    def store(self, sop_class: str, sop_instance: str, transfer_syntax: str, data_set: BufferedIOBase) -> Stored:
        """Send an instance and wait for the answer.

        Parameters
        ----------
        data_set
            The encoded data set, from where the file stands to its end.

        Raises
        ------
        KeyError
            When the peer did not accept the SOP class in this transfer syntax.
        NoAssociation
            When the association is lost; what became of the instance is not known then.
        """
        context_id = self.accepted[sop_class, transfer_syntax]
        self._message_id = self._message_id % 65535 + 1
        command = p_data(context_id, _store_request(sop_class, sop_instance, self._message_id))
        try:
            for parts in self._writes(command, context_id, data_set):
                _send(self._peer, parts)
            return self._answer()
        except OSError as error:
            raise NoAssociation(_why(error)) from error

    def release(self) -> None:
        """End the association in order, as far as the peer lets us."""
        with suppress(OSError, NoAssociation):
            self._peer.sendall(_A_RELEASE_RQ)
            _receive_pdu(self._peer)
        self._peer.close()

    def abort(self) -> None:
        """End the association at once."""
        with suppress(OSError):
            self._peer.sendall(a_abort(_BY_US))
        self._peer.close()

    def _writes(
        self, command: bytes, context_id: int, data_set: BufferedIOBase
    ) -> Iterator[Sequence[bytes | memoryview]]:
        """Yield the command and the data set in fragments, so many at a time; the last one says that it is."""
        size = self._fragment * _FRAGMENTS_A_WRITE
        block = data_set.read(size)
        parts: list[bytes | memoryview] = [command]
        while True:
            after = data_set.read(size) if len(block) == size else b""
            view = memoryview(block)
            for start in range(0, max(len(block), 1), self._fragment):
                fragment = view[start : start + self._fragment]
                last = _LAST if not after and start + self._fragment >= len(block) else 0
                length = len(fragment) + 2
                parts += [
                    HEADER.pack(PduType.P_DATA_TF, length + 4) + _PDV_HEADER.pack(length, context_id, last),
                    fragment,
                ]
            yield parts
            if not after:
                return
            block, parts = after, []

    def _answer(self) -> Stored:
        """Wait for the response to the request on its way."""
        command, complete = b"", False
        while not complete:
            pdu_type, body = _receive_pdu(self._peer)
            if pdu_type != PduType.P_DATA_TF:
                raise NoAssociation(in_words(pdu_type, body))
            for value in pdvs(memoryview(body)):
                if not value.is_command or complete or len(command) > _LONGEST_ANSWER:
                    raise NoAssociation("it answered with something that is no C-STORE response")
                command, complete = command + bytes(value.fragment), value.is_last
        elements = _elements(command)
        if elements.get(0x0120) != struct.pack("<H", self._message_id) or len(elements.get(0x0900, b"")) != 2:
            raise NoAssociation("it answered with something that is no response to our request")
        comment = elements.get(0x0902, b"").decode("ascii", "replace").strip(" \0")
        return Stored(int.from_bytes(elements[0x0900], "little"), comment)


def _store_request(sop_class: str, sop_instance: str, message_id: int) -> bytes:
    """Return a C-STORE-RQ (PS3.7 9.3.1.1) of medium priority."""
    elements = [
        (0x0002, _uid(sop_class)),
        (0x0100, b"\x01\x00"),
        (0x0110, struct.pack("<H", message_id)),
        (0x0700, b"\x00\x00"),
        (0x0800, b"\x01\x00"),
        (0x1000, _uid(sop_instance)),
    ]
    body = b"".join(_ELEMENT.pack(0, number, len(value)) + value for number, value in elements)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def _uid(value: str) -> bytes:
    return value.encode("ascii") + b"\0" * (len(value) % 2)


def _elements(command: bytes) -> dict[int, bytes]:
    """Return the values of a command set by element number, as far as they can be read."""
    elements, start = {}, 0
    while start + _ELEMENT.size <= len(command):
        _, number, length = _ELEMENT.unpack_from(command, start)
        start += _ELEMENT.size
        elements[number] = command[start : start + length]
        start += length
    return elements


def _send(peer: socket.socket, parts: Sequence[bytes | memoryview]) -> None:
    """Send all parts, in one call where the socket's buffer takes them."""
    total = sum(map(len, parts))
    sent = peer.sendmsg(parts)
    if sent < total:
        peer.sendall(memoryview(b"".join(parts))[sent:])


def _receive_pdu(peer: socket.socket) -> tuple[int, bytes]:
    pdu_type, length = HEADER.unpack(_receive(peer, HEADER.size))
    if length > _LONGEST_ANSWER:
        raise NoAssociation(f"it announced a PDU of {length} bytes")
    return pdu_type, _receive(peer, length)


def _receive(peer: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        try:
            more = peer.recv(count - len(data))
        except OSError as error:
            raise NoAssociation(_why(error)) from error
        if not more:
            raise NoAssociation("it closed the connection")
        data += more
    return bytes(data)


def _why(error: OSError) -> str:
    return (
        "it did not answer in time" if isinstance(error, TimeoutError) else f"the connection was lost: {error.strerror}"
    )
