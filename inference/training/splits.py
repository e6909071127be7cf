"""Who trains and who tests: by patient wherever patients are known."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Member = TypeVar("Member")

# Slices of one patient are neighbours in Cheng's numbering (about 13 a patient); a window is held out whole,
# with a margin on both sides that nobody uses, so that no patient has slices on both sides of the border.
WINDOW = 60
MARGIN = 20


@dataclass(frozen=True, slots=True)
class Split(Generic[Member]):
    """The members of each part."""

    train: tuple[Member, ...]
    validation: tuple[Member, ...]
    test: tuple[Member, ...]


def split_patients(sites: Mapping[str, str], seed: int, validation: float = 0.12, test: float = 0.15) -> Split[str]:
    """Split patients at random within each site, so that every scanner is in every part.

    Parameters
    ----------
    sites
        Patient name -> site.
    """
    order = sorted(sites)
    random.Random(seed).shuffle(order)
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for site in sorted(set(sites.values())):
        members = [name for name in order if sites[name] == site]
        tests, validations = round(test * len(members)), round(validation * len(members))
        parts["test"] += members[:tests]
        parts["validation"] += members[tests : tests + validations]
        parts["train"] += members[tests + validations :]
    return Split(*(tuple(sorted(parts[part])) for part in ("train", "validation", "test")))


def split_slices(slices: Sequence[Member], seed: int) -> Split[Member]:
    """Split slices at random, whoever they are of, in the source's shares: 2,838 to 501 to 590."""
    order = list(slices)
    random.Random(seed).shuffle(order)
    first, second = round(2838 / 3929 * len(order)), round(3339 / 3929 * len(order))
    return Split(tuple(order[:first]), tuple(order[first:second]), tuple(order[second:]))


def split_by_number(numbers: Mapping[str, int | None], seed: int, share: float = 0.15) -> tuple[set[str], set[str]]:
    """Hold out whole windows of Cheng's numbering.

    Parameters
    ----------
    numbers
        Picture name -> its number, or None where it is not known.
    share
        The share of the windows that is held out.

    Returns
    -------
    held_out, unused
        Names in a held-out window, and names so near to one that they may show the same patient.
    """
    known = {name: number for name, number in numbers.items() if number is not None}
    windows = sorted({number // WINDOW for number in known.values()})
    chosen = set(random.Random(seed).sample(windows, round(share * len(windows))))
    held_out = {name for name, number in known.items() if number // WINDOW in chosen}
    unused = {name for name, number in known.items() if name not in held_out and _near(number, chosen)}
    return held_out, unused


def _near(number: int, windows: set[int]) -> bool:
    return (number - MARGIN) // WINDOW in windows or (number + MARGIN) // WINDOW in windows
