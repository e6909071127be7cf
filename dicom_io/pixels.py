"""From stored Pixel Data to grey values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from dicom_io.errors import NONSENSE, UnsupportedPixels


def decode(dataset: Dataset, rescale: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """Decode the frames of an image.

    Parameters
    ----------
    rescale
        (slope, intercept) of the Modality LUT of each frame, in stored order.

    Returns
    -------
    float32 (frames, rows, columns), bright where the image is bright: MONOCHROME1 is turned round within its range
    of stored values.

    Raises
    ------
    UnsupportedPixels
        When the image is in colour, has a Modality LUT that is a table, or cannot be decoded.
    """
    stored = _stored_values(dataset)
    if len(stored) != len(rescale):
        raise UnsupportedPixels(f"Pixel Data hold {len(stored)} frames, the header announces {len(rescale)}")
    slopes, intercepts = np.array(rescale, np.float64).reshape(-1, 2).T[:, :, None, None]
    grey: NDArray[np.float32] = (stored * slopes + intercepts).astype(np.float32)
    return grey


def _stored_values(dataset: Dataset) -> NDArray[np.float64]:
    """Decode to (frames, rows, columns), bright where the image is bright."""
    try:
        photometric, samples = dataset.PhotometricInterpretation, dataset.SamplesPerPixel
        if photometric not in ("MONOCHROME1", "MONOCHROME2") or samples != 1:
            raise UnsupportedPixels(f"{samples} samples per pixel, {photometric}: not one grey value per pixel")
        if "ModalityLUTSequence" in dataset:
            raise UnsupportedPixels("a Modality LUT Sequence instead of Rescale Slope")
        stored = pixel_array(dataset, raw=True).astype(np.float64)
        if photometric == "MONOCHROME1":
            stored = (-1 if dataset.PixelRepresentation else 2**dataset.BitsStored - 1) - stored
    except NONSENSE as error:
        syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnsupportedPixels(f"Pixel Data in {syntax.name} cannot be decoded: {reason}") from error
    return stored.reshape(-1, *stored.shape[-2:])
