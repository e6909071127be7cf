"""The stored pixel values of one image, and the grey values that they stand for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID, ExplicitVRBigEndian

from dicom_io.codestream import LOSSY, StreamHeader, decode_frame
from dicom_io.errors import NONSENSE, UnsupportedPixels

_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Cells:
    """Which bits of a pixel's cell hold its value (PS3.5 8.1.1); the others may hold anything, such as overlays."""

    allocated: int
    stored: int
    high: int
    signed: bool

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest value that can be stored."""
        return (-(2 ** (self.stored - 1)), 2 ** (self.stored - 1) - 1) if self.signed else (0, 2**self.stored - 1)

    def values(
        self, decoded: NDArray[np.integer], stream: StreamHeader | None = None, *, lossy: bool = False
    ) -> NDArray[np.integer]:
        """Return the stored values.

        A codestream that knows no sign, of fewer bits than are stored, holds two's complement of its own bits. One of
        more bits may overshoot the stored range where it is lossy: its values are clipped, not masked.
        """
        if lossy and stream and stream.bits > self.stored and stream.signed == self.signed:
            clipped: NDArray[np.integer] = np.clip(decoded, *self.range)
            return clipped
        width = self.allocated // 8
        cells = decoded.astype(f"u{width}", copy=False)
        bits = self.stored
        if (stream.bits if stream else self.allocated) > self.high and (above := self.high + 1 - bits):
            cells = cells >> above
        if self.signed:
            if stream and not stream.signed:
                bits = min(bits, stream.bits)
            unused = self.allocated - bits
            return (cells << unused).view(f"i{width}") >> unused if unused else cells.view(f"i{width}")
        return cells & (2**bits - 1) if bits < self.allocated else cells


@dataclass(frozen=True, slots=True, eq=False)
class StoredPixels:
    """The Pixel Data of an image that was found decodable; its frames may be asked for from several threads.

    Attributes
    ----------
    name
        What messages call the image.
    inverted
        MONOCHROME1: the least stored value is the brightest.
    padding
        The least and the greatest stored value that mean "no pixel here"; None where the image has no padding.
    data
        Uncompressed: the whole Pixel Data. Compressed: the codestream of each frame.
    """

    name: str
    transfer_syntax: UID
    frames: int
    rows: int
    columns: int
    cells: Cells
    inverted: bool
    padding: tuple[int, int] | None
    data: bytes | Sequence[bytes]

    def grey(
        self, frame: int, slope: float = 1.0, intercept: float = 0.0, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Decode one frame.

        Parameters
        ----------
        frame
            Its number, from 0.
        slope, intercept
            The Modality LUT of the frame.
        out
            Where to put the grey values, (rows, columns).

        Returns
        -------
        float32 (rows, columns), bright where the image is bright: MONOCHROME1 is turned round within its range of
        stored values. Padding becomes what the absence of signal looks like: the grey value of stored 0, or the
        darkest of the frame's pixels where that is darker. It is thus the same in all frames that hold no negative
        values, and never bright.

        Raises
        ------
        UnsupportedPixels
            When the frame cannot be decoded or its grey values are beyond what float32 holds.
        """
        with refusing(self.name, self.transfer_syntax):
            self._check_range(slope, intercept)
            stored = self.stored(frame)
            padded = None
            if self.padding:
                padded = (stored >= self.padding[0]) & (stored <= self.padding[1])
            if self.inverted:
                stored = ~stored if self.cells.signed else self.cells.range[1] - stored
            grey = np.empty(stored.shape, np.float32) if out is None else out
            if grey.shape != stored.shape:
                raise UnsupportedPixels(f"a frame of {stored.shape} pixels for a slice of {grey.shape}")
            grey[...] = stored if (slope, intercept) == (1, 0) else stored.astype(np.float64) * slope + intercept
            if padded is not None:
                grey[padded] = min(intercept, grey.min(where=~padded, initial=np.inf))
            return grey

    def stored(self, frame: int) -> NDArray[np.integer]:
        """Decode one frame to its stored values, integers (rows, columns)."""
        expected = StreamHeader(self.rows, self.columns, 1, self.cells.allocated)
        if not isinstance(self.data, bytes):
            decoded, stream = decode_frame(self.data[frame], self.transfer_syntax, expected)
            return self.cells.values(decoded, stream, lossy=self.transfer_syntax in LOSSY)
        kind, count = f"u{self.cells.allocated // 8}", self.rows * self.columns
        order = ">" if self.transfer_syntax == ExplicitVRBigEndian else "<"
        cells = np.frombuffer(self.data, order + kind, count, frame * count * self.cells.allocated // 8)
        return self.cells.values(cells.reshape(self.rows, self.columns))

    def _check_range(self, slope: float, intercept: float) -> None:
        extreme = max(abs(value * slope + intercept) for value in self.cells.range)
        if not extreme <= _FLOAT32_MAX:
            raise UnsupportedPixels(f"Rescale Slope {slope:g} and Intercept {intercept:g} make values of {extreme:g}")


@contextmanager
def refusing(name: str, transfer_syntax: UID) -> Iterator[None]:
    """Turn whatever nonsense raises into a refusal that names the image and the transfer syntax."""
    image = f"{name}: " if name else ""
    try:
        yield
    except UnsupportedPixels as error:
        raise UnsupportedPixels(f"{image}{error}") from error
    except NONSENSE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnsupportedPixels(f"{image}Pixel Data in {transfer_syntax.name} cannot be decoded: {reason}") from error
