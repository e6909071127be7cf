"""A DICOM file as elements that may be wrong in every way: parsed from a good file, written with all its faults.

pydicom writes what can be read again; the faults that matter here are those it would mend or refuse to write.
"""

import struct
import zlib
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = 0x7FE00010
TRANSFER_SYNTAX = 0x00020010
_LONG_VRS = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_WIDTHS = {
    **dict.fromkeys((b"US", b"SS", b"OW", b"AT"), 2),
    **dict.fromkeys((b"UL", b"SL", b"FL", b"OF", b"OL"), 4),
    **dict.fromkeys((b"FD", b"OD", b"UV", b"SV", b"OV"), 8),
}
"""Bytes that change places in big endian."""


@dataclass(slots=True)
class Element:
    """One element; of ``value``, ``items`` and ``fragments`` one is there."""

    tag: int
    vr: bytes
    value: bytes = b""
    items: "list[list[Element]] | None" = None
    fragments: list[bytes] | None = None
    announced: int | None = None
    """The length that is written, where it is not that of the value."""

    def copy(self) -> "Element":
        """Return an element whose changes leave this one as it is."""
        items = None if self.items is None else [copied(item) for item in self.items]
        return replace(self, items=items, fragments=None if self.fragments is None else list(self.fragments))


@dataclass(slots=True)
class Image:
    """One file."""

    meta: list[Element]
    elements: list[Element]
    preamble: bytes = bytes(128) + b"DICM"
    bomb: int = 0
    """MiB of zeros behind a deflated data set, which take 1 KiB each."""

    def copy(self) -> "Image":
        """Return an image whose changes leave this one as it is."""
        return Image(copied(self.meta), copied(self.elements), self.preamble, self.bomb)

    @property
    def syntax(self) -> str:
        """The transfer syntax that the file says it is in."""
        found = next((element.value for element in self.meta if element.tag == TRANSFER_SYNTAX), b"")
        return found.decode("latin-1").strip("\0 ")


def copied(elements: list[Element]) -> list[Element]:
    """Return the elements of a data set, copied."""
    return [element.copy() for element in elements]


def find(elements: list[Element], keyword: str) -> Element | None:
    """Return the first element with a keyword at the top of a data set."""
    tag = tag_for_keyword(keyword)
    return next((element for element in elements if element.tag == tag), None)


def parse(part10: bytes) -> Image:
    """Parse a well-formed file of any transfer syntax."""
    dataset = pydicom.dcmread(BytesIO(part10))
    written = BytesIO()
    if not dataset.file_meta.TransferSyntaxUID.is_compressed or (
        dataset.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    ):
        if not dataset.is_little_endian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, ">u2").astype("<u2").tobytes()
        pydicom.dcmwrite(written, dataset, implicit_vr=False, little_endian=True, force_encoding=True)
    else:
        written.write(part10)
    content = written.getvalue()
    meta_end = 144 + struct.unpack_from("<I", content, 140)[0]
    reader = _Reader(content, 132)
    meta = reader.elements(meta_end)
    return Image(meta, reader.elements(len(content)))


class _Reader:
    """Explicit VR little endian, which the writer of these bytes got right."""

    def __init__(self, content: bytes, at: int) -> None:
        self.content, self.at = content, at

    def elements(self, end: int) -> list[Element]:
        """Read elements up to a place or up to the delimiter of their item."""
        found = []
        while self.at < end:
            tag = self._tag()
            if tag == 0xFFFEE00D:
                self._take(4)
                break
            vr = self._take(2)
            length = self._number(2) if vr not in _LONG_VRS else self._number(4 + 0 * len(self._take(2)))
            if vr == b"SQ":
                found.append(Element(tag, vr, items=self._items(length)))
            elif length == UNDEFINED:
                found.append(Element(tag, vr, fragments=self._fragments()))
            else:
                found.append(Element(tag, vr, self._take(length)))
        return found

    def _items(self, length: int) -> list[list[Element]]:
        end = len(self.content) if length == UNDEFINED else self.at + length
        items = []
        while self.at < end and self._tag() == 0xFFFEE000:
            size = self._number(4)
            items.append(self.elements(len(self.content) if size == UNDEFINED else self.at + size))
        if length == UNDEFINED:
            self._take(4)
        return items

    def _fragments(self) -> list[bytes]:
        fragments = []
        while self._tag() == 0xFFFEE000:
            fragments.append(self._take(self._number(4)))
        self._take(4)
        return fragments

    def _tag(self) -> int:
        return self._number(2) << 16 | self._number(2)

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width), "little")

    def _take(self, count: int) -> bytes:
        self.at += count
        return self.content[self.at - count : self.at]


def encode(image: Image) -> bytes:
    """Write a file with all its faults."""
    meta = b"".join(_encoded(element, "<", True) for element in image.meta if element.tag != 0x00020000)
    group_length = next((element.copy() for element in image.meta if element.tag == 0x00020000), None)
    if group_length is not None:
        if group_length.announced is None and len(group_length.value) == 4:
            group_length.value = struct.pack("<I", len(meta))
        meta = _encoded(group_length, "<", True) + meta
    syntax = image.syntax
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    body = b"".join(_encoded(element, order, syntax != ImplicitVRLittleEndian) for element in image.elements)
    if syntax == DeflatedExplicitVRLittleEndian:
        body = _deflated(body, image.bomb)
    return image.preamble + meta + body


def _deflated(body: bytes, bomb: int) -> bytes:
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    start = packer.compress(body) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) if bomb else b""
    return start + zeros * bomb + packer.flush()


def _encoded(element: Element, order: str, explicit: bool) -> bytes:
    if element.items is not None:
        inner = b"".join(
            _item(b"".join(_encoded(one, order, explicit) for one in item), order) for item in element.items
        )
        length = len(inner)
    elif element.fragments is not None:
        delimiter = struct.pack(f"{order}HHI", 0xFFFE, 0xE0DD, 0)
        inner, length = b"".join(_item(fragment, order) for fragment in element.fragments) + delimiter, UNDEFINED
    else:
        inner = _swapped(element.value, element.vr) if order == ">" else element.value
        length = len(inner)
    length = length if element.announced is None else element.announced
    return _head(element, length, order, explicit) + inner


def _head(element: Element, length: int, order: str, explicit: bool) -> bytes:
    tag = struct.pack(f"{order}HH", element.tag >> 16, element.tag & 0xFFFF)
    if not explicit:
        return tag + struct.pack(f"{order}I", length)
    if element.vr in _LONG_VRS:
        return tag + element.vr + bytes(2) + struct.pack(f"{order}I", length)
    return tag + element.vr + struct.pack(f"{order}H", length & 0xFFFF)


def _item(content: bytes, order: str) -> bytes:
    return struct.pack(f"{order}HHI", 0xFFFE, 0xE000, len(content)) + content


def _swapped(value: bytes, vr: bytes) -> bytes:
    width = _WIDTHS.get(vr, 1)
    if width == 1 or len(value) % width:
        return value
    return np.frombuffer(value, f"<u{width}").byteswap().tobytes()


def in_syntax(image: Image, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> Image:
    """Return a copy that says it is in another transfer syntax; `encode` writes a native one as it says."""
    other = image.copy()
    for element in other.meta:
        if element.tag == TRANSFER_SYNTAX:
            value = transfer_syntax_uid.encode("latin-1")
            element.value = value + bytes(len(value) % 2)
    return other
