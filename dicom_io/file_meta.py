"""What stands before a data set in a file: preamble, prefix and File Meta Information (PS3.10 7.1)."""

import struct

_HEAD = struct.Struct("<HH2sH")
_LONG_HEAD = struct.Struct("<HH2sHI")
_BEFORE = bytes(128) + b"DICM"


def file_meta(
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    implementation: tuple[str, str],
) -> bytes:
    """Return the bytes that make a file of a data set as it came over the wire.

    Parameters
    ----------
    implementation
        Implementation Class UID and Version Name of who writes the file.
    """
    class_uid, version = implementation
    elements = _LONG_HEAD.pack(2, 0x0001, b"OB", 0, 2) + b"\0\1"
    for number, uid in (
        (0x0002, sop_class_uid),
        (0x0003, sop_instance_uid),
        (0x0010, transfer_syntax_uid),
        (0x0012, class_uid),
    ):
        elements += _short(number, b"UI", uid, b"\0")
    elements += _short(0x0013, b"SH", version, b" ")
    return _BEFORE + _HEAD.pack(2, 0, b"UL", 4) + struct.pack("<I", len(elements)) + elements


def _short(number: int, vr: bytes, value: str, padding: bytes) -> bytes:
    encoded = value.encode("ascii", "replace")
    encoded += padding * (len(encoded) % 2)
    return _HEAD.pack(2, number, vr, len(encoded)) + encoded
