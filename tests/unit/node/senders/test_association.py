"""An association that we request, with peers that keep the rules and peers that do not."""

import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from threading import Thread

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import MaximumLengthNotification

from node.senders.association import RequestedAssociation, Stored
from node.senders.negotiation import NoAssociation

CONTEXT = (str(MRImageStorage), str(ExplicitVRLittleEndian))
INSTANCE = "1.2.3.4"
Talk = Callable[[socket.socket], None]


@contextmanager
def peer(talk: Talk) -> Iterator[int]:
    """Run a peer that says what ``talk`` says to the first who connects; return its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                talk(connection)

        thread = Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def receive_pdu(connection: socket.socket) -> bytes:
    header = connection.recv(6, socket.MSG_WAITALL)
    return header + connection.recv(struct.unpack(">BxI", header)[1], socket.MSG_WAITALL)


def accept(connection: socket.socket, longest: int = 16384) -> None:
    """Read an A-ASSOCIATE-RQ and accept the first context of it."""
    request = A_ASSOCIATE_RQ()
    request.decode(receive_pdu(connection))
    answer = request.to_primitive()
    contexts = answer.presentation_context_definition_list
    for context in contexts:
        context.result = 0
    answer.presentation_context_definition_results_list = contexts[:1]
    answer.presentation_context_definition_list = []
    answer.result = 0
    for item in answer.user_information:
        if isinstance(item, MaximumLengthNotification):
            item.maximum_length_received = longest
    connection.sendall(A_ASSOCIATE_AC(answer).encode())


def response(status: int, message_id: int = 1, comment: bytes = b"") -> bytes:
    """Return the P-DATA-TF of a C-STORE-RSP."""
    elements = [(0x0100, b"\x01\x80"), (0x0120, struct.pack("<H", message_id)), (0x0800, b"\x01\x01")]
    elements += [(0x0900, struct.pack("<H", status))] + ([(0x0902, comment)] if comment else [])
    body = b"".join(struct.pack("<HHI", 0, number, len(value)) + value for number, value in elements)
    command = struct.pack("<HHII", 0, 0, 4, len(body)) + body
    return struct.pack(">BxIIBB", 4, len(command) + 6, len(command) + 2, 1, 3) + command


def receive_message(connection: socket.socket) -> tuple[bytes, bytes, list[int]]:
    """Return a command set, a data set, and the lengths of the PDUs after their headers."""
    parts, lengths = {1: b"", 0: b""}, []
    while True:
        pdu = receive_pdu(connection)
        assert pdu[0] == 4
        lengths.append(len(pdu) - 6)
        length, _, control = struct.unpack_from(">IBB", pdu, 6)
        assert length == len(pdu) - 10
        parts[control & 1] += pdu[12:]
        if control == 2:
            return parts[1], parts[0], lengths


def request(port: int, timeout: float = 5.0) -> RequestedAssociation:
    return RequestedAssociation.request(("127.0.0.1", port), ("GLIA", "PACS"), [CONTEXT], timeout)


def store(association: RequestedAssociation, data: bytes = b"0123") -> Stored:
    return association.store(CONTEXT[0], INSTANCE, CONTEXT[1], BytesIO(data))


def test_a_library_s_storage_scp_gets_what_was_sent_and_its_answer_comes_back() -> None:
    received = []

    def on_store(event: evt.Event) -> int:
        received.append((event.request.AffectedSOPInstanceUID, event.request.DataSet.getvalue()))
        return 0xB000 if len(received) == 2 else 0x0000

    ae = AE("PACS")
    ae.add_supported_context(MRImageStorage, ExplicitVRLittleEndian)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    try:
        association = request(server.server_address[1])
        answers = [store(association, data) for data in (b"ab" * 300_000, b"cd")]
        association.release()
    finally:
        ae.shutdown()

    assert answers == [Stored(0x0000), Stored(0xB000)]
    assert received == [(INSTANCE, b"ab" * 300_000), (INSTANCE, b"cd")]


@pytest.mark.parametrize("longest", [16, 1000, 16384, 0, 2**32 - 1])
@pytest.mark.parametrize("size", [0, 2, 994, 1988, 254_464, 254_466, 400_000])
def test_no_pdu_is_longer_than_the_peer_allows_and_only_the_last_fragment_is_the_last(longest: int, size: int) -> None:
    seen = []

    def talk(connection: socket.socket) -> None:
        accept(connection, longest)
        seen.append(receive_message(connection))
        connection.sendall(response(0))

    data = bytes(index % 251 for index in range(min(size, 4000) if longest == 16 else size))
    with peer(talk) as port:
        association = request(port)
        answer = store(association, data)
        association.abort()

    (command, data_set, lengths) = seen[0]
    assert answer == Stored(0x0000)
    assert data_set == data
    assert command.endswith(INSTANCE.encode() + b"\0")
    assert max(lengths[1:]) <= min(longest or 131072, 131072)


def test_a_status_and_its_comment_come_back_also_in_fragments_of_one_byte() -> None:
    def talk(connection: socket.socket) -> None:
        accept(connection)
        receive_message(connection)
        command = response(0xA700, comment=b"no space")[12:]
        for index in range(len(command)):
            last = 3 if index == len(command) - 1 else 1
            connection.sendall(struct.pack(">BxIIBB", 4, 7, 3, 1, last) + command[index : index + 1])

    with peer(talk) as port:
        association = request(port)
        assert store(association) == Stored(0xA700, "no space")
        association.abort()


def test_what_the_peer_takes_is_known_by_class_and_transfer_syntax() -> None:
    with peer(accept) as port:
        others = [CONTEXT, (CONTEXT[0], str(ImplicitVRLittleEndian))]
        association = RequestedAssociation.request(("127.0.0.1", port), ("GLIA", "PACS"), others, 5.0)

        assert association.accepted == {CONTEXT: 1}
        with pytest.raises(KeyError):
            association.store(CONTEXT[0], INSTANCE, str(ImplicitVRLittleEndian), BytesIO(b""))
        association.abort()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\x03\0\0\0\0\4\0\1\1\7", "it rejected the association: Called AE title not recognised"),
        (b"\x03\0\0\0\0\4\0\2\3\2", "it rejected the association: Local limit exceeded"),
        (b"\x07\0\0\0\0\4\0\0\2\1", "it aborted the association: Unrecognised PDU"),
        (b"\x07\0\0\0\0\4\0\0\0\0", "it aborted the association"),
        (b"\x02\0\0\0\0\4\0\0\0\0", "does not say how long a PDU may be"),
        (b"\x02\0\xff\xff\xff\xff", "it announced a PDU of 4294967295 bytes"),
        (b"HTTP/1.1 400 Bad", "it announced a PDU of"),
        (b"\x05\0\0\0\0\4\0\0\0\0", "it released the association"),
        (b"\x04\0\0\0\0\4\0\0\0\0", "it sent a PDU of type 4"),
        (b"\x02\0", "it closed the connection"),
    ],
)
def test_a_peer_that_does_not_accept_is_quoted(answer: bytes, reason: str) -> None:
    def talk(connection: socket.socket) -> None:
        receive_pdu(connection)
        connection.sendall(answer)

    with peer(talk) as port, pytest.raises(NoAssociation, match=reason):
        request(port)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\x07\0\0\0\0\4\0\0\2\6", "it aborted the association: Invalid PDU parameter value"),
        (b"\x05\0\0\0\0\4\0\0\0\0", "it released the association"),
        (b"", "it closed the connection"),
        (response(0, message_id=7), "no response to our request"),
        (b"\x04\0\0\0\0\x06\0\0\0\2\1\3", "no response to our request"),
        (b"\x04\0\0\0\0\x0a\0\0\0\6\1\2abcd", "no C-STORE response"),
    ],
)
def test_a_peer_that_breaks_off_is_quoted_and_the_association_is_over(answer: bytes, reason: str) -> None:
    def talk(connection: socket.socket) -> None:
        accept(connection)
        receive_message(connection)
        connection.sendall(answer)

    with peer(talk) as port:
        association = request(port)
        with pytest.raises(NoAssociation, match=reason):
            store(association)
        association.abort()


def test_a_peer_that_says_nothing_is_given_up() -> None:
    def talk(connection: socket.socket) -> None:
        accept(connection)
        while connection.recv(65536):
            pass

    with peer(talk) as port:
        association = request(port, timeout=0.2)
        with pytest.raises(NoAssociation, match="it did not answer in time"):
            store(association)
        association.abort()


def test_a_release_waits_for_its_answer_but_not_for_ever() -> None:
    seen = []

    def talk(connection: socket.socket) -> None:
        accept(connection)
        seen.append(receive_pdu(connection)[0])
        connection.sendall(b"\x06\0\0\0\0\4\0\0\0\0")
        seen.append(connection.recv(1))

    def silent(connection: socket.socket) -> None:
        accept(connection)
        while connection.recv(65536):
            pass

    with peer(talk) as port:
        request(port).release()
    with peer(silent) as port, ThreadPoolExecutor(1) as pool:
        pool.submit(request(port, timeout=0.2).release).result(timeout=10)

    assert seen == [5, b""]
