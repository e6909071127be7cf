"""How slices of any acquisition are shown to a radiologist: turned in their own plane by the affine (numpy only)."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dicom_io.volume import Geometry

Scalar = TypeVar("Scalar", bound=np.generic)
Vector = NDArray[np.float64]

LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Towards minus and plus of x, y and z, PS3.3 C.7.6.1.1.1."""

_SHOWN = {  # by the axis of the normal: what goes to the right of the picture, and what goes down
    0: ((0, 1, 0), (0, 0, -1)),  # sagittal: the face looks left
    1: ((1, 0, 0), (0, 0, -1)),  # coronal: the patient's right is left
    2: ((1, 0, 0), (0, 1, 0)),  # axial: seen from the feet
}
_WORTH_A_LETTER = 0.25  # of a direction cosine: some 15 degrees


@dataclass(frozen=True, slots=True)
class View:
    """An exact re-ordering of the pixels of every slice, and what then lies where.

    Attributes
    ----------
    transpose, flip
        Rows and columns change places; then rows and columns are reversed.
    spacing
        Distance in mm of shown (rows, columns).
    edges
        Where left, right, top and bottom of the picture lie in the patient: "R", or "AH" where oblique.
    axis
        Patient axis (0 x, 1 y, 2 z) that the slices are nearest to being stacked along.
    """

    transpose: bool
    flip: tuple[bool, bool]
    spacing: tuple[float, float]
    edges: tuple[str, str, str, str]
    axis: int

    def turned(self, slices: NDArray[Scalar]) -> NDArray[Scalar]:
        """Turn slices (n, rows, columns) as they are shown."""
        swapped = slices.transpose(0, 2, 1) if self.transpose else slices
        rows, columns = (slice(None, None, -1 if flip else 1) for flip in self.flip)
        return swapped[:, rows, columns]


def view_of(geometry: Geometry) -> View:
    """Return the view of a grid: the patient's right on the left, anterior or superior up, as near as slices allow."""
    along_column, along_row = _unit(geometry.row_step), _unit(geometry.column_step)
    axis = int(np.abs(np.cross(along_row, along_column)).argmax())
    right, down = (np.array(direction, dtype=float) for direction in _SHOWN[axis])
    straight = abs(along_row @ right) + abs(along_column @ down)
    transpose = bool(abs(along_column @ right) + abs(along_row @ down) > straight)
    rightward, downward = (along_column, along_row) if transpose else (along_row, along_column)
    flip = bool(downward @ down < 0), bool(rightward @ right < 0)
    downward, rightward = downward * (-1 if flip[0] else 1), rightward * (-1 if flip[1] else 1)
    _, row_mm, column_mm = geometry.spacing
    return View(
        transpose,
        flip,
        (column_mm, row_mm) if transpose else (row_mm, column_mm),
        (_letters(-rightward), _letters(rightward), _letters(-downward), _letters(downward)),
        axis,
    )


def side(axis: int, millimetres: float) -> str:
    """Return a position along a patient axis as viewers write it, such as "H 34.5 mm"."""
    return f"{LETTERS[axis][millimetres > 0]} {abs(millimetres):.1f} mm"


def _unit(step: tuple[float, float, float]) -> Vector:
    vector: Vector = np.array(step) / np.linalg.norm(step)
    return vector


def _letters(direction: Vector) -> str:
    """Name a direction, the main part of it first."""
    order = np.argsort(-np.abs(direction), kind="stable")
    named = [LETTERS[axis][int(direction[axis] > 0)] for axis in order if abs(direction[axis]) >= _WORTH_A_LETTER]
    return "".join(named)
