"""Figures of merit, from arrays alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def dice(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Return 2|A and B| / (|A| + |B|) of two masks of one shape; 1 when both are empty."""
    total = int(truth.sum()) + int(found.sum())
    return 2 * int((truth & found).sum()) / total if total else 1.0


def intersection_over_union(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Return |A and B| / |A or B| of two masks of one shape; 1 when both are empty."""
    union = int((truth | found).sum())
    return int((truth & found).sum()) / union if union else 1.0


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How one class fares: of its members, how many were named so; of those named so, how many are."""

    recall: float
    precision: float
    members: int


def confusion_matrix(truth: NDArray[np.integer], found: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Return counts (classes, classes): row = true class, column = class found."""
    counts = np.bincount(truth.astype(np.int64) * classes + found.astype(np.int64), minlength=classes * classes)
    return counts.reshape(classes, classes)


def class_figures(matrix: NDArray[np.int64]) -> list[ClassFigures]:
    """Return recall, precision and members of each class of a confusion matrix; 0 where there is nothing to count."""
    rows, columns, hits = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    return [
        ClassFigures(
            recall=float(hit / row) if row else 0.0,
            precision=float(hit / column) if column else 0.0,
            members=int(row),
        )
        for hit, row, column in zip(hits, rows, columns, strict=True)
    ]
