"""Which pictures of a data set show the same, within its parts and across them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from inference.training.duplicates import WITHIN, Hashes, duplicate_groups, has_duplicate


def repeats_within(hashes: Hashes, labels: NDArray[np.generic], within: int = WITHIN) -> Mapping[str, int]:
    """Count near duplicates of one part of a data set.

    Parameters
    ----------
    labels
        (n,): what each picture is called; a group of near duplicates with two labels contradicts itself.

    Returns
    -------
    Mapping
        Groups of two pictures or more, the pictures that could go (all but one of each group), the largest group, and
        the groups and pictures with more than one label.
    """
    groups = duplicate_groups(hashes, within)
    sizes = np.bincount(groups)
    repeated = np.flatnonzero(sizes > 1)
    mixed = [group for group in repeated if len(set(labels[groups == group].tolist())) > 1]
    return {
        "pictures": len(hashes),
        "groups": len(repeated),
        "could_go": int((sizes[repeated] - 1).sum()),
        "largest_group": int(sizes.max(initial=0)),
        "groups_of_two_labels": len(mixed),
        "pictures_of_those": int(sizes[mixed].sum()) if mixed else 0,
    }


def repeats_across(
    hashes: Hashes, others: Hashes, classes: NDArray[np.generic], names: Sequence[str]
) -> Mapping[str, object]:
    """Count the pictures of one part that have a near duplicate in another, by class number."""
    found = has_duplicate(hashes, others)
    return {
        name: {
            "pictures": int((classes == number).sum()),
            "with_near_duplicate": int(found[classes == number].sum()),
            "share": float(found[classes == number].mean()) if (classes == number).any() else 0.0,
        }
        for number, name in enumerate(names)
    }
