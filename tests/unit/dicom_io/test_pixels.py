import tracemalloc
from collections.abc import Iterator

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import (
    MPEG2MPML,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from support.builders import set_all
from support.require import require_data
from support.syntaxes import LOSSLESS, compressed, make_image, put_in

from dicom_io.errors import UnsupportedPixels
from dicom_io.pixels import Slice, fill, open_pixels

FRAMES = np.random.default_rng(0).integers(0, 4096, (3, 24, 18), dtype=np.uint16)
STREAMED = (RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless)
COMPRESSED = ("compressed", "compressed_j2k", "compressed_jpeg", "compressed_jpegls", "compressed_rle")
COMPARED = "compressed_rle"  # pydicom decodes it by itself


def volume_of(dataset: Dataset) -> np.ndarray:
    pixels = open_pixels(dataset)
    volume = np.empty((pixels.frames, pixels.rows, pixels.columns), np.float32)
    fill(volume, [(pixels, frame, 1.0, 0.0) for frame in range(pixels.frames)])
    return volume


@pytest.mark.parametrize("syntax", ["", *LOSSLESS])
def test_each_slice_comes_from_its_own_frame_with_its_own_rescale(syntax: str) -> None:
    pixels = open_pixels(compressed(FRAMES, syntax, bits_stored=12) if syntax else make_image(FRAMES, bits_stored=12))
    volume = np.full(FRAMES.shape, np.nan, np.float32)

    fill(volume, [(pixels, 2, 1.0, 0.0), (pixels, 0, 2.0, -7.0), (pixels, 1, 1.0, 5.0)])

    np.testing.assert_array_equal(volume, [FRAMES[2], FRAMES[0] * 2.0 - 7, FRAMES[1] + 5.0])


def test_slices_are_asked_for_only_a_few_ahead() -> None:
    good = open_pixels(make_image(FRAMES))
    cut = open_pixels(put_in(make_image(FRAMES[:1]), RLELossless, [b"cut"]))
    asked = 0

    def slices() -> Iterator[Slice]:
        nonlocal asked
        for number in range(2000):
            asked = number
            yield cut if number == 3 else good, 0, 1.0, 0.0

    with pytest.raises(UnsupportedPixels):
        fill(np.empty((2000, 24, 18), np.float32), slices())
    assert asked < 1000


def test_a_slice_that_cannot_be_decoded_stops_the_others_and_is_named() -> None:
    good = open_pixels(make_image(FRAMES))
    stream = LOSSLESS[JPEG2000Lossless](FRAMES[0], 16)
    cut = open_pixels(put_in(make_image(FRAMES[:1]), JPEG2000Lossless, [stream[:-20]]), "cut.dcm")

    with pytest.raises(UnsupportedPixels, match=r"cut\.dcm: Pixel Data in JPEG 2000 .* cannot be decoded"):
        fill(np.empty((2, 24, 18), np.float32), [(good, 0, 1.0, 0.0), (cut, 0, 1.0, 0.0)])


@pytest.mark.parametrize("folder", COMPRESSED)
def test_real_files_are_the_same_voxels_in_every_syntax(folder: str) -> None:
    files = {name: sorted(require_data(f"dicom/quirks/generic/{name}/001").iterdir()) for name in (folder, COMPARED)}

    for path, other in zip(files[folder], files[COMPARED], strict=True):
        there, here = pydicom.dcmread(path), pydicom.dcmread(other)
        assert there.ImagePositionPatient == here.ImagePositionPatient
        np.testing.assert_array_equal(volume_of(there), here.pixel_array[None])


@pytest.mark.parametrize("table", ["basic", "extended", "none"])
@pytest.mark.parametrize("syntax", STREAMED)
def test_frames_are_found_with_and_without_offset_tables(syntax: str, table: str) -> None:
    streams = [LOSSLESS[syntax](plane, 12) for plane in FRAMES]
    dataset = put_in(make_image(FRAMES, bits_stored=12), syntax, streams, table=table)

    np.testing.assert_array_equal(volume_of(dataset), FRAMES)


@pytest.mark.parametrize("table", ["basic", "none"])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_frame_may_lie_in_several_fragments(table: str, frames: int) -> None:
    streams = [LOSSLESS[JPEG2000Lossless](plane, 12) for plane in FRAMES[:frames]]
    dataset = put_in(make_image(FRAMES[:frames], bits_stored=12), JPEG2000Lossless, streams, fragments=4, table=table)

    np.testing.assert_array_equal(volume_of(dataset), FRAMES[:frames])


@pytest.mark.parametrize("table", ["basic", "extended", "none"])
@pytest.mark.parametrize(("announced", "there"), [(3, 2), (2, 3), (40, 3)])
def test_another_number_of_frames_than_announced_is_refused(table: str, announced: int, there: int) -> None:
    streams = [LOSSLESS[JPEG2000Lossless](plane, 16) for plane in FRAMES[:there]]
    dataset = put_in(make_image(FRAMES, NumberOfFrames=announced), JPEG2000Lossless, streams, table=table)

    with pytest.raises(UnsupportedPixels, match=f"{announced} frames|announces {announced}|cannot be decoded"):
        volume_of(dataset)


def test_an_extended_offset_table_that_repeats_bytes_is_refused() -> None:
    streams = [LOSSLESS[JPEG2000Lossless](plane, 16) for plane in FRAMES]
    dataset = put_in(make_image(FRAMES), JPEG2000Lossless, streams, table="extended")
    dataset.ExtendedOffsetTable = b"\0" * 24
    dataset.ExtendedOffsetTableLengths = len(dataset.PixelData).to_bytes(8, "little") * 3

    with pytest.raises(UnsupportedPixels, match="Extended Offset Table announces more"):
        open_pixels(dataset)


def test_pixel_data_shorter_than_announced_are_refused_with_the_numbers() -> None:
    dataset = make_image(FRAMES, NumberOfFrames=4)

    with pytest.raises(UnsupportedPixels, match="2592 bytes, 4 frames of 864 bytes are announced"):
        open_pixels(dataset)


def test_pixel_data_of_more_frames_than_announced_are_refused() -> None:
    with pytest.raises(UnsupportedPixels, match="2592 bytes, 2 frames of 864 bytes"):
        open_pixels(make_image(FRAMES, NumberOfFrames=2))


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_a_few_bytes_behind_the_last_frame_do_no_harm(kind: str) -> None:
    stored = np.arange(1, dtype=kind).reshape(1, 1, 1)
    dataset = make_image(stored)
    dataset.PixelData += b"\0"

    np.testing.assert_array_equal(volume_of(dataset), stored)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "3 samples per pixel, RGB"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "1 samples per pixel, PALETTE COLOR"),
        ({"ModalityLUTSequence": [Dataset()]}, "a Modality LUT Sequence"),
        ({"FloatPixelData": b"\0" * 4}, "Float Pixel Data"),
        ({"DoubleFloatPixelData": b"\0" * 8}, "Double Float Pixel Data"),
        ({"PixelData": None}, "no Pixel Data"),
        ({"PixelData": b""}, "no Pixel Data"),
        ({"Rows": None}, "no Rows"),
        ({"PixelRepresentation": None}, "no PixelRepresentation"),
        ({"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "1 bits allocated, 1 stored"),
        ({"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11}, "12 bits allocated, 12 stored"),
        ({"BitsStored": 17, "HighBit": 16}, "16 bits allocated, 17 stored, high bit 16"),
        ({"BitsStored": 0}, "16 bits allocated, 0 stored"),
        ({"HighBit": 3}, "16 bits allocated, 16 stored, high bit 3"),
        ({"PixelRepresentation": 2}, "Pixel Representation 2"),
        ({"NumberOfFrames": 0}, "0 frames of 24 x 18"),
        ({"Rows": 0}, "3 frames of 0 x 18"),
        ({"Rows": [24, 24]}, "cannot be decoded"),
    ],
)
def test_what_is_no_grey_image_is_refused_with_the_reason(more: dict[str, object], reason: str) -> None:
    with pytest.raises(UnsupportedPixels, match=reason):
        open_pixels(make_image(FRAMES, **more))


@pytest.mark.parametrize("syntax", [MPEG2MPML, "1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.53"])
def test_a_syntax_that_cannot_be_decoded_is_refused_by_its_name(syntax: str) -> None:
    dataset = put_in(make_image(FRAMES), syntax, [b"none of ours"] * 3)

    with pytest.raises(UnsupportedPixels) as refused:
        open_pixels(dataset)
    assert pydicom.uid.UID(syntax).name in str(refused.value)


def test_without_a_transfer_syntax_nothing_is_guessed() -> None:
    dataset = make_image(FRAMES)
    del dataset.file_meta.TransferSyntaxUID

    with pytest.raises(UnsupportedPixels, match="transfer syntax unknown"):
        open_pixels(dataset)


def test_native_pixels_said_to_be_compressed_are_refused_and_the_other_way_round() -> None:
    native = make_image(FRAMES)
    native.file_meta.TransferSyntaxUID = JPEG2000Lossless
    wrapped = compressed(FRAMES, RLELossless)
    wrapped.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian

    for dataset in (native, wrapped):
        with pytest.raises(UnsupportedPixels):
            open_pixels(dataset)


def test_an_image_beyond_the_limit_is_refused() -> None:
    assert open_pixels(make_image(FRAMES), max_voxels=FRAMES.size).frames == 3
    with pytest.raises(UnsupportedPixels, match="3 frames of 24 x 18 pixels, from 1 to 1295 can be read"):
        open_pixels(make_image(FRAMES), max_voxels=FRAMES.size - 1)


@pytest.mark.parametrize("syntax", STREAMED)
def test_a_decompression_bomb_is_refused_before_memory_is_allocated_for_it(syntax: str) -> None:
    huge = {"Rows": 60000, "Columns": 60000}
    stream = LOSSLESS[syntax](FRAMES[0], 16)
    by_header = put_in(make_image(FRAMES[:1], **huge), syntax, [stream])
    by_frames = put_in(make_image(FRAMES[:1], NumberOfFrames=2**31 - 1), syntax, [stream])
    native = make_image(FRAMES[:1], **huge)

    tracemalloc.start()
    try:
        for bomb in (by_header, by_frames, native):
            with pytest.raises(UnsupportedPixels, match=r"can be read"):
                open_pixels(bomb)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("syntax", "marker", "at"),
    [
        (JPEGLosslessSV1, b"\xff\xc3", (5,)),
        (JPEGLSLossless, b"\xff\xf7", (5,)),
        (JPEG2000Lossless, b"\xff\x51", (6, 22)),
    ],
)
def test_a_codestream_larger_than_its_header_costs_no_memory(syntax: str, marker: bytes, at: tuple[int, ...]) -> None:
    stream = bytearray(LOSSLESS[syntax](FRAMES[0], 16))
    width = 4 if syntax == JPEG2000Lossless else 2
    for start in (stream.index(marker) + offset for offset in at):
        stream[start : start + 2 * width] = (60000).to_bytes(width, "big") * 2
    pixels = open_pixels(put_in(make_image(FRAMES[:1]), syntax, [bytes(stream)]))

    tracemalloc.start()
    try:
        with pytest.raises(UnsupportedPixels, match="60000 x 60000 pixels"):
            pixels.grey(0)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_pixels_need_no_data_set_any_more() -> None:
    dataset = compressed(FRAMES, RLELossless)
    pixels = open_pixels(dataset)
    set_all(dataset, PixelData=None, Rows=1)

    np.testing.assert_array_equal(pixels.stored(1), FRAMES[1])
