"""What an instance says it is, and whether all of it is there: asked before it may be acknowledged.

The encoded data set is walked once from its first to its last element; no value is decoded that is not needed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydicom import charset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from dicom_io.elements import META_STARTS, Encoding, Octets, Value, Walk, inflate
from dicom_io.errors import InvalidUid, MismatchedInstance, TruncatedInstance

MAX_INFLATED = 2**30
"""How many bytes a deflated data set may inflate to, so that a small file cannot fill the memory."""
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


def identify(part10: Octets) -> InstanceIdentity:
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
    if part10[128:META_STARTS] != b"DICM":
        raise TruncatedInstance(f"no File Meta Information in {len(part10)} bytes")
    meta, end_of_meta = Walk(part10, Encoding()).over(META_STARTS, _WANTED, group=0x0002)
    announced = {tag: _uid(part10, meta, tag) for tag in (0x00020002, 0x00020003, 0x00020010)}
    transfer_syntax = announced[0x00020010]
    data: Octets = part10
    start = end_of_meta
    if transfer_syntax == DeflatedExplicitVRLittleEndian:
        data, start = inflate(part10[end_of_meta:], MAX_INFLATED), 0
    encoding = Encoding.of(transfer_syntax)
    elements, _ = Walk(data, encoding).over(start, _WANTED)
    identity = _identity(data, elements, transfer_syntax)
    _check_announced(announced, identity)
    _check_pixels(data, elements, encoding, identity.sop_class_uid)
    return identity


def _identity(data: Octets, elements: Mapping[int, Value], transfer_syntax: str) -> InstanceIdentity:
    return InstanceIdentity(
        sop_class_uid=_uid(data, elements, 0x00080016),
        sop_instance_uid=_uid(data, elements, 0x00080018),
        study_instance_uid=_uid(data, elements, 0x0020000D),
        series_instance_uid=_uid(data, elements, 0x0020000E),
        modality=_text(data, elements, _MODALITY),
        transfer_syntax_uid=transfer_syntax,
        series_description=_description(data, elements),
    )


def _description(data: Octets, elements: Mapping[int, Value]) -> str:
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


def _check_pixels(data: Octets, elements: Mapping[int, Value], encoding: Encoding, sop_class: str) -> None:
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


def _bytes(data: Octets, elements: Mapping[int, Value], tag: int) -> bytes:
    value = elements.get(tag)
    return data[value.start : value.start + value.length] if value and value.length else b""


def _text(data: Octets, elements: Mapping[int, Value], tag: int) -> str:
    return _bytes(data, elements, tag).decode("ascii", "replace").strip(" \0")


def _unsigned(data: Octets, elements: Mapping[int, Value], tag: int, order: str) -> int:
    value = _bytes(data, elements, tag)
    return int.from_bytes(value, "little" if order == "<" else "big") if len(value) == 2 else 0


def _uid(data: Octets, elements: Mapping[int, Value], tag: int) -> str:
    uid = _text(data, elements, tag)
    if not uid:
        raise InvalidUid(f"no {_UIDS[tag]}")
    if len(uid) > 64 or not _UID_FORM.fullmatch(uid):
        raise InvalidUid(f"{_UIDS[tag]} is {uid[:80]!r}, which is no UID")
    return uid
