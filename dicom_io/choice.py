"""Which of several volumes of one sequence a model gets, and why that one (pure)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dicom_io.candidate import Candidate

_ISOTROPIC_MM, _ISOTROPIC_RATIO = 1.5, 1.5
_HEAD_MM = 100.0
"""Slices that cover less than this show a part of the brain only, such as the inner ear or the pituitary gland."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The volume a model gets, and why it and not another; the reason is empty where only one fits."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True)
class _Criterion:
    """What is better the smaller its rank, and what is said of a candidate that loses, or wins, by it."""

    rank: Callable[[Candidate], float]
    words: Callable[[Candidate], str]


def choose(candidates: Sequence[Candidate], sequence: str) -> Choice | None:
    """Choose the volume of a sequence that a model gets; None where no eligible one is of that sequence.

    One that covers the head goes before one that covers a part. Then axial, or isotropic (below 1.5 mm, in any plane),
    before other planes; then the finer slice spacing, then the finer in plane; then the latest, for one repeats what
    the patient moved in; then the lowest series number. The order of the candidates does not matter.
    """
    fitting = sorted((one for one in candidates if one.eligible and one.sequence == sequence), key=_order)
    if not fitting:
        return None
    best, *losers = fitting
    if not losers:
        return Choice(best, "")
    lost = [(loser, _lost_by(best, loser)) for loser in losers]
    last = max(_CRITERIA.index(criterion) for _, criterion in lost)
    merits = ", ".join(criterion.words(best) for criterion in _CRITERIA[1 : max(last, 2) + 1])
    return Choice(best, f"{merits}: preferred to {' and '.join(f'{one.name} ({by.words(one)})' for one, by in lost)}")


def _lost_by(best: Candidate, loser: Candidate) -> _Criterion:
    return next((one for one in _CRITERIA if one.rank(best) != one.rank(loser)), _CRITERIA[-1])


def _order(one: Candidate) -> tuple[object, ...]:
    return (*(criterion.rank(one) for criterion in _CRITERIA), one.series_number, one.series_instance_uid, one.part)


def _covered_mm(one: Candidate) -> float:
    """Return the least extent of a volume: an orbit is small in the plane, a slab across it."""
    return min(count * spacing for count, spacing in zip(one.shape, one.spacing, strict=True))


def _is_isotropic(one: Candidate) -> bool:
    return max(one.spacing) < _ISOTROPIC_MM and max(one.spacing) < _ISOTROPIC_RATIO * min(one.spacing)


def _seconds(one: Candidate) -> float:
    return (one.acquired_at - datetime.min).total_seconds() if one.acquired_at else 0.0


def _number(one: Candidate) -> float:
    return float(one.series_number) if one.series_number.isdecimal() else float("inf")


_CRITERIA = (
    _Criterion(lambda one: _covered_mm(one) < _HEAD_MM, lambda one: f"covers {_covered_mm(one):.0f} mm"),
    _Criterion(
        lambda one: not (one.plane == "axial" or _is_isotropic(one)),
        lambda one: f"{one.plane or 'unknown plane'}{', isotropic' if _is_isotropic(one) else ''}",
    ),
    _Criterion(lambda one: round(one.spacing[0], 1), lambda one: f"{one.spacing[0]:.1f} mm"),
    _Criterion(lambda one: round(max(one.spacing[1:]), 2), lambda one: f"{max(one.spacing[1:]):.2f} mm in plane"),
    _Criterion(
        lambda one: -_seconds(one),
        lambda one: f"acquired {one.acquired_at:%H:%M:%S}" if one.acquired_at else "acquired at an unknown time",
    ),
    _Criterion(_number, lambda one: f"series number {one.series_number or 'unknown'}"),
)
