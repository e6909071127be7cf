import struct

import imagecodecs
import numpy as np
import pytest
from pydicom.uid import (
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from support.syntaxes import LOSSLESS

from dicom_io.codestream import DECODABLE, StreamHeader, decode_frame
from dicom_io.errors import UnsupportedPixels

PLANE = np.random.default_rng(0).integers(0, 4096, (20, 30), dtype=np.uint16)
SAYS = StreamHeader(rows=20, columns=30, samples=1, bits=16)
JPEG_2000 = (JPEG2000Lossless, HTJ2KLossless)
JPEG = (JPEGLossless, JPEGLosslessSV1, JPEGLSLossless)


def encoded(syntax: str) -> bytes:
    return bytes(LOSSLESS[syntax](PLANE, 12))


def with_size(stream: bytes, rows: int, columns: int) -> bytes:
    """Return the codestream with another size in its frame header: a bomb has no more than that."""
    changed = bytearray(stream)
    if stream.startswith(b"\xff\x4f"):
        struct.pack_into(">II", changed, 8, columns, rows)
        struct.pack_into(">II", changed, 24, columns, rows)
    else:
        start = next(at for marker in (b"\xff\xc3", b"\xff\xf7", b"\xff\xc0") if (at := stream.find(marker)) > 0)
        struct.pack_into(">HH", changed, start + 5, rows, columns)
    return bytes(changed)


@pytest.mark.parametrize("syntax", sorted(DECODABLE & set(LOSSLESS)))
def test_a_frame_is_what_was_encoded(syntax: str) -> None:
    values, found = decode_frame(encoded(syntax), syntax, SAYS)

    np.testing.assert_array_equal(values, PLANE)
    assert (found.rows, found.columns, found.samples) == (20, 30, 1)


@pytest.mark.parametrize(
    ("syntax", "stream", "bits"),
    [
        (JPEGBaseline8Bit, imagecodecs.jpeg8_encode((PLANE >> 4).astype(np.uint8), 95), 8),
        (JPEGExtended12Bit, imagecodecs.jpeg8_encode(PLANE, 95, bitspersample=12), 12),
    ],
)
def test_lossy_jpeg_comes_close(syntax: str, stream: bytes, bits: int) -> None:
    values, found = decode_frame(stream, syntax, SAYS)

    assert found.bits == bits
    assert np.abs(values.astype(int) - (PLANE >> (12 - bits))).max() <= 2**bits / 25


@pytest.mark.parametrize("syntax", [*JPEG, *JPEG_2000])
def test_a_codestream_larger_than_the_header_is_refused_before_it_is_decoded(syntax: str) -> None:
    bomb = with_size(encoded(syntax), 60000, 60000)

    with pytest.raises(UnsupportedPixels, match=r"holds 60000 x 60000 pixels .* announces 20 x 30"):
        decode_frame(bomb, syntax, SAYS)


@pytest.mark.parametrize("syntax", JPEG)
def test_the_decoder_believes_the_frame_header_that_was_checked(syntax: str) -> None:
    # Were another size hidden where only the decoder looks, the check would be worth nothing.
    twice = encoded(syntax)
    start = next(at for marker in (b"\xff\xc3", b"\xff\xf7") if (at := twice.find(marker)) > 0)
    length = 2 + struct.unpack_from(">H", twice, start + 2)[0]
    second = with_size(twice, 60000, 60000)[start : start + length]

    with pytest.raises(UnsupportedPixels, match="2 frame headers"):
        decode_frame(twice[: start + length] + second + twice[start + length :], syntax, SAYS)


@pytest.mark.parametrize("syntax", JPEG_2000)
def test_more_tiles_than_an_image_needs_are_refused(syntax: str) -> None:
    stream = bytearray(LOSSLESS[syntax](np.zeros((64, 64), np.uint16), 12))
    struct.pack_into(">II", stream, 24, 1, 1)

    with pytest.raises(UnsupportedPixels, match="4096 tiles"):
        decode_frame(bytes(stream), syntax, StreamHeader(64, 64, 1, 16))


def test_tiles_are_put_together_and_none_may_be_missing() -> None:
    plane = np.random.default_rng(1).integers(0, 4096, (64, 48), dtype=np.uint16)
    stream = bytes(imagecodecs.htj2k_encode(plane, reversible=True, tile=(16, 16)))
    says = StreamHeader(64, 48, 1, 16)

    values, _ = decode_frame(stream, HTJ2KLossless, says)

    np.testing.assert_array_equal(values, plane)
    eighth_tile = [at for at in range(len(stream)) if stream[at : at + 4] == b"\xff\x90\x00\x0a"][7]
    with pytest.raises(UnsupportedPixels, match="7 of 12 tiles"):
        decode_frame(stream[:eighth_tile] + b"\xff\xd9", HTJ2KLossless, says)


@pytest.mark.parametrize("syntax", [*JPEG, *JPEG_2000])
@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_codestream_that_was_cut_off_is_refused(syntax: str, kept: float) -> None:
    stream = encoded(syntax)

    with pytest.raises((UnsupportedPixels, RuntimeError)):
        decode_frame(stream[: int(len(stream) * kept)], syntax, SAYS)


def test_run_lengths_that_do_not_fill_the_frame_are_refused() -> None:
    stream = encoded(RLELossless)
    rows_more = StreamHeader(rows=21, columns=30, samples=1, bits=16)

    with pytest.raises(UnsupportedPixels, match="RLE decodes to 1200 bytes, the header announces 1260"):
        decode_frame(stream, RLELossless, rows_more)


def test_run_lengths_that_overflow_the_frame_are_refused() -> None:
    runs = b"\x81\x00" * 10**5
    bomb = struct.pack("<16I", 2, 64, 64 + len(runs), *[0] * 13) + runs + runs

    with pytest.raises(RuntimeError):
        decode_frame(bomb, RLELossless, SAYS)


def test_run_lengths_of_another_depth_are_refused() -> None:
    with pytest.raises(UnsupportedPixels, match="2 RLE segments for 1 bytes"):
        decode_frame(encoded(RLELossless), RLELossless, StreamHeader(20, 30, 1, 8))


def test_a_depth_beyond_bits_allocated_is_refused() -> None:
    with pytest.raises(UnsupportedPixels, match="12 bits a sample, Bits Allocated is 8"):
        decode_frame(encoded(JPEGLossless), JPEGLossless, StreamHeader(20, 30, 1, 8))


def test_colour_in_the_codestream_is_refused() -> None:
    rgb = imagecodecs.jpeg8_encode(np.zeros((20, 30, 3), np.uint8), 90)

    with pytest.raises(UnsupportedPixels, match="of 3 samples"):
        decode_frame(rgb, JPEGBaseline8Bit, SAYS)


def test_another_process_than_the_syntax_names_is_refused() -> None:
    with pytest.raises(UnsupportedPixels, match="not JPEG-LS: its frame starts with marker FFC3"):
        decode_frame(encoded(JPEGLossless), JPEGLSLossless, SAYS)


@pytest.mark.parametrize("syntax", sorted(DECODABLE))
@pytest.mark.parametrize("nonsense", [b"\0", b"no codestream at all" * 20, b"\xff\xd8", b"\xff\x4f\xff\x51"])
def test_nonsense_is_refused(syntax: str, nonsense: bytes) -> None:
    with pytest.raises((UnsupportedPixels, RuntimeError, ValueError, struct.error)):
        decode_frame(nonsense, syntax, SAYS)


def test_a_jp2_file_around_the_codestream_is_stepped_over() -> None:
    jp2 = imagecodecs.jpeg2k_encode(PLANE, codecformat="JP2", reversible=True)

    values, _ = decode_frame(jp2, JPEG2000Lossless, SAYS)

    np.testing.assert_array_equal(values, PLANE)


@pytest.mark.parametrize("fill", [b"", b"\xff", b"\xff\xff\xff"])
def test_fill_bytes_before_a_marker_are_stepped_over(fill: bytes) -> None:
    stream = encoded(JPEGLosslessSV1)

    values, _ = decode_frame(stream[:2] + fill + stream[2:], JPEGLosslessSV1, SAYS)

    np.testing.assert_array_equal(values, PLANE)
