import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from support.syntaxes import LOSSLESS, Frames, compressed, make_image, put_in, rle

from dicom_io.errors import UnsupportedPixels
from dicom_io.pixels import open_pixels

TWELVE_BITS = np.random.default_rng(0).integers(0, 4096, (1, 24, 18), dtype=np.uint16)


def stored_values(dataset: Dataset) -> Frames:
    pixels = open_pixels(dataset)
    return np.array([pixels.stored(frame) for frame in range(pixels.frames)])


@st.composite
def images(draw: st.DrawFn) -> tuple[Frames, int]:
    """Draw frames of any depth and sign, and how many bits of them are stored."""
    width = draw(st.sampled_from([1, 2]))
    bits = draw(st.integers(2, 8 * width))
    signed = draw(st.booleans())
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    shape = draw(st.tuples(st.integers(1, 2), st.integers(1, 20), st.integers(1, 20)))
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).integers(low, high, shape).astype(f"{'i' if signed else 'u'}{width}"), bits


@given(image=images(), data=st.data())
def test_any_depth_and_sign_come_back_uncompressed_wherever_their_bits_lie(
    image: tuple[Frames, int], data: st.DataObject
) -> None:
    stored, bits = image
    allocated = 8 * stored.itemsize
    high = data.draw(st.integers(bits - 1, allocated - 1), "high bit")
    dataset = make_image(stored, bits_stored=bits, high_bit=high)
    dirt = np.random.default_rng(0).integers(0, 2**allocated, stored.size) & ~((2**bits - 1) << (high + 1 - bits))
    cells = np.frombuffer(dataset.PixelData, f"<u{stored.itemsize}") | dirt.astype(f"u{stored.itemsize}")
    dataset.PixelData = cells.tobytes()

    np.testing.assert_array_equal(stored_values(dataset), stored)


@pytest.mark.parametrize("syntax", LOSSLESS)
@given(image=images())
def test_any_depth_and_sign_come_back_from_every_lossless_syntax(syntax: str, image: tuple[Frames, int]) -> None:
    stored, bits = image

    np.testing.assert_array_equal(stored_values(compressed(stored, syntax, bits_stored=bits)), stored)


@pytest.mark.parametrize("kind", ["u4", "i4"])
@pytest.mark.parametrize("bits", [20, 32])
def test_32_bits_come_back(kind: str, bits: int) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if kind == "i4" else (0, 2**bits)
    stored = np.random.default_rng(1).integers(low, high, (2, 6, 5)).astype(kind)
    native = make_image(stored, bits_stored=bits)
    big = make_image(stored, bits_stored=bits)
    big.PixelData = np.frombuffer(big.PixelData, "<u4").astype(">u4").tobytes()
    big.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    run_length = put_in(make_image(stored, bits_stored=bits), RLELossless, [rle(plane) for plane in stored])

    for dataset in (native, big, run_length):
        np.testing.assert_array_equal(stored_values(dataset), stored)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_the_little_endian_syntaxes_hold_the_same_bytes(syntax: str) -> None:
    dataset = make_image(TWELVE_BITS, bits_stored=12)
    dataset.file_meta.TransferSyntaxUID = syntax

    np.testing.assert_array_equal(stored_values(dataset), TWELVE_BITS)


def test_bytes_in_words_are_swapped_in_big_endian() -> None:
    stored = np.arange(35, dtype=np.uint8).reshape(1, 5, 7)
    dataset = make_image(stored)
    dataset.PixelData = np.frombuffer(dataset.PixelData + b"\0", "u2").byteswap().tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian

    np.testing.assert_array_equal(stored_values(dataset), stored)


@pytest.mark.parametrize("bits", [12, 16])
def test_the_header_not_the_codestream_tells_whether_jpeg_2000_is_signed(bits: int) -> None:
    signed = np.random.default_rng(2).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (1, 16, 16)).astype(np.int16)
    pattern = signed.view(np.uint16) & np.uint16(2**bits - 1)
    encode = LOSSLESS[JPEG2000Lossless]

    unsigned_stream = put_in(make_image(signed, bits_stored=bits), JPEG2000Lossless, [encode(pattern[0], bits)])
    signed_stream = put_in(make_image(pattern, bits_stored=bits), JPEG2000Lossless, [encode(signed[0], bits)])

    np.testing.assert_array_equal(stored_values(unsigned_stream), signed)
    np.testing.assert_array_equal(stored_values(signed_stream), pattern)


def test_overlays_above_the_stored_bits_of_a_codestream_are_not_looked_at() -> None:
    dirty = TWELVE_BITS | np.uint16(0x5000)
    for syntax in (JPEGLSLossless, RLELossless, JPEG2000Lossless):
        dataset = put_in(make_image(TWELVE_BITS, bits_stored=12), syntax, [LOSSLESS[syntax](dirty[0], 16)])

        np.testing.assert_array_equal(stored_values(dataset), TWELVE_BITS)


def test_a_lossy_codestream_that_overshoots_the_stored_range_is_clipped() -> None:
    overshot = np.array([[[4090, 4100], [5, 0]]], np.uint16)
    dataset = put_in(make_image(overshot, bits_stored=12), JPEG2000, [LOSSLESS[JPEG2000](overshot[0], 16)])

    np.testing.assert_array_equal(stored_values(dataset), [[[4090, 4095], [5, 0]]])


def test_grey_values_are_rescaled_in_double_precision() -> None:
    stored = np.array([[[65535, 1]]], np.uint16)
    slope, intercept = 1.1000123456, -3.3000456

    grey = open_pixels(make_image(stored)).grey(0, slope, intercept)

    assert grey.dtype == np.float32
    np.testing.assert_array_equal(grey, (stored[0] * slope + intercept).astype(np.float32))


@pytest.mark.parametrize(("kind", "dark"), [("u2", 4095), ("i2", 2047)])
def test_monochrome1_is_turned_round_so_that_its_darkest_stored_value_is_lowest(kind: str, dark: int) -> None:
    stored = np.array([[[dark, dark - 1000]]], kind)

    grey = open_pixels(make_image(stored, bits_stored=12, PhotometricInterpretation="MONOCHROME1")).grey(0)

    np.testing.assert_array_equal(grey, [[0, 1000]] if kind == "u2" else [[-2048, -1048]])


def padded(
    stored: list[int], kind: str = "u2", slope: float = 1.0, intercept: float = 0.0, **more: object
) -> list[float]:
    grey = open_pixels(make_image(np.array([[stored]], kind), **more)).grey(0, slope, intercept)
    return grey[0].tolist()


def test_padding_is_never_bright() -> None:
    assert padded([65535, 20, 30], PixelPaddingValue=65535) == [0, 20, 30]
    assert padded([65535, 20, 30]) == [65535, 20, 30]


def test_padding_that_looks_like_no_signal_stays_as_it_is() -> None:
    assert padded([0, 20, 30], PixelPaddingValue=0, slope=2.0, intercept=5.0) == [5, 45, 65]


def test_padding_far_below_the_image_does_not_stretch_its_range() -> None:
    assert padded([-32768, 20, 30], "i2", PixelPaddingValue=-32768) == [0, 20, 30]
    assert padded([-32768, -7, 30], "i2", PixelPaddingValue=-32768) == [-7, -7, 30]


def test_padding_may_be_a_range_whichever_way_it_is_written() -> None:
    assert padded([900, 950, 1000, 20], PixelPaddingValue=1000, PixelPaddingRangeLimit=900) == [0, 0, 0, 20]
    assert padded([900, 950, 1000, 20], PixelPaddingValue=900, PixelPaddingRangeLimit=950) == [0, 0, 1000, 20]


def test_signed_padding_written_as_unsigned_is_understood() -> None:
    assert padded([-2000, 20], "i2", PixelPaddingValue=63536) == [0, 20]


def test_padding_that_cannot_be_stored_pads_nothing() -> None:
    assert padded([4095, 20], bits_stored=12, PixelPaddingValue=65535) == [4095, 20]


def test_a_frame_of_padding_alone_is_dark() -> None:
    assert padded([65535, 65535], PixelPaddingValue=65535, intercept=-3.0) == [-3, -3]


def test_padding_of_an_inverted_image_is_dark() -> None:
    more = {"PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": 0}

    assert padded([0, 65500, 65000], **more) == [0, 35, 535]


@pytest.mark.parametrize("slope", [1e36, float("inf"), float("nan")])
def test_grey_values_beyond_float32_are_refused(slope: float) -> None:
    with pytest.raises(UnsupportedPixels, match="Rescale Slope"):
        open_pixels(make_image(TWELVE_BITS)).grey(0, slope, 0.0)


def test_a_frame_is_not_stretched_over_a_slice_of_another_size() -> None:
    row = open_pixels(make_image(TWELVE_BITS[:, :1]))

    with pytest.raises(UnsupportedPixels, match=r"a frame of \(1, 18\) pixels for a slice of \(24, 18\)"):
        row.grey(0, out=np.empty((24, 18), np.float32))


def test_a_refusal_names_the_image_and_its_syntax() -> None:
    streams = [LOSSLESS[JPEGLSLossless](TWELVE_BITS[0], 16)]
    damaged = streams[0][:60] + b"\xff\xff" * 50 + streams[0][160:]
    pixels = open_pixels(put_in(make_image(TWELVE_BITS), JPEGLSLossless, [damaged]), "slice 7.dcm")

    with pytest.raises(UnsupportedPixels, match=r"slice 7\.dcm: Pixel Data in JPEG-LS Lossless .* cannot be decoded"):
        pixels.grey(0)
