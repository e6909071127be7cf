"""Associations byte by byte: PDUs as a peer writes them, and a peer that reads what comes back."""

import contextlib
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time

AE_TITLE = "GLIA"
VERIFICATION = str(Verification)
MR = str(MRImageStorage)
MAXIMUM_LENGTH = 16384
COMMAND, LAST = 1, 2
DEFAULT_CONTEXTS = {
    1: (MR, ExplicitVRLittleEndian),
    3: (MR, ImplicitVRLittleEndian),
    5: (VERIFICATION, "1.2.840.10008.1.2"),
}


def pdu(pdu_type: int, body: bytes = bytes(4), length: int | None = None) -> bytes:
    """Return a PDU; its length may be a lie."""
    return struct.pack(">BxI", pdu_type, len(body) if length is None else length) + body


def pdv(context_id: int, control: int, value: bytes = b"", length: int | None = None) -> bytes:
    """Return a presentation data value; its length may be a lie."""
    return struct.pack(">IBB", len(value) + 2 if length is None else length, context_id, control) + value


def p_data(*values: bytes) -> bytes:
    """Return a P-DATA-TF of presentation data values."""
    return pdu(4, b"".join(values))


RELEASE_RQ = pdu(5)
A_ABORT = pdu(7)


def item(item_type: int, value: bytes) -> bytes:
    """Return an item or sub-item of a proposal."""
    return struct.pack(">BxH", item_type, len(value)) + value


def maximum_length(length: int) -> bytes:
    """Return the user information that limits what we send back."""
    return item(0x51, struct.pack(">I", length))


IMPLEMENTATION = item(0x52, b"1.2.3.4") + item(0x55, b"PEER_1")


def proposal(
    contexts: Mapping[int, Sequence[str]] = DEFAULT_CONTEXTS,
    called: str = AE_TITLE,
    calling: str = "SCANNER",
    user: bytes = maximum_length(MAXIMUM_LENGTH) + IMPLEMENTATION,
    version: int = 1,
    application_context: bytes = b"1.2.840.10008.3.1.1.1",
) -> bytes:
    """Return an A-ASSOCIATE-RQ; a context is its abstract syntax and its transfer syntaxes."""
    items = [item(0x10, application_context)]
    for context_id, (abstract_syntax, *syntaxes) in contexts.items():
        inner = [item(0x30, abstract_syntax.encode())] + [item(0x40, syntax.encode()) for syntax in syntaxes]
        items.append(item(0x20, bytes((context_id, 0, 0, 0)) + b"".join(inner)))
    items.append(item(0x50, user))
    head = struct.pack(">HH16s16s32x", version, 0, called.ljust(16).encode(), calling.ljust(16).encode())
    return pdu(1, head + b"".join(items))


def command_set(elements: Mapping[int, int | str | bytes], group_length: int | None = None) -> bytes:
    """Return a command set of elements by number, in the order given: numbers are US, words UI."""
    body = b""
    for number, value in elements.items():
        match value:
            case int():
                encoded = struct.pack("<H", value)
            case str():
                encoded = value.encode() + b"\0" * (len(value) % 2)
            case _:
                encoded = value
        body += struct.pack("<HHI", 0, number, len(encoded)) + encoded
    return struct.pack("<HHII", 0, 0, 4, len(body) if group_length is None else group_length) + body


def store_rq(instance: str = "1.2.3", message_id: int = 7, **changes: Any) -> bytes:
    """Return the command set of a C-STORE-RQ; ``x0700=None`` leaves (0000,0700) out, another value replaces it."""
    return _changed({0x0002: MR, 0x0100: 1, 0x0110: message_id, 0x0700: 0, 0x0800: 0, 0x1000: instance}, changes)


def echo_rq(message_id: int = 9, **changes: Any) -> bytes:
    """Return the command set of a C-ECHO-RQ."""
    return _changed({0x0002: VERIFICATION, 0x0100: 0x30, 0x0110: message_id, 0x0800: 0x0101}, changes)


def _changed(elements: dict[int, Any], changes: Mapping[str, Any]) -> bytes:
    given = elements | {int(name.removeprefix("x"), 16): value for name, value in changes.items()}
    return command_set({number: value for number, value in sorted(given.items()) if value is not None})


def store(data_set: bytes, instance: str = "1.2.3", context_id: int = 1, size: int = MAXIMUM_LENGTH - 6) -> list[bytes]:
    """Return a C-STORE as a well-behaved sender writes it: a PDU for the command, PDUs for the data set."""
    pieces = [data_set[start : start + size] for start in range(0, len(data_set), size)] or [b""]
    data = [p_data(pdv(context_id, 0, piece)) for piece in pieces[:-1]] + [p_data(pdv(context_id, LAST, pieces[-1]))]
    return [p_data(pdv(context_id, COMMAND | LAST, store_rq(instance))), *data]


def echo(context_id: int = 5) -> bytes:
    """Return a C-ECHO."""
    return p_data(pdv(context_id, COMMAND | LAST, echo_rq()))


class Peer:
    """One connection to an acceptor on a loopback port."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes, cuts: Sequence[int] = ()) -> None:
        """Send bytes, in several writes; a peer that has closed does not hear them."""
        with contextlib.suppress(ConnectionError):
            for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
                self._socket.sendall(data[start:end])

    def associate(self, asked: bytes = b"") -> "Peer":
        """Propose, and wait until it is accepted."""
        self.send(asked or proposal())
        answer = self.read()
        assert answer[:1] == b"\2", answer
        return self

    def read(self) -> bytes:
        """Return the next PDU, or nothing when the acceptor has closed."""
        head = self._exactly(6)
        return head + self._exactly(struct.unpack(">2xI", head)[0]) if head else b""

    def read_all(self) -> list[bytes]:
        """Return every PDU until the acceptor closes."""
        return list(iter(self.read, b""))

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def use_nagle(self) -> None:
        """Send small pieces only when what was sent before is acknowledged, as many senders do."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)

    def reset(self) -> None:
        """Break the connection off without a word."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                more = self._socket.recv(count - len(data))
            except ConnectionError:
                return b""
            if not more:
                return b""
            data += more
        return data


@contextmanager
def peer(port: int, timeout: float = 10.0) -> Iterator[Peer]:
    """Connect, and close at the end."""
    connected = Peer(port, timeout)
    try:
        yield connected
    finally:
        connected.close()
