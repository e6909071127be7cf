"""How the head in a slice is framed for a network that sees one square picture (numpy, scipy)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.preprocess.grid import SquareFit
from inference.preprocess.intensity import FOREGROUND_SHARE, scale_to_unit


@dataclass(frozen=True, slots=True)
class HeadFit:
    """How the head of a slice fills the network's square, so that the field of view tells nothing."""

    shape: tuple[int, int]
    box: tuple[slice, slice]
    square: SquareFit

    @classmethod
    def of(cls, image: NDArray[np.generic], size: int, spacing: tuple[float, float] = (1.0, 1.0)) -> "HeadFit":
        """Find the head in an image (rows, columns); frames and letters thinner than five pixels do not count."""
        grey = np.asarray(image, dtype=np.float32)
        bright = grey > FOREGROUND_SHARE * np.percentile(grey, 99.5)
        solid = ndimage.binary_opening(bright, iterations=2)
        found = ndimage.find_objects(solid.astype(np.uint8))
        rows, columns = found[0] if found else (slice(0, image.shape[0]), slice(0, image.shape[1]))
        inner = (rows.stop - rows.start, columns.stop - columns.start)
        return cls((image.shape[0], image.shape[1]), (rows, columns), SquareFit.of(inner, spacing, size))

    def forward(self, image: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return an image (rows, columns) as the network sees it: (size, size, 1), 0..1, padded with 0."""
        shown: NDArray[np.float32] = self.square.forward(scale_to_unit(image[self.box])[None], fill=0.0)[0][..., None]
        return shown

    def forward_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask (rows, columns) as it lies in the network's square, (size, size)."""
        square: NDArray[np.bool_] = self.square.forward(mask[self.box][None].astype(np.float32), fill=0.0)[0] >= 0.5
        return square

    def backward(self, picture: NDArray[np.floating]) -> NDArray[np.float32]:
        """(size, size) -> (rows, columns), 0 outside the head."""
        whole = np.zeros(self.shape, dtype=np.float32)
        whole[self.box] = self.square.backward(picture[None])[0]
        return whole
