"""From Pixel Data to grey values: what can be decoded is told here, and what cannot is refused before it is decoded.

Decoded are 8, 16 and 32 bits allocated, signed or not, all or some of them stored, in the transfer syntaxes of
``NATIVE`` and of ``codestream.DECODABLE``. Refused, with the reason: colour, 1-bit masks, floating point pixels, a
Modality LUT that is a table, and every other transfer syntax, by its name.
"""

import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from itertools import islice
from typing import SupportsInt

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragmented_frames, generate_fragments, parse_basic_offsets
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_io.codestream import DECODABLE
from dicom_io.errors import UnsupportedPixels
from dicom_io.stored import Cells, StoredPixels, refusing

MAX_VOXELS = 2**27
"""The most pixels of all frames of an image: 512 x 512 x 512."""
NATIVE = frozenset(
    (ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)
)
"""The transfer syntaxes in which pixels are not compressed."""

_MOST_FRAGMENTS = 2**17
_NOT_GREY = {
    "FloatPixelData": "Float Pixel Data",
    "DoubleFloatPixelData": "Double Float Pixel Data",
    "ModalityLUTSequence": "a Modality LUT Sequence",
}

Slice = tuple[StoredPixels, int, float, float]
"""An image, a frame of it (0-based), and the slope and intercept of the frame's Modality LUT."""


def check_header(dataset: Dataset, name: str = "", *, max_voxels: int = MAX_VOXELS) -> int:
    """Check by its header alone whether the pixels of an image can be decoded.

    Parameters
    ----------
    name
        What messages shall call the image, such as the name of its file.
    max_voxels
        Images of more pixels in all frames together are refused.

    Returns
    -------
    How many bytes a frame must have in the file; 0 where frames are compressed.

    Raises
    ------
    UnsupportedPixels
        When the image is not one grey value per pixel, is too large, or is encoded as we cannot decode.
    """
    syntax = _syntax(dataset)
    with refusing(name, syntax):
        cells, _, rows, columns = _described(dataset, syntax, max_voxels)
        packed = syntax in DECODABLE or syntax == DeflatedExplicitVRLittleEndian
        return 0 if packed else rows * columns * cells.allocated // 8


def open_pixels(dataset: Dataset, name: str = "", *, max_voxels: int = MAX_VOXELS) -> StoredPixels:
    """Check whether the pixels of an image can be decoded, as `check_header` does and by the pixels too.

    Nothing is decoded yet.

    Raises
    ------
    UnsupportedPixels
        When they cannot be decoded, or are not what the header says.
    """
    syntax = _syntax(dataset)
    with refusing(name, syntax):
        cells, frames, rows, columns = _described(dataset, syntax, max_voxels)
        data = dataset.get("PixelData")
        if not data:
            raise UnsupportedPixels("no Pixel Data")
        if syntax in DECODABLE:
            data = _codestreams(dataset, frames)
        else:
            data = _uncompressed(dataset, frames, rows * columns * cells.allocated // 8)
        return StoredPixels(
            name=name,
            transfer_syntax=syntax,
            frames=frames,
            rows=rows,
            columns=columns,
            cells=cells,
            inverted=dataset.PhotometricInterpretation == "MONOCHROME1",
            padding=_padding(dataset, cells),
            data=data,
        )


def fill(volume: NDArray[np.float32], slices: Iterable[Slice]) -> None:
    """Decode slices into a volume, in as many threads as there are processors.

    Parameters
    ----------
    volume
        float32 (slices, rows, columns).
    slices
        As many as the volume has, in its order. They are asked for one by one, a few ahead of those being decoded:
        where they come from a generator that reads their files, the files are not in memory together.

    Raises
    ------
    UnsupportedPixels
        When a slice cannot be decoded.
    """
    threads = len(os.sched_getaffinity(0))
    running: deque[Future[NDArray[np.float32]]] = deque()
    with ThreadPoolExecutor(threads, "decode") as pool:
        try:
            for plane, (pixels, frame, slope, intercept) in zip(volume, slices, strict=True):
                running.append(pool.submit(pixels.grey, frame, slope, intercept, plane))
                if len(running) > 2 * threads:
                    running.popleft().result()
            while running:
                running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _syntax(dataset: Dataset) -> UID:
    return UID(str(dataset.file_meta.get("TransferSyntaxUID", ""))) if hasattr(dataset, "file_meta") else UID("")


def _described(dataset: Dataset, syntax: UID, max_voxels: int) -> tuple[Cells, int, int, int]:
    """Return the cells of an image, and how many frames, rows and columns it has."""
    if syntax not in NATIVE and syntax not in DECODABLE:
        raise UnsupportedPixels(f"transfer syntax {syntax.name or 'unknown'} cannot be decoded")
    _check_grey(dataset)
    cells, frames = _cells(dataset), _number(dataset, "NumberOfFrames", 1)
    rows, columns = _number(dataset, "Rows"), _number(dataset, "Columns")
    if min(frames, rows, columns) < 1 or frames * rows * columns > max_voxels:
        raise UnsupportedPixels(f"{frames} frames of {rows} x {columns} pixels, from 1 to {max_voxels} can be read")
    return cells, frames, rows, columns


def _check_grey(dataset: Dataset) -> None:
    """Refuse what is not one grey value per pixel, in whole numbers that a slope and an intercept make grey values."""
    photometric, samples = dataset.get("PhotometricInterpretation"), _number(dataset, "SamplesPerPixel")
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or samples != 1:
        raise UnsupportedPixels(f"{samples} samples per pixel, {photometric}: not one grey value per pixel")
    for keyword, what in _NOT_GREY.items():
        if dataset.get(keyword):
            raise UnsupportedPixels(f"{what} in place of whole numbers and Rescale Slope")


def _cells(dataset: Dataset) -> Cells:
    allocated, stored = _number(dataset, "BitsAllocated"), _number(dataset, "BitsStored")
    high, representation = _number(dataset, "HighBit", stored - 1), _number(dataset, "PixelRepresentation")
    if allocated not in (8, 16, 32) or not 1 <= stored <= high + 1 <= allocated or representation not in (0, 1):
        raise UnsupportedPixels(
            f"{allocated} bits allocated, {stored} stored, high bit {high}, Pixel Representation {representation}: "
            "8, 16 or 32 bits can be decoded"
        )
    return Cells(allocated, stored, high, signed=representation == 1)


def _padding(dataset: Dataset, cells: Cells) -> tuple[int, int] | None:
    """Return which stored values are padding (PS3.3 C.7.5.1.1.2); what cannot be stored pads nothing."""
    limits = []
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        value = dataset.get(keyword)
        if isinstance(value, bytes):  # US or SS by Pixel Representation: pydicom leaves some as they are written
            value = int.from_bytes(value[:2], "big" if _is_big_endian(dataset) else "little")
        if value is not None and value != "":
            value = int(value) % 2**16
            limits.append(value - 2**16 if cells.signed and value >= 2**15 else value)
    least, greatest = cells.range
    if not limits or max(limits) < least or min(limits) > greatest:
        return None
    return max(min(limits), least), min(max(limits), greatest)


def _uncompressed(dataset: Dataset, frames: int, size: int) -> bytes:
    """Return the whole Pixel Data, if they hold what the header says; an excess of less than a frame does no harm."""
    data: bytes = dataset.PixelData
    needed = frames * size
    if dataset["PixelData"].is_undefined_length or not needed <= len(data) < needed + max(size, 2):
        raise UnsupportedPixels(f"Pixel Data hold {len(data)} bytes, {frames} frames of {size} bytes are announced")
    if dataset.BitsAllocated == 8 and _is_big_endian(dataset) and dataset["PixelData"].VR == "OW":
        return np.frombuffer(data, "u2", len(data) // 2).byteswap().tobytes()
    return data


def _codestreams(dataset: Dataset, frames: int) -> tuple[bytes, ...]:
    """Return the codestream of each frame (PS3.5 A.4), put together from its fragments."""
    data: bytes = dataset.PixelData
    encapsulated = BytesIO(data)
    parse_basic_offsets(encapsulated)
    fragments = sum(1 for _ in islice(generate_fragments(encapsulated), _MOST_FRAGMENTS + 1))
    if not frames <= fragments <= _MOST_FRAGMENTS:
        raise UnsupportedPixels(
            f"{frames} frames in {fragments} fragments; the most that are read is {_MOST_FRAGMENTS}"
        )
    table = None
    if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
        table = dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths
        if sum(np.frombuffer(table[1], "<u8").tolist()) > len(data):
            raise UnsupportedPixels(
                f"the Extended Offset Table announces more than the {len(data)} bytes of Pixel Data"
            )
    found = generate_fragmented_frames(data, number_of_frames=frames, extended_offsets=table)
    streams = tuple(b"".join(parts) for parts in islice(found, frames + 1))
    if len(streams) != frames or not all(streams):
        raise UnsupportedPixels(f"Pixel Data hold {len(streams)} frames, the header announces {frames}")
    return streams


def _is_big_endian(dataset: Dataset) -> bool:
    return bool(dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian)


def _number(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """Return a whole number of the header."""
    value: SupportsInt | str | None = dataset.get(keyword)
    if value is None or value == "":
        if default is None:
            raise UnsupportedPixels(f"no {keyword}")
        return default
    return int(value)
