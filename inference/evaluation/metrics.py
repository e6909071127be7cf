"""Figures of merit, from arrays alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NORMAL_95 = 1.959964


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


def classification_report(matrix: NDArray[np.int64], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and members of each label and their macro and weighted averages.

    As ``sklearn.metrics.classification_report`` counts them, with 0 where there is nothing to count.
    """
    rows = [
        {"precision": one.precision, "recall": one.recall, "f1": _f1(one), "members": one.members}
        for one in class_figures(matrix)
    ]
    weights = [row["members"] for row in rows]
    total = sum(weights)
    report = dict(zip(labels, rows, strict=True))
    for title, shares in (("macro_average", None), ("weighted_average", weights if total else None)):
        report[title] = {
            key: float(np.average([row[key] for row in rows], weights=shares)) for key in ("precision", "recall", "f1")
        } | {"members": total}
    return report


def _f1(one: ClassFigures) -> float:
    total = one.precision + one.recall
    return 2 * one.precision * one.recall / total if total else 0.0


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Wilson 1927); (0, 1) where nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share, square = hits / n, NORMAL_95**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = NORMAL_95 / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return centre - half if hits else 0.0, centre + half if hits < n else 1.0


def bootstrap_interval(
    values: Sequence[float] | NDArray[np.floating], seed: int, draws: int = 10_000
) -> tuple[float, float]:
    """Return the 95 % confidence interval of the mean, by drawing members with replacement (percentile bootstrap)."""
    array = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = array[rng.integers(0, len(array), (draws, len(array)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def roc_curve(
    truth: NDArray[np.generic], scores: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return false positive and true positive rates, from (0, 0) to (1, 1), a point for each distinct score.

    Parameters
    ----------
    truth
        (n,): whether each is a member. There must be members and others.
    scores
        (n,): the higher, the likelier a member.

    Raises
    ------
    ValueError
        When there are only members, or none.
    """
    members = truth.astype(bool)
    if members.all() or not members.any():
        raise ValueError(f"a ROC curve needs members and others; {int(members.sum())} of {len(members)} are members")
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
    hits, misses = np.cumsum(members[order])[last], np.cumsum(~members[order])[last]
    return np.append(0.0, misses / misses[-1]), np.append(0.0, hits / hits[-1])


def roc_area(truth: NDArray[np.generic], scores: NDArray[np.floating]) -> float:
    """Return the area under the ROC curve of members (n,) and scores (n,); NaN where all or none are members."""
    try:
        false_rate, true_rate = roc_curve(truth, scores)
    except ValueError:
        return math.nan
    return float(np.sum(np.diff(false_rate) * (true_rate[1:] + true_rate[:-1])) / 2)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of similar confidence: how sure they were on average, how often they were right, how many they are."""

    confidence: float
    accuracy: float
    members: int


def reliability(confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = 15) -> list[Bin]:
    """Return the bins of equal width over 0..1 that have members, from confidence (n,) and correctness (n,)."""
    number = np.clip((confidence * bins).astype(int), 0, bins - 1)
    return [
        Bin(float(confidence[number == one].mean()), float(correct[number == one].mean()), int((number == one).sum()))
        for one in np.unique(number)
    ]


def expected_calibration_error(
    probabilities: NDArray[np.floating], truth: NDArray[np.integer], bins: int = 15
) -> float:
    """Return how far confidence is from accuracy, averaged over answers (Guo et al. 2017).

    Parameters
    ----------
    probabilities
        (n, classes); the answer is the likeliest class and its probability the confidence.
    truth
        (n,): the number of the true class.
    """
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    found = reliability(confidence, correct, bins)
    return sum(one.members * abs(one.accuracy - one.confidence) for one in found) / len(truth)


def rounded(figures: object, digits: int = 4) -> object:
    """Return nested figures as JSON holds them: numbers rounded, NaN and infinity as None, arrays as lists."""
    if isinstance(figures, Mapping):
        return {str(key): rounded(value, digits) for key, value in figures.items()}
    if isinstance(figures, np.ndarray):
        return rounded(figures.tolist(), digits)
    if isinstance(figures, list | tuple):
        return [rounded(value, digits) for value in figures]
    if isinstance(figures, np.generic):
        return rounded(figures.item(), digits)
    if isinstance(figures, float):
        return round(figures, digits) if math.isfinite(figures) else None
    return figures
