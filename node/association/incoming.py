"""The bytes of one association as they come in, in one buffer used again and again, cut into PDUs without a copy."""

from node.association.errors import AbortedByProvider
from node.association.pdu import HEADER, PDU_TYPES

# Some senders count the headers of PDU and PDV in, others do not.
_TOLERANCE = 64
_READ_AHEAD = 65536


class Incoming:
    """A buffer between a socket and the upper layer.

    Views given out stay valid until ``compact``.

    Parameters
    ----------
    maximum_length
        What we told the peer it may send in a P-DATA-TF, in bytes.
    """

    def __init__(self, maximum_length: int) -> None:
        self._longest = maximum_length + _TOLERANCE
        self._view = memoryview(bytearray(2 * (HEADER.size + self._longest) + _READ_AHEAD))
        self._begin = 0
        self._end = 0

    @property
    def room(self) -> memoryview:
        """Where the next bytes go."""
        return self._view[self._end :]

    @property
    def is_short_of_room(self) -> bool:
        """Whether it is time to compact."""
        return len(self._view) - self._end < _READ_AHEAD // 2

    def grow(self, count: int) -> None:
        """Note that so many bytes have come."""
        self._end += count

    def next(self) -> tuple[int, memoryview] | None:
        """Return type and body of the next whole PDU, if there is one.

        Raises
        ------
        AbortedByProvider
            When its type is none, or it is longer than was agreed.
        """
        if self._end - self._begin < HEADER.size:
            return None
        pdu_type, length = HEADER.unpack_from(self._view, self._begin)
        if pdu_type not in PDU_TYPES:
            raise AbortedByProvider(f"unknown PDU type 0x{pdu_type:02X}")
        if length > self._longest:
            raise AbortedByProvider(f"a PDU of {length} bytes is longer than was agreed")
        body = self._begin + HEADER.size
        if body + length > self._end:
            return None
        self._begin = body + length
        return pdu_type, self._view[body : body + length]

    def compact(self) -> None:
        """Make room: move what is not yet a whole PDU to the front. Views given out are void."""
        left = self._end - self._begin
        if left and self._begin:
            self._view[:left] = self._view[self._begin : self._end]
        self._begin, self._end = 0, left
