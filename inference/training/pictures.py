"""Pictures without duplicates, divided so that no patient and no copy is on both sides."""

import random
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from inference.training.datasets import LabelledImage
from inference.training.duplicates import duplicate_groups, has_duplicate, hash_pictures
from inference.training.splits import split_by_number


def unique_pictures(
    images: Sequence[LabelledImage],
    answer: Callable[[LabelledImage], Hashable],
    shunned: Sequence[LabelledImage] = (),
) -> dict[str, LabelledImage]:
    """Return the first picture of each group of near duplicates, by name, with the group's smallest number.

    Left out are groups whose members have different answers, and those with a near duplicate among ``shunned``.
    """
    hashes = hash_pictures([image.pixels for image in images])
    unwanted = has_duplicate(hashes, hash_pictures([i.pixels for i in shunned])) if shunned else [False] * len(images)
    groups: dict[int, list[int]] = {}
    for position, group in enumerate(duplicate_groups(hashes)):
        groups.setdefault(int(group), []).append(position)
    kept = {}
    for members in groups.values():
        if len({answer(images[p]) for p in members}) == 1 and not any(unwanted[p] for p in members):
            numbers = [number for p in members if (number := images[p].figshare_number) is not None]
            first = images[members[0]]
            kept[first.name] = replace(first, figshare_number=min(numbers, default=None))
    return kept


def hold_out(unique: dict[str, LabelledImage], seed: int, share: float = 0.15) -> tuple[set[str], set[str]]:
    """Hold out windows of Cheng's numbering, and of the pictures without a number as large a share.

    Returns
    -------
    held_out, unused
        Names in the held-out part, and names so near to a window that they may show a patient of it.
    """
    held_out, unused = split_by_number({name: image.figshare_number for name, image in unique.items()}, seed, share)
    unnumbered = sorted(name for name, image in unique.items() if image.figshare_number is None)
    return held_out | set(random.Random(seed).sample(unnumbered, round(share * len(unnumbered)))), unused
