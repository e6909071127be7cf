"""Pictures that show the same: found by a perceptual hash, also when brightened, sharpened, re-encoded or mirrored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from inference.preprocess.grid import resize

SIDE = 64
FREQUENCIES = 16
BITS = FREQUENCIES**2 - 1
WITHIN = 16
"""Hamming distance, of 255 bits, up to which two pictures are taken for one.

Seen on "Brain Tumor MRI Dataset": pairs up to 16 were copies, brightened, sharpened or mirrored; from about 24 on,
neighbouring slices of one patient come in.
"""
BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Hashes:
    """The hashes of n pictures, bool (n, 255), as they are and as their mirror images have them."""

    plain: NDArray[np.bool_]
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.plain)


def hash_pictures(pictures: Sequence[NDArray[np.generic]]) -> Hashes:
    """Hash grey pictures (rows, columns) of any size: the signs of their low frequencies about the median.

    The discrete cosine transform of a 64 x 64 picture tells its coarse structure in the first 16 x 16 coefficients;
    brightness is in the very first, which is left out, and contrast in their size, which is not asked (Zauner 2010).
    """
    coefficients = np.stack([_low_frequencies(picture) for picture in pictures])
    # A cosine of odd frequency changes its sign when the columns are turned round, the others do not.
    signs = np.where(np.arange(FREQUENCIES) % 2, -1.0, 1.0)
    return Hashes(_bits(coefficients), _bits(coefficients * signs))


def _low_frequencies(picture: NDArray[np.generic]) -> NDArray[np.float64]:
    small = resize(np.asarray(picture, dtype=np.float32)[None], (SIDE, SIDE))[0]
    low: NDArray[np.float64] = fft.dctn(small.astype(np.float64), norm="ortho")[:FREQUENCIES, :FREQUENCIES]
    return low


def _bits(coefficients: NDArray[np.float64]) -> NDArray[np.bool_]:
    flat = coefficients.reshape(len(coefficients), -1)[:, 1:]
    bits: NDArray[np.bool_] = flat > np.median(flat, axis=1, keepdims=True)
    return bits


def distances(first: Hashes, second: Hashes) -> NDArray[np.int64]:
    """Return Hamming distances (n, m) between the pictures of two sets, the smaller one of plain and mirrored."""
    ours = _signs(first.plain)
    agreement = np.maximum(ours @ _signs(second.plain).T, ours @ _signs(second.mirrored).T)
    apart: NDArray[np.int64] = ((BITS - agreement) / 2).round().astype(np.int64)
    return apart


def _signs(bits: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(bits, np.float32(1), np.float32(-1))


def has_duplicate(pictures: Hashes, others: Hashes, within: int = WITHIN) -> NDArray[np.bool_]:
    """Return which pictures (n,) have a near duplicate among others."""
    if not len(others):
        return np.zeros(len(pictures), dtype=bool)
    return np.concatenate(
        [(distances(block, others) <= within).any(axis=1) for _, block in _blocks(pictures)] or [np.zeros(0, bool)]
    )


def duplicate_groups(pictures: Hashes, within: int = WITHIN) -> NDArray[np.int64]:
    """Return a group number per picture (n,): near duplicates share it, and so do the near duplicates of those."""
    rows, columns = [], []
    for start, block in _blocks(pictures):
        row, column = np.nonzero(distances(block, pictures) <= within)
        rows.append(row + start)
        columns.append(column)
    places = (np.concatenate(rows), np.concatenate(columns))
    graph = coo_array((np.ones(len(places[0]), dtype=bool), places), shape=(len(pictures), len(pictures)))
    groups: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return groups


def _blocks(pictures: Hashes) -> list[tuple[int, Hashes]]:
    return [
        (start, Hashes(pictures.plain[start : start + BLOCK], pictures.mirrored[start : start + BLOCK]))
        for start in range(0, len(pictures), BLOCK)
    ]
