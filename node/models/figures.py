"""The measured figures of a card: the few that tell most, and all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inference.card import IN_SHORT


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, or an interval: where it was measured (empty where there is one place), what it is."""

    where: str
    name: str
    value: str


def key_figures(provenance: Mapping[str, object]) -> Mapping[str, str]:
    """Return what a card's figures say in short: the model's own, then, so named, those of other weights."""
    parts = dict(sorted(provenance.items(), key=lambda pair: pair[0] != "figures"))
    return {
        name if key == "figures" else f"other weights, {_words((key,))}: {name}": str(value)
        for key, part in parts.items()
        if isinstance(part, Mapping) and isinstance(short := part.get(IN_SHORT), Mapping)
        for name, value in short.items()
    }


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
