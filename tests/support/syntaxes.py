"""Images of nothing but pixels, in every transfer syntax that can be decoded."""

from collections.abc import Callable, Mapping, Sequence

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from support.builders import set_all

Frames = NDArray[np.integer]
Encoder = Callable[[Frames, int], bytes]


def rle(plane: Frames, _: int = 16) -> bytes:
    """Encode by PS3.5 annex G, every byte a literal."""
    words = plane.astype(plane.dtype.newbyteorder(">"))
    planes = [words.view("u1").reshape(-1, plane.itemsize)[:, byte].tobytes() for byte in range(plane.itemsize)]
    segments = [_literal_runs(bytes_) for bytes_ in planes]
    starts = np.cumsum([64, *map(len, segments)])[:-1]
    head = np.array([len(segments), *starts, *[0] * (15 - len(segments))], "<u4")
    return head.tobytes() + b"".join(segments)


def _literal_runs(data: bytes) -> bytes:
    runs = (data[start : start + 128] for start in range(0, len(data), 128))
    encoded = b"".join(bytes((len(run) - 1,)) + run for run in runs)
    return encoded + b"\0" * (len(encoded) % 2)


def without_sign(encode: Callable[..., bytes], **options: object) -> Encoder:
    """Return an encoder for codecs that know no sign: two's complement of the bits that are stored."""

    def encode_pattern(plane: Frames, bits: int) -> bytes:
        pattern = plane.view(f"u{plane.itemsize}") & (2**bits - 1)
        return encode(pattern.astype(f"u{plane.itemsize}"), **options)

    return encode_pattern


def _jpeg_lossless(predictor: int) -> Encoder:
    def encode(plane: Frames, bits: int) -> bytes:
        precision = max(bits, 9 if plane.itemsize == 2 else 2)  # the encoder has no fewer in two bytes
        options = {"lossless": True, "predictor": predictor, "bitspersample": precision}
        return without_sign(imagecodecs.jpeg8_encode, **options)(plane, bits)

    return encode


def _jpeg2000(plane: Frames, bits: int) -> bytes:
    return imagecodecs.jpeg2k_encode(plane, codecformat="J2K", reversible=True, bitspersample=bits)


def _htj2k(plane: Frames, _: int) -> bytes:
    return imagecodecs.htj2k_encode(plane, reversible=True)


LOSSLESS: Mapping[str, Encoder] = {
    RLELossless: rle,
    JPEGLossless: _jpeg_lossless(predictor=6),
    JPEGLosslessSV1: _jpeg_lossless(predictor=1),
    JPEGLSLossless: without_sign(imagecodecs.jpegls_encode),
    JPEG2000Lossless: _jpeg2000,
    JPEG2000: _jpeg2000,
    HTJ2KLossless: _htj2k,
    HTJ2KLosslessRPCL: _htj2k,
    HTJ2K: _htj2k,
}
"""How one plane becomes a codestream that gives it back exactly; the second argument is Bits Stored."""


def make_image(stored: Frames, *, bits_stored: int = 0, high_bit: int | None = None, **more: object) -> Dataset:
    """Return an uncompressed image of frames (frames, rows, columns); ``more`` as in `set_all`.

    The bits that are not stored are 0, also those of negative values.
    """
    allocated = 8 * stored.itemsize
    bits = bits_stored or allocated
    high = bits - 1 if high_bit is None else high_bit
    cells = (stored.view(f"u{stored.itemsize}") & (2**bits - 1)) << (high + 1 - bits)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = *stored.shape[1:], len(stored)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, high
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = cells.astype(f"<u{stored.itemsize}").tobytes()
    dataset["PixelData"].VR = "OB" if allocated == 8 else "OW"
    return set_all(dataset, **more)


def put_in(
    dataset: Dataset, syntax: str, codestreams: Sequence[bytes], *, fragments: int = 1, table: str = "basic"
) -> Dataset:
    """Give an image compressed Pixel Data; ``table`` tells where the frames start: "basic", "extended" or "none"."""
    dataset.file_meta.TransferSyntaxUID = syntax
    if table == "extended":
        dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = encapsulate_extended(
            list(codestreams)
        )
    else:
        dataset.PixelData = encapsulate(list(codestreams), fragments_per_frame=fragments, has_bot=table == "basic")
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


def compressed(stored: Frames, syntax: str, *, bits_stored: int = 0, **more: object) -> Dataset:
    """Return an image of frames in a transfer syntax of ``LOSSLESS``; ``more`` as in `set_all`."""
    bits = bits_stored or 8 * stored.itemsize
    streams = [LOSSLESS[syntax](plane, bits) for plane in stored]
    return put_in(make_image(stored, bits_stored=bits, **more), syntax, streams)
