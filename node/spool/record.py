"""One record of the log: a head, the instance as it was sent, the caller's header; checked from end to end."""

import struct
from dataclasses import dataclass
from hashlib import sha256

from node.errors import Permanent

BLOCK = 4096  # records begin at multiples of it: a write never shares a page with the record before
MAGIC = b"GLIASPL1"  # the last character is the version of the format
GENERATION_BYTES = 16
_FIELDS = struct.Struct("<8s16sQQQI32s32s")
_SEAL_BYTES = 12
HEAD_BYTES = _FIELDS.size + _SEAL_BYTES
MOST_HEADER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a record; it vouches for itself, and for payload and header with their SHA-256.

    Attributes
    ----------
    generation
        Of the segment at the time: 16 random bytes, which no sender knows and no earlier use of the file shares.
    sequence
        Counts the records of a segment.
    durable
        Everything in the segment below this offset was on stable storage when the record was written.
    payload_size, header_size
        In bytes; the header follows the payload.
    """

    generation: bytes
    sequence: int
    durable: int
    payload_size: int
    header_size: int
    payload_sha256: bytes
    header_sha256: bytes

    def pack(self) -> bytes:
        """Return the head as it lies on the disk."""
        fields = _FIELDS.pack(
            MAGIC,
            self.generation,
            self.sequence,
            self.durable,
            self.payload_size,
            self.header_size,
            self.payload_sha256,
            self.header_sha256,
        )
        return fields + _seal(fields)

    @property
    def size(self) -> int:
        """Return the bytes of the whole record, up to the next block."""
        return record_size(self.payload_size, self.header_size)


def unpack(data: bytes, generation: bytes) -> Head | None:
    """Return the head that these bytes begin with, or None when there is none of this generation."""
    if not data.startswith(MAGIC + generation) or len(data) < HEAD_BYTES:
        return None
    fields = data[: _FIELDS.size]
    if data[_FIELDS.size : HEAD_BYTES] != _seal(fields):
        return None
    return Head(*_FIELDS.unpack(fields)[1:])


def may_precede_all(data: bytes) -> bool:
    """Say whether bytes at the beginning of a segment are what lies there before its first record is written.

    That is one byte over and over, as a new file is filled, or the head of an earlier generation. A sector is written
    as a whole or not at all, so anything else was once a head of this generation.
    """
    fields = data[: _FIELDS.size]
    return data == data[:1] * len(data) or (data.startswith(MAGIC) and data[_FIELDS.size : HEAD_BYTES] == _seal(fields))


def record_size(payload_size: int, header_size: int) -> int:
    """Return the bytes that a record takes in a segment, up to the next block."""
    return up_to_block(HEAD_BYTES + payload_size + header_size)


def up_to_block(size: int) -> int:
    """Round up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


def padding(payload_size: int, header_size: int) -> bytes:
    """Return what fills the last block of a record."""
    return bytes(record_size(payload_size, header_size) - HEAD_BYTES - payload_size - header_size)


def check_header(header: bytes) -> None:
    """Refuse a header that is too long to be one.

    Raises
    ------
    Permanent
        When it is longer than 1 MiB.
    """
    if len(header) > MOST_HEADER_BYTES:
        raise Permanent(f"a header of {len(header)} bytes, at most {MOST_HEADER_BYTES} are taken")


def _seal(fields: bytes) -> bytes:
    return sha256(fields).digest()[:_SEAL_BYTES]
