"""The few measured figures of a card that tell most of how good a model is; cards nest them as their task needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

WANTED: Mapping[str, Sequence[str]] = {
    "segmentation": ("volume_dice_mean", "dice_mean", "dice", "empty_slices_with_false_positives", "lesion"),
    "classification": ("accuracy", "ece", "expected_calibration_error", "roc_area", "recall"),
    "detection": ("accuracy", "tumour_recall", "specificity", "roc_area"),
}
"""By task, words that the names of figures begin with, the most telling first."""
ANY = ("accuracy", "majority", "balanced_accuracy", "roc_area", "dice", "recall")
"""For other tasks."""
_MOST_NAMES, _MOST_PLACES, _MOST = 2, 3, 6


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, or an interval: where it was measured ("testing"; empty where there is one place), what it is."""

    where: str
    name: str
    value: str


def key_figures(task: str, figures: object) -> tuple[Figure, ...]:
    """Return at most six figures, the most telling first.

    Parameters
    ----------
    task
        The card's.
    figures
        ``provenance["figures"]`` of the card: numbers and lists of numbers in nested mappings; anything else is passed
        over.
    """
    there = list(_leaves(figures, ()))
    found: list[Figure] = []
    for word in WANTED.get(task, ANY):
        names = list(dict.fromkeys(name for _, name, _ in there if name.startswith(word) and "lowest" not in name))
        for chosen in names[:_MOST_NAMES]:
            places = [Figure(_words(where), _words((name,)), value) for where, name, value in there if name == chosen]
            found += places[:_MOST_PLACES]
    return tuple(dict.fromkeys(found))[:_MOST]


def all_figures(figures: object) -> tuple[Figure, ...]:
    """Return every figure, in the card's order."""
    return tuple(Figure(_words(where), _words((name,)), value) for where, name, value in _leaves(figures, ()))


def _leaves(figures: object, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield (where, name, value in words) of every number, and of every interval."""
    if not isinstance(figures, Mapping):
        return
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*where, str(key)))
        elif isinstance(value, bool) or not isinstance(value, int | float | list | tuple):
            continue
        elif isinstance(value, int | float):
            yield where, str(key), _number(value)
        elif len(value) == 2 and all(isinstance(one, int | float) for one in value):
            yield where, str(key), f"{_number(value[0])} to {_number(value[1])}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _words(names: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
