import numpy as np

from inference.training.datasets import LabelledImage
from inference.training.pictures import hold_out, unique_pictures


def smooth(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(30, 200, (8, 8)).astype(np.uint8)
    return np.kron(coarse, np.ones((8, 8), dtype=np.uint8))


def picture(name: str, seed: int, label: int = 0, number: int | None = None) -> LabelledImage:
    return LabelledImage(name, smooth(seed), label, number)


def label(image: LabelledImage) -> int:
    return image.label


def test_of_copies_the_first_stays_with_the_number_that_is_known() -> None:
    mirrored = LabelledImage("b", smooth(1)[:, ::-1].copy(), 0, 12)

    kept = unique_pictures([picture("a", 1), mirrored, picture("c", 2)], label)

    assert list(kept) == ["a", "c"]
    assert kept["a"].figshare_number == 12


def test_copies_that_disagree_are_left_out() -> None:
    kept = unique_pictures([picture("a", 1, label=0), picture("b", 1, label=2), picture("c", 2)], label)

    assert list(kept) == ["c"]


def test_copies_of_what_is_shunned_are_left_out() -> None:
    kept = unique_pictures([picture("a", 1), picture("b", 2)], label, shunned=[picture("x", 2)])

    assert list(kept) == ["a"]


def test_pictures_with_and_without_a_number_are_held_out() -> None:
    numbered = {f"n{k}": picture(f"n{k}", k, number=10 * k) for k in range(200)}
    others = {f"o{k}": picture(f"o{k}", k) for k in range(100)}

    held_out, unused = hold_out(numbered | others, seed=1)

    assert len(held_out & set(others)) == 15
    assert held_out & set(numbered)
    assert unused <= set(numbered) - held_out
