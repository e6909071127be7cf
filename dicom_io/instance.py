"""What an instance says it is, and whether all of it is there: asked before it may be acknowledged.

The encoded data set is walked once from its first to its last element; no value is decoded that is not needed.
"""

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from pydicom import charset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom_io.errors import InvalidUid, MismatchedInstance, TruncatedInstance

_META_STARTS = 132
_MAX_INFLATED = 2**30
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_ENDS, _SEQUENCE_ENDS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SHORT_VRS = frozenset(  # PS3.5 7.1.2: these have a length of 16 bit, all others one of 32 bit
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
)
_PIXELS = (0x7FE00010, 0x7FE00008, 0x7FE00009)
_ROWS, _COLUMNS, _BITS, _SAMPLES = 0x00280010, 0x00280011, 0x00280100, 0x00280002
_FRAMES, _PHOTOMETRIC = 0x00280008, 0x00280004
_CHARACTER_SET, _MODALITY, _SERIES_DESCRIPTION = 0x00080005, 0x00080060, 0x0008103E
_UIDS = {
    0x00020002: "Media Storage SOP Class UID",
    0x00020003: "Media Storage SOP Instance UID",
    0x00020010: "Transfer Syntax UID",
    0x00080016: "SOP Class UID",
    0x00080018: "SOP Instance UID",
    0x0020000D: "Study Instance UID",
    0x0020000E: "Series Instance UID",
}
_WANTED = frozenset(
    (
        *(*_UIDS, *_PIXELS, _ROWS, _COLUMNS, _BITS, _SAMPLES, _FRAMES, _PHOTOMETRIC),
        *(_CHARACTER_SET, _MODALITY, _SERIES_DESCRIPTION),
    )
)
_UID_FORM = re.compile(r"[0-9]+(\.[0-9]+)+")  # PS3.5 9.1


@dataclass(frozen=True, slots=True)
class InstanceIdentity:
    """Who an instance is, as plain strings; modality and description are empty where it does not say."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    transfer_syntax_uid: str
    series_description: str


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How the elements of a data set are written."""

    explicit: bool = True
    order: str = "<"


@dataclass(frozen=True, slots=True)
class _Value:
    """Where the value of an element lies; length is None where it ends with a delimiter."""

    start: int
    length: int | None


def identify(part10: bytes) -> InstanceIdentity:
    """Read who an instance is and check that its data set is complete.

    Parameters
    ----------
    part10
        The whole instance in the DICOM File Format (PS3.10).

    Raises
    ------
    InvalidUid
        When a UID is missing or is none.
    MismatchedInstance
        When File Meta Information and data set name different instances or SOP classes.
    TruncatedInstance
        When the data set does not end where its elements end, or lacks the pixels that it announces. A cut between
        two elements is not visible in the encoding; images are safe from it by their Pixel Data, which come last.
    """
    if part10[128:_META_STARTS] != b"DICM":
        raise TruncatedInstance(f"no File Meta Information in {len(part10)} bytes")
    meta, end_of_meta = _walk(part10, _META_STARTS, _Encoding(), group=0x0002)
    announced = {tag: _uid(part10, meta, tag) for tag in (0x00020002, 0x00020003, 0x00020010)}
    transfer_syntax = announced[0x00020010]
    data, start = part10, end_of_meta
    if transfer_syntax == DeflatedExplicitVRLittleEndian:
        data, start = _inflate(part10[end_of_meta:]), 0
    encoding = _Encoding(
        explicit=transfer_syntax != ImplicitVRLittleEndian, order=">" if transfer_syntax == ExplicitVRBigEndian else "<"
    )
    elements, _ = _walk(data, start, encoding)
    identity = _identity(data, elements, transfer_syntax)
    _check_announced(announced, identity)
    _check_pixels(data, elements, encoding, identity.sop_class_uid)
    return identity


def _identity(data: bytes, elements: Mapping[int, _Value], transfer_syntax: str) -> InstanceIdentity:
    return InstanceIdentity(
        sop_class_uid=_uid(data, elements, 0x00080016),
        sop_instance_uid=_uid(data, elements, 0x00080018),
        study_instance_uid=_uid(data, elements, 0x0020000D),
        series_instance_uid=_uid(data, elements, 0x0020000E),
        modality=_text(data, elements, _MODALITY),
        transfer_syntax_uid=transfer_syntax,
        series_description=_description(data, elements),
    )


def _description(data: bytes, elements: Mapping[int, _Value]) -> str:
    """Decode Series Description; a character set that there is not costs its letters, not the instance."""
    encoded = _bytes(data, elements, _SERIES_DESCRIPTION)
    try:
        encodings = charset.convert_encodings(_text(data, elements, _CHARACTER_SET).split("\\"))
        return charset.decode_bytes(encoded, encodings, set()).strip(" \0")
    except (LookupError, ValueError):
        return encoded.decode("ascii", "replace").strip(" \0")


def _check_announced(announced: Mapping[int, str], identity: InstanceIdentity) -> None:
    pairs = ((0x00020002, identity.sop_class_uid), (0x00020003, identity.sop_instance_uid))
    for tag, found in pairs:
        if announced[tag] != found:
            raise MismatchedInstance(f"{_UIDS[tag]} is {announced[tag]}, but the data set says {found}")


def _check_pixels(data: bytes, elements: Mapping[int, _Value], encoding: _Encoding, sop_class: str) -> None:
    """Refuse an image without all its pixels: a cut before Pixel Data leaves a well-formed data set."""
    if "Image Storage" not in UID(sop_class).name and _ROWS not in elements:
        return
    numbers = {tag: _unsigned(data, elements, tag, encoding.order) for tag in (_ROWS, _COLUMNS, _BITS, _SAMPLES)}
    pixels = next((elements[tag] for tag in _PIXELS if tag in elements), None)
    if pixels is None or not all(numbers.values()):
        raise TruncatedInstance("an image without Rows, Columns, Bits Allocated, Samples per Pixel or Pixel Data")
    if pixels.length is None:  # encapsulated: walked to its delimiter
        return
    samples = 2 if _text(data, elements, _PHOTOMETRIC) == "YBR_FULL_422" else numbers[_SAMPLES]
    frames = _text(data, elements, _FRAMES)
    needed = (
        numbers[_ROWS] * numbers[_COLUMNS] * samples * int(frames if frames.isdecimal() else 1) * numbers[_BITS] + 7
    ) // 8
    if pixels.length < needed:
        raise TruncatedInstance(f"Pixel Data hold {pixels.length} bytes where the image needs {needed}")


def _inflate(deflated: bytes) -> bytes:
    """Undo the Deflated transfer syntax (PS3.5 A.5)."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(deflated, _MAX_INFLATED)
    except zlib.error as error:
        raise TruncatedInstance(f"the deflated data set cannot be inflated: {error}") from error
    if not stream.eof:
        raise TruncatedInstance(f"the deflated data set does not end, or is larger than {_MAX_INFLATED} bytes")
    return data


def _walk(data: bytes, at: int, encoding: _Encoding, group: int | None = None) -> tuple[dict[int, _Value], int]:
    """Step over the elements from ``at`` to the end of the data, or of the group; return those wanted and the end."""
    elements = {}
    while at < len(data):
        tag, start, length, inner = _element(data, at, encoding)
        if group is not None and tag >> 16 != group:
            break
        if tag in _WANTED:
            elements[tag] = _Value(start, length)
        at = _after_items(data, start, inner) if length is None else start + length
        if at > len(data):
            raise TruncatedInstance(f"element {_name(tag)} ends {at - len(data)} bytes beyond the data set")
    return elements, at


def _element(data: bytes, at: int, encoding: _Encoding) -> tuple[int, int, int | None, _Encoding]:
    """Read an element's tag, where its value starts, its length (None: undefined) and how its items are written."""
    try:
        group, element = struct.unpack_from(f"{encoding.order}HH", data, at)
        vr = data[at + 4 : at + 6] if encoding.explicit and group != 0xFFFE else b""
        if not (vr.isalpha() and vr.isupper()):  # also implicit elements that some devices write into explicit items
            start, (length,) = at + 8, struct.unpack_from(f"{encoding.order}I", data, at + 4)
        elif vr in _SHORT_VRS:
            start, (length,) = at + 8, struct.unpack_from(f"{encoding.order}H", data, at + 6)
        else:
            start, (length,) = at + 12, struct.unpack_from(f"{encoding.order}I", data, at + 8)
    except struct.error as error:
        raise TruncatedInstance(f"the data set ends within the head of an element at byte {at}") from error
    inner = _Encoding(explicit=False) if vr == b"UN" else encoding  # PS3.5 6.2.2
    return group << 16 | element, start, None if length == _UNDEFINED else length, inner


def _after_items(data: bytes, at: int, encoding: _Encoding) -> int:
    """Return where a value of undefined length ends: a sequence, or encapsulated Pixel Data."""
    open_values = [(True, encoding)]  # from the outside in: (a sequence, not an item; how it is written)
    while open_values:
        in_sequence, written = open_values[-1]
        tag, start, length, inner = _element(data, at, written)
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


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _bytes(data: bytes, elements: Mapping[int, _Value], tag: int) -> bytes:
    value = elements.get(tag)
    return data[value.start : value.start + value.length] if value and value.length else b""


def _text(data: bytes, elements: Mapping[int, _Value], tag: int) -> str:
    return _bytes(data, elements, tag).decode("ascii", "replace").strip(" \0")


def _unsigned(data: bytes, elements: Mapping[int, _Value], tag: int, order: str) -> int:
    value = _bytes(data, elements, tag)
    return int.from_bytes(value, "little" if order == "<" else "big") if len(value) == 2 else 0


def _uid(data: bytes, elements: Mapping[int, _Value], tag: int) -> str:
    uid = _text(data, elements, tag)
    if not uid:
        raise InvalidUid(f"no {_UIDS[tag]}")
    if len(uid) > 64 or not _UID_FORM.fullmatch(uid):
        raise InvalidUid(f"{_UIDS[tag]} is {uid[:80]!r}, which is no UID")
    return uid
