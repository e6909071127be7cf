"""The elements of an encoded data set, stepped over from the first to the last; no value is decoded."""

import struct
import zlib
from collections.abc import Callable, Container
from dataclasses import dataclass
from mmap import mmap
from typing import TypeAlias

from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom_io.errors import TruncatedInstance

Octets: TypeAlias = bytes | mmap
"""An encoded data set in memory, or in a file as if it were."""

META_STARTS = 132
"""Where File Meta Information begins in a file, after the preamble and "DICM" (PS3.10 7.1)."""
MOST_ELEMENTS = 2**21
"""A hundred a frame for twenty thousand frames; the limit keeps megabytes of nothing from holding up the node."""

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_ENDS, _SEQUENCE_ENDS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SHORT_VRS = frozenset(  # PS3.5 7.1.2: these have a length of 16 bit, all others one of 32 bit
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
)


_SHORT_HEADS = {order: struct.Struct(f"{order}HH2sH").unpack_from for order in "<>"}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the elements of a data set are written."""

    explicit: bool = True
    order: str = "<"

    @classmethod
    def of(cls, transfer_syntax_uid: str) -> "Encoding":
        """Return how a transfer syntax writes them; a deflated data set once it is inflated."""
        order = ">" if transfer_syntax_uid == ExplicitVRBigEndian else "<"
        return cls(transfer_syntax_uid != ImplicitVRLittleEndian, order)

    @property
    def short_head(self) -> Callable[[Octets, int], tuple[int, int, bytes, int]] | None:
        """What reads group, element, VR and short length of an element; None where elements name no VR."""
        return _SHORT_HEADS[self.order] if self.explicit else None


@dataclass(frozen=True, slots=True)
class Value:
    """Where the value of an element lies; length is None where it ends with a delimiter."""

    start: int
    length: int | None


class Walk:
    """One way over a data set, in which each element is stepped over once, those in items of undefined length too."""

    def __init__(self, data: Octets, encoding: Encoding, most_elements: int = MOST_ELEMENTS) -> None:
        self._data = data
        self._encoding = encoding
        self._most = self._left = most_elements

    def over(self, at: int, wanted: Container[int] = (), group: int | None = None) -> tuple[dict[int, Value], int]:
        """Step from ``at`` to the end of the data, or of the group; return the elements wanted and the end.

        Raises
        ------
        TruncatedInstance
            When the data do not end where their elements end, or hold more elements than any instance has.
        """
        elements, tag = {}, 0
        data, end, unpack_head, left = self._data, len(self._data), self._encoding.short_head, self._left
        while at < end:
            # Nearly all elements of nearly all instances have a short value of explicit VR: no call is made for them.
            if unpack_head and at + 8 <= end:
                number, element, vr, short_length = unpack_head(data, at)
                if left > 0 and vr in _SHORT_VRS and number != 0xFFFE and (group is None or number == group):
                    left -= 1
                    tag = number << 16 | element
                    if tag in wanted:
                        elements[tag] = Value(at + 8, short_length)
                    at += 8 + short_length
                    continue
            self._left = left
            tag, start, length, inner = self._element(at, self._encoding)
            if group is not None and tag >> 16 != group:
                break
            if tag in wanted:
                elements[tag] = Value(start, length)
            at = self._after_items(start, inner) if length is None else start + length
            left = self._left
        self._left = left
        if at > end:
            raise TruncatedInstance(f"element {_name(tag)} ends {at - end} bytes beyond the data set")
        return elements, at

    def _element(self, at: int, encoding: Encoding) -> tuple[int, int, int | None, Encoding]:
        """Read an element's tag, where its value starts, its length (None: undefined) and how its items are written."""
        data, self._left = self._data, self._left - 1
        if self._left < 0:
            raise TruncatedInstance(f"the data set has more than {self._most} elements")
        try:
            group, element = struct.unpack_from(f"{encoding.order}HH", data, at)
            vr = data[at + 4 : at + 6] if encoding.explicit and group != 0xFFFE else b""
            if not (
                vr.isalpha() and vr.isupper()
            ):  # also implicit elements that some devices write into explicit items
                start, (length,) = at + 8, struct.unpack_from(f"{encoding.order}I", data, at + 4)
            elif vr in _SHORT_VRS:
                start, (length,) = at + 8, struct.unpack_from(f"{encoding.order}H", data, at + 6)
            else:
                start, (length,) = at + 12, struct.unpack_from(f"{encoding.order}I", data, at + 8)
        except struct.error as error:
            raise TruncatedInstance(f"the data set ends within the head of an element at byte {at}") from error
        inner = Encoding(explicit=False) if vr == b"UN" else encoding  # PS3.5 6.2.2
        return group << 16 | element, start, None if length == _UNDEFINED else length, inner

    def _after_items(self, at: int, encoding: Encoding) -> int:
        """Return where a value of undefined length ends: a sequence, or encapsulated Pixel Data."""
        open_values = [(True, encoding)]  # from the outside in: (a sequence, not an item; how it is written)
        while open_values:
            in_sequence, written = open_values[-1]
            tag, start, length, inner = self._element(at, written)
            at = start
            if tag == (_SEQUENCE_ENDS if in_sequence else _ITEM_ENDS):
                open_values.pop()
            elif in_sequence and tag != _ITEM:
                raise TruncatedInstance(f"element {_name(tag)} at byte {at} stands where an item should")
            elif length is None:
                open_values.append((not in_sequence, inner))
            else:
                at += length
        return at


def inflate(deflated: bytes, limit: int) -> bytes:
    """Undo the Deflated transfer syntax (PS3.5 A.5); TruncatedInstance beyond ``limit`` bytes or without an end."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(deflated, limit)
    except zlib.error as error:
        raise TruncatedInstance(f"the deflated data set cannot be inflated: {error}") from error
    if not stream.eof:
        raise TruncatedInstance(f"the deflated data set does not end, or is larger than {limit} bytes")
    return data


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
