import numpy as np
from scipy.ndimage import gaussian_filter

from inference.exploration.repeats import repeats_across, repeats_within
from inference.training.duplicates import hash_pictures

RNG = np.random.default_rng(3)
PICTURES = [gaussian_filter(RNG.random((64, 64)), 3) for _ in range(5)]


def test_copies_are_counted_by_group_and_contradictions_apart() -> None:
    hashes = hash_pictures([*PICTURES, PICTURES[0], PICTURES[0][:, ::-1], PICTURES[1] * 3])

    found = repeats_within(hashes, np.array(["a", "b", "a", "a", "a", "a", "a", "c"]))

    assert found == {
        "pictures": 8,
        "groups": 2,
        "could_go": 3,
        "largest_group": 3,
        "groups_of_two_labels": 1,
        "pictures_of_those": 2,
    }


def test_pictures_that_are_all_different_have_no_groups() -> None:
    found = repeats_within(hash_pictures(PICTURES), np.arange(5))

    assert (found["groups"], found["could_go"], found["largest_group"]) == (0, 0, 1)


def test_copies_in_another_part_are_counted_by_class() -> None:
    testing = hash_pictures([PICTURES[0], PICTURES[1], PICTURES[2]])
    training = hash_pictures([PICTURES[1], PICTURES[4]])

    found = repeats_across(testing, training, np.array([0, 1, 1]), ("a", "b", "none"))

    assert found == {
        "a": {"pictures": 1, "with_near_duplicate": 0, "share": 0.0},
        "b": {"pictures": 2, "with_near_duplicate": 1, "share": 0.5},
        "none": {"pictures": 0, "with_near_duplicate": 0, "share": 0.0},
    }
