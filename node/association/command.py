"""Command sets: what a request asks for, and the responses we give (PS3.7 6.3.1, 9.3.1, 9.3.5, E)."""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pydicom.errors import BytesLengthException
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL, C_ECHO, C_STORE
from pynetdicom.pdu_primitives import P_DATA

from node.association.errors import AbortedByProvider

_ELEMENT = struct.Struct("<HHI")
_SHORT = struct.Struct("<H")
_LONG = struct.Struct("<I")
_C_STORE_RQ, _C_STORE_RSP, _C_ECHO_RSP = 0x0001, 0x8001, 0x8030
_NO_DATA_SET = 0x0101
_ERROR_COMMENT_LENGTH = 64  # (0000,0902) is a LO: PS3.5 6.2
_UID = re.compile(rb"([0-9.]{1,64})\0?")
# The elements of a C-STORE-RQ by number; those of a US have two bytes.
_SHORTS = frozenset({0x0100, 0x0110, 0x0700, 0x0800, 0x1031})
_OTHERS = frozenset({0x0000, 0x0002, 0x1000, 0x1030})
_NEEDED = frozenset({0x0002, 0x0100, 0x0110, 0x0700, 0x0800, 0x1000})
# Whatever a hostile command set makes the library's decoder raise.
_CANNOT_BE_READ = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


class Kind(Enum):
    """What a message is, as far as we care."""

    STORE = auto()
    ECHO = auto()
    CANCEL = auto()
    OTHER = auto()
    """A request for a service that we do not give."""
    INCOMPLETE = auto()
    """No request, or one that lacks what it must have: nothing to answer."""
    INVALID = auto()
    """One whose values are outside what they may be."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command set, as plain values."""

    kind: Kind
    data_set_follows: bool
    message_id: int = 0
    affected_sop_class_uid: str = ""
    affected_sop_instance_uid: str = ""
    priority: int = 0


def decode(encoded: bytes) -> Command:
    """Read a command set.

    A C-STORE request in plain order is read here; everything else is left to pynetdicom, to be read as it reads.

    Raises
    ------
    AbortedByProvider
        When nobody can tell what it is.
    """
    return _plain_store_request(encoded) or _read_by_library(encoded)


def store_response(request: Command, status: int, reason: str) -> bytes:
    """Return the response to a C-STORE as a command set."""
    elements = {0x0002: _uid(request.affected_sop_class_uid), 0x0100: _SHORT.pack(_C_STORE_RSP)}
    elements |= {0x0120: _SHORT.pack(request.message_id), 0x0800: _SHORT.pack(_NO_DATA_SET)}
    elements[0x0900] = _SHORT.pack(status)
    if comment := error_comment(reason).encode("ascii"):
        elements[0x0902] = comment + b" " * (len(comment) % 2)
    elements[0x1000] = _uid(request.affected_sop_instance_uid)
    return _encode(elements)


def echo_response(request: Command) -> bytes:
    """Return the response to a C-ECHO as a command set."""
    elements = {0x0002: _uid(request.affected_sop_class_uid), 0x0100: _SHORT.pack(_C_ECHO_RSP)}
    elements |= {0x0120: _SHORT.pack(request.message_id), 0x0800: _SHORT.pack(_NO_DATA_SET)}
    elements[0x0900] = _SHORT.pack(0x0000)
    return _encode(elements)


def error_comment(reason: str) -> str:
    """Return a reason as an Error Comment (PS3.7 C)."""
    return reason.encode("ascii", "replace").decode().replace("\\", "/")[:_ERROR_COMMENT_LENGTH]


def _plain_store_request(encoded: bytes) -> Command | None:
    elements = _plain_elements(encoded)
    if elements is None or not elements.keys() >= _NEEDED or elements[0x0100] != _SHORT.pack(_C_STORE_RQ):
        return None
    sop_class, sop_instance = _UID.fullmatch(elements[0x0002]), _UID.fullmatch(elements[0x1000])
    priority = _SHORT.unpack(elements[0x0700])[0]
    if not (sop_class and sop_instance and priority <= 2):
        return None
    return Command(
        Kind.STORE,
        _SHORT.unpack(elements[0x0800])[0] != _NO_DATA_SET,
        _SHORT.unpack(elements[0x0110])[0],
        sop_class[1].decode(),
        sop_instance[1].decode(),
        priority,
    )


def _plain_elements(encoded: bytes) -> dict[int, bytes] | None:
    """Return the values by element number, if they are those of a C-STORE-RQ in ascending order and nothing else."""
    elements: dict[int, bytes] = {}
    start, last = 0, -1
    while start < len(encoded):
        if len(encoded) - start < _ELEMENT.size:
            return None
        group, number, length = _ELEMENT.unpack_from(encoded, start)
        start += _ELEMENT.size
        fits = length == 2 if number in _SHORTS else number in _OTHERS
        if group or number <= last or not fits or start + length > len(encoded):
            return None
        elements[number] = encoded[start : start + length]
        start, last = start + length, number
    return elements


def _read_by_library(encoded: bytes) -> Command:
    message, value = DIMSEMessage(), P_DATA()
    value.presentation_data_value_list.append((1, b"\x03" + encoded))
    try:
        message.decode_msg(value)
        data_set_follows = message.command_set.CommandDataSetType != _NO_DATA_SET
    except _CANNOT_BE_READ as error:
        raise AbortedByProvider(f"a command set that cannot be read: {type(error).__name__}") from error
    try:
        primitive = message.message_to_primitive()
    except _CANNOT_BE_READ:
        return Command(Kind.INVALID, data_set_follows)
    if isinstance(primitive, C_CANCEL):
        return Command(Kind.CANCEL, data_set_follows)
    if not primitive.is_valid_request:
        return Command(Kind.INCOMPLETE, data_set_follows)
    if not isinstance(primitive, C_STORE | C_ECHO):
        return Command(Kind.OTHER, data_set_follows)
    return Command(
        Kind.STORE if isinstance(primitive, C_STORE) else Kind.ECHO,
        data_set_follows,
        primitive.MessageID or 0,
        str(primitive.AffectedSOPClassUID),
        str(primitive.AffectedSOPInstanceUID) if isinstance(primitive, C_STORE) else "",
        primitive.Priority if isinstance(primitive, C_STORE) else 0,
    )


def _uid(value: str) -> bytes:
    encoded = value.encode("latin-1", "replace")  # a UID that is none comes back as it came
    return encoded + b"\0" * (len(encoded) % 2)


def _encode(elements: Mapping[int, bytes]) -> bytes:
    """Return a command set, implicit VR little endian, its group length first; the elements are in order."""
    body = b"".join(_ELEMENT.pack(0, number, len(value)) + value for number, value in elements.items())
    return _ELEMENT.pack(0, 0, _LONG.size) + _LONG.pack(len(body)) + body
