"""The bias field of an MR volume: the smooth shading of the coils, found and divided out (keras.ops)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from inference.preprocess.axes import Matrix, Tensor, along_axes

_GRID_MM = 5.0
_BINS = 128
_SHARPEN_FWHM = 0.1
_NOISE = 0.01
_DEGREES = (2, 3, 4)
_ROUNDS = 12
_FLATTEST = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class _Sharpening:
    """The bins of the histogram of logarithms, and what undoes and redoes the field's blur of it."""

    centres: Tensor
    width: float
    undo: Tensor
    redo: Tensor


def correct_bias(
    array: NDArray[np.generic], mask: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the smooth field that a volume is multiplied by, and divide by it.

    The field blurs the histogram of the logarithms: the blur is taken back by a Wiener filter, every voxel is compared
    with what the sharpened histogram expects it to be, and a smooth surface is laid through the differences, again and
    again. This is N3 (J. Sled et al., A nonparametric method for automatic correction of intensity nonuniformity in MRI
    data, IEEE TMI 17, 1998) with the stepwise refinement of N4 (N. Tustison et al., N4ITK, IEEE TMI 29, 2010); in place
    of B-splines the surface is made of Legendre polynomials of degree 2, then 3, then 4, fitted by least squares. Every
    step is a product of matrices, so the same input gives the same output.

    Parameters
    ----------
    array
        (slices, rows, columns), any unit; what is not above zero is left out of the estimate.
    mask
        The tissue to look at, such as `inference.preprocess.brain.brain_mask`; the same shape.
    spacing_mm
        Distance between neighbours along (slice, row, column).

    Returns
    -------
    float32 of the same shape: the volume without its field, and the field, with geometric mean 1 in the mask. Outside
    of the box round the mask the field goes on level.

    Raises
    ------
    ValueError
        If the shapes differ, or the mask holds too little tissue to tell a field from it.
    """
    if array.shape != mask.shape or array.ndim != 3:
        raise ValueError(f"a volume of shape {array.shape} and a mask of shape {mask.shape}")
    values = np.asarray(array, dtype=np.float32)
    tissue = mask & (values > 0)
    box = _box(tissue)
    thinned = tuple(_thinned(span, mm) for span, mm in zip(box, spacing_mm, strict=True))
    chosen = tissue[thinned]
    if chosen.sum() < 100:
        raise ValueError(f"{int(tissue.sum())} voxels of tissue are too few to find a bias field in")
    logarithms = np.log(values[thinned][chosen])
    coefficients = _estimated(logarithms, chosen)
    field = np.exp(_evaluated(coefficients, array.shape, box))
    field = (field / np.exp(np.log(field[tissue]).mean())).astype(np.float32)
    corrected: NDArray[np.float32] = values / field
    return corrected, field


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    spans = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    first, second, third = (slice(int(span[0]), int(span[-1]) + 1) if span.size else slice(0, 1) for span in spans)
    return first, second, third


def _thinned(span: slice, spacing_mm: float) -> slice:
    """Take a voxel about every 5 mm: a mean of several would mix tissues, and blur the histogram."""
    step = max(1, round(_GRID_MM / spacing_mm))
    return slice(span.start + (step - 1) // 2, span.stop, step)


def _estimated(logarithms: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the Legendre coefficients (d, d, d) of the logarithm of the field."""
    ops = keras.ops
    sharpening = _sharpening(logarithms)
    measured = ops.convert_to_tensor(logarithms, dtype="float32")
    field = ops.zeros_like(measured)
    degree = 0
    for degree in _DEGREES:
        basis = _basis(chosen, degree)
        triangle = np.linalg.qr(basis)
        surface = ops.convert_to_tensor(triangle.Q, dtype="float32")
        for _ in range(_ROUNDS):
            expected = _expected(measured - field, sharpening)
            fitted = ops.matmul(ops.transpose(surface), (measured - expected)[:, None])
            field = ops.matmul(surface, fitted)[:, 0]
    weights = np.linalg.lstsq(_basis(chosen, degree), ops.convert_to_numpy(field).astype(np.float64), rcond=None)[0]
    coefficients = np.zeros((degree + 1,) * 3)
    for powers, weight in zip(_powers(degree), weights, strict=True):
        coefficients[powers] = weight
    return coefficients


def _sharpening(logarithms: NDArray[np.float32]) -> _Sharpening:
    low, high = np.percentile(logarithms, (0.5, 99.5))
    width = max((high - low + 1.2) / (_BINS - 1), 1e-3)
    centres = low - 0.6 + width * np.arange(_BINS)
    offsets = width * (np.arange(_BINS) - _BINS // 2)
    sigma = _SHARPEN_FWHM / math.sqrt(8 * math.log(2))
    blur = np.exp(-(offsets**2) / (2 * sigma**2))
    spectrum = np.fft.fft(np.fft.ifftshift(blur / blur.sum()))
    undone = np.fft.ifft(spectrum.conj() / (np.abs(spectrum) ** 2 + _NOISE)).real
    shift = (np.arange(_BINS)[:, None] - np.arange(_BINS)) % _BINS
    redone = np.fft.ifft(spectrum).real
    undo, redo = (keras.ops.convert_to_tensor(kernel[shift], dtype="float32") for kernel in (undone, redone))
    return _Sharpening(keras.ops.convert_to_tensor(centres, dtype="float32"), float(width), undo, redo)


def _expected(values: Tensor, sharpening: _Sharpening) -> Tensor:
    """Return what each of the values (n,) is expected to be without the field's blur."""
    ops = keras.ops
    centres = sharpening.centres[:, None]
    within = ops.clip(values, sharpening.centres[0], sharpening.centres[-1])
    shares = ops.relu(1 - ops.abs(within[:, None] - sharpening.centres) / sharpening.width)
    sharp = ops.relu(ops.matmul(sharpening.undo, ops.sum(shares, axis=0)[:, None]))
    amount = ops.matmul(sharpening.redo, sharp)
    mean = ops.matmul(sharpening.redo, sharp * centres) / ops.maximum(amount, 1e-6)
    mean = ops.where(amount > 1e-3, mean, centres)
    return ops.matmul(shares, mean)[:, 0]


def _powers(degree: int) -> list[tuple[int, int, int]]:
    counts = range(degree + 1)
    return [(i, j, k) for i in counts for j in counts for k in counts if i + j + k <= degree]


def _basis(chosen: NDArray[np.bool_], degree: int) -> Matrix:
    """Return the Legendre polynomials (n, terms) at the chosen voxels; the box round them runs from -1 to 1."""
    lines = [_legendre((np.arange(n) + 0.5) * 2 / n - 1, degree) for n in chosen.shape]
    at = [line[place] for line, place in zip(lines, np.nonzero(chosen), strict=True)]
    return np.stack([at[0][:, i] * at[1][:, j] * at[2][:, k] for i, j, k in _powers(degree)], axis=1)


def _evaluated(
    coefficients: NDArray[np.float64], shape: tuple[int, ...], box: tuple[slice, slice, slice]
) -> NDArray[np.float32]:
    """Return the surface on the whole grid."""
    degree = coefficients.shape[0] - 1
    lines = []
    for size, span in zip(shape, box, strict=True):
        place = (np.arange(size) - span.start + 0.5) * 2 / (span.stop - span.start) - 1
        lines.append(_legendre(np.clip(place, -1, 1), degree))
    surface: NDArray[np.float32] = keras.ops.convert_to_numpy(along_axes(coefficients, lines))
    return surface


def _legendre(places: NDArray[np.float64], degree: int) -> Matrix:
    values: Matrix = np.polynomial.legendre.legvander(places, degree).astype(np.float64)
    return values
