"""One compressed frame: what its codestream says of itself, asked before it is decoded.

A codestream has a size of its own, and a decoder makes room for that size: of a frame that claims more than the header
does, nothing may be decoded.
"""

import math
import struct
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from dicom_io.errors import UnsupportedPixels

_STARTS_OF_FRAME = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_START_OF_SCAN, _END = 0xDA, b"\xff\xd9"
_J2K_START = b"\xff\x4f\xff\x51"
_TILE_PART = b"\xff\x90"
_JP2_SIGNATURE = b"\0\0\0\x0cjP  "
_MOST_TILES = 1024
"""OpenJPEG keeps kilobytes for every tile that a codestream announces; MR has one, or some dozen."""


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """What a codestream says of its image; a process that knows no sign is unsigned."""

    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool = False


Pixels = NDArray[np.integer]


def decode_frame(data: bytes, transfer_syntax_uid: str, expected: StreamHeader) -> tuple[Pixels, StreamHeader]:
    """Decode a frame, after its codestream has been found to be as large as expected and not cut off.

    Parameters
    ----------
    transfer_syntax_uid
        One of ``DECODABLE``.
    expected
        What the header says; its bits are Bits Allocated.

    Returns
    -------
    Integers (rows, columns), and what the codestream says of them.

    Raises
    ------
    UnsupportedPixels
        When the codestream is not what the header says.
    RuntimeError, ValueError, struct.error
        When the codestream or its decoder fails.
    """
    if transfer_syntax_uid == RLELossless:
        return _decode_rle(data, expected), expected
    read, decode = _CODECS[transfer_syntax_uid]
    if data.startswith(_JP2_SIGNATURE):  # a file around the codestream (PS3.5 A.4.4 forbids it, archives have it)
        data = data[data.find(_J2K_START) :]
    found = read(data)
    if (found.rows, found.columns, found.samples) != (expected.rows, expected.columns, expected.samples):
        raise UnsupportedPixels(
            f"the codestream holds {found.rows} x {found.columns} pixels of {found.samples} samples, "
            f"the header announces {expected.rows} x {expected.columns} of {expected.samples}"
        )
    if not 0 < found.bits <= expected.bits:
        raise UnsupportedPixels(f"the codestream has {found.bits} bits a sample, Bits Allocated is {expected.bits}")
    values = decode(data)
    if values.shape != (expected.rows, expected.columns):
        raise UnsupportedPixels(f"decoded to {values.shape}, the header announces {expected.rows} x {expected.columns}")
    return values, found


def _decode_rle(data: bytes, expected: StreamHeader) -> Pixels:
    """Decode PS3.5 annex G; never into more than is expected."""
    bytes_per_sample = expected.bits // 8
    size = expected.rows * expected.columns * bytes_per_sample
    if (segments := struct.unpack_from("<16I", data)[0]) != bytes_per_sample:
        raise UnsupportedPixels(f"{segments} RLE segments for {bytes_per_sample} bytes a pixel")
    decoded = imagecodecs.dicomrle_decode(data, f"<u{bytes_per_sample}", out=size)
    if len(decoded) != size:
        raise UnsupportedPixels(f"RLE decodes to {len(decoded)} bytes, the header announces {size}")
    return np.frombuffer(decoded, f"<u{bytes_per_sample}").reshape(expected.rows, expected.columns)


def _read_jpeg(data: bytes, name: str, processes: Container[int]) -> StreamHeader:
    """Read the frame header of JPEG (ITU-T T.81 B.2.2) or JPEG-LS (T.87 C.2.2), of these processes alone."""
    headers = []
    for marker, start in _segments(data):
        if marker in _STARTS_OF_FRAME:
            if marker not in processes:
                raise UnsupportedPixels(f"the codestream is not {name}: its frame starts with marker FF{marker:02X}")
            bits, rows, columns, samples = struct.unpack_from(">BHHB", data, start)
            headers.append(StreamHeader(rows, columns, samples, bits))
    if len(headers) != 1:
        raise UnsupportedPixels(f"{len(headers)} frame headers in one {name} codestream")
    if data.rfind(_END) < start:  # libjpeg paints what is missing grey
        raise UnsupportedPixels(f"the {name} codestream is cut off after {len(data)} bytes")
    return headers[0]


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker and where its parameters start, from the start of image up to the first scan."""
    if data[:2] != b"\xff\xd8":
        raise UnsupportedPixels(f"no JPEG codestream: it starts with {data[:4].hex(' ')}")
    at, marker = 2, 0
    while marker != _START_OF_SCAN:
        fill, marker = struct.unpack_from(">BB", data, at)
        if fill != 0xFF:
            raise UnsupportedPixels(f"no marker at byte {at} of the codestream")
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
        elif marker in _ALONE:
            at += 2
        else:
            yield marker, at + 4
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _read_jpeg2000(data: bytes) -> StreamHeader:
    """Read the SIZ marker segment (ISO/IEC 15444-1 A.5.1)."""
    if not data.startswith(_J2K_START):
        raise UnsupportedPixels(f"no JPEG 2000 codestream: it starts with {data[:4].hex(' ')}")
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top = struct.unpack_from(">8I", data, 8)
    samples, depth, across, down = struct.unpack_from(">HBBB", data, 40)
    tiles = math.ceil((right - tile_left) / tile_width) * math.ceil((bottom - tile_top) / tile_height)
    if tiles > _MOST_TILES or (across, down) != (1, 1):
        raise UnsupportedPixels(f"JPEG 2000 in {tiles} tiles, sampled every {across} x {down} pixels")
    if (there := _tiles_there(data)) != tiles:  # OpenJPEG paints a tile that is missing black
        raise UnsupportedPixels(f"{there} of {tiles} tiles are in the JPEG 2000 codestream")
    return StreamHeader(bottom - top, right - left, samples, (depth & 0x7F) + 1, signed=depth > 0x7F)


def _tiles_there(data: bytes) -> int:
    """Count the tiles of which there are tile-parts, stepping from one to the next (ISO/IEC 15444-1 A.4.2)."""
    at, tiles = 2, set()
    while data[at : at + 2] != _TILE_PART:
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    while data[at : at + 2] == _TILE_PART:
        tile, length = struct.unpack_from(">HI", data, at + 4)
        tiles.add(tile)
        at += length or len(data)  # 0: it is the last, and ends where the codestream does
    return len(tiles)


_JPEG = (partial(_read_jpeg, name="JPEG", processes=(0xC0, 0xC1)), imagecodecs.jpeg8_decode)
_JPEG_LOSSLESS = (partial(_read_jpeg, name="JPEG Lossless", processes=(0xC3,)), imagecodecs.jpeg8_decode)
_JPEG_LS = (partial(_read_jpeg, name="JPEG-LS", processes=(0xF7,)), imagecodecs.jpegls_decode)
_JPEG_2000 = (_read_jpeg2000, partial(imagecodecs.jpeg2k_decode, numthreads=1))
_CODECS: Mapping[str, tuple[Callable[[bytes], StreamHeader], Callable[[bytes], Pixels]]] = {
    JPEGBaseline8Bit: _JPEG,
    JPEGExtended12Bit: _JPEG,
    JPEGLossless: _JPEG_LOSSLESS,
    JPEGLosslessSV1: _JPEG_LOSSLESS,
    JPEGLSLossless: _JPEG_LS,
    JPEGLSNearLossless: _JPEG_LS,
    JPEG2000Lossless: _JPEG_2000,
    JPEG2000: _JPEG_2000,
    HTJ2KLossless: _JPEG_2000,
    HTJ2KLosslessRPCL: _JPEG_2000,
    HTJ2K: _JPEG_2000,
}
DECODABLE = frozenset((RLELossless, *_CODECS))
"""The compressed transfer syntaxes that can be decoded."""
LOSSY = frozenset((JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K))
"""Those whose values may come back changed."""
