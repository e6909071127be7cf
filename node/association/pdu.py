"""Protocol data units as bytes: how they begin, what a P-DATA-TF holds, and those that we send (PS3.8 9.3)."""

import struct
from enum import IntEnum
from typing import NamedTuple

from node.association.errors import AbortedByProvider

HEADER = struct.Struct(">BxI")
_PDV_HEADER = struct.Struct(">IBB")
_LENGTH_FIELD = 4
_COMMAND, _LAST = 1, 2  # PS3.8 E.2


class PduType(IntEnum):
    """The first byte of a PDU."""

    A_ASSOCIATE_RQ = 1
    A_ASSOCIATE_AC = 2
    A_ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    A_RELEASE_RQ = 5
    A_RELEASE_RP = 6
    A_ABORT = 7


PDU_TYPES = frozenset(PduType)
A_RELEASE_RP = bytes((PduType.A_RELEASE_RP, 0, 0, 0, 0, 4, 0, 0, 0, 0))


class Pdv(NamedTuple):
    """A presentation data value: one fragment of a command set or a data set.

    A named tuple, as one is made for every fragment that comes.
    """

    context_id: int
    is_command: bool
    is_last: bool
    fragment: memoryview


def pdvs(body: memoryview) -> list[Pdv]:
    """Return what a P-DATA-TF holds, without a copy.

    Raises
    ------
    AbortedByProvider
        When the lengths do not add up, or a value has no message control header.
    """
    values = []
    start, end = 0, len(body)
    while start < end:
        if end - start < _PDV_HEADER.size:
            raise AbortedByProvider("a presentation data value is cut off")
        length, context_id, control = _PDV_HEADER.unpack_from(body, start)
        after = start + _LENGTH_FIELD + length
        if length < 2 or after > end:
            raise AbortedByProvider(f"a presentation data value claims {length} bytes")
        fragment = body[start + _PDV_HEADER.size : after]
        values.append(Pdv(context_id, bool(control & _COMMAND), bool(control & _LAST), fragment))
        start = after
    return values


def p_data(context_id: int, command_set: bytes) -> bytes:
    """Return a P-DATA-TF that holds one command set in one piece."""
    length = len(command_set) + 2
    head = HEADER.pack(PduType.P_DATA_TF, length + _LENGTH_FIELD)
    return head + _PDV_HEADER.pack(length, context_id, _COMMAND | _LAST) + command_set


def a_abort(source: int) -> bytes:
    """Return an A-ABORT for no particular reason, as table 9-10 has us send it for every one."""
    return HEADER.pack(PduType.A_ABORT, 4) + bytes((0, 0, source, 0))


def a_associate_rj(result: int, source: int, reason: int) -> bytes:
    """Return an A-ASSOCIATE-RJ; the numbers are those of PS3.8 9.3.4."""
    return HEADER.pack(PduType.A_ASSOCIATE_RJ, 4) + bytes((0, result, source, reason))
