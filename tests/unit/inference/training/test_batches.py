import numpy as np

from inference.training.batches import Batches, Example, in_order, shuffled

MEMBERS = list(range(10))


def noisy(rng: np.random.Generator, member: int) -> Example:
    return np.array([member + rng.random()]), np.array(member)


def make(**settings: object) -> Batches[int]:
    chosen = {"batch": 4, "seed": 1, "whole": True, **settings}
    return Batches(shuffled(MEMBERS), noisy, **chosen)  # type: ignore[arg-type]


def test_a_short_last_batch_is_left_out_or_kept() -> None:
    assert len(make()) == 2
    kept = make(whole=False)
    assert len(kept) == 3
    assert len(kept[2][0]) == 2


def test_the_same_seed_gives_the_same_batch() -> None:
    np.testing.assert_array_equal(make()[1][0], make()[1][0])
    assert not np.array_equal(make()[1][0], make(seed=2)[1][0])


def test_another_epoch_has_another_order_and_other_changes() -> None:
    batches = make(whole=False)
    first = [batches[index] for index in range(3)]

    batches.on_epoch_end()

    assert not np.array_equal(batches[0][0], first[0][0])
    assert sorted(np.concatenate([batches[index][1] for index in range(3)]).tolist()) == MEMBERS


def test_members_in_order_stay_so_in_every_epoch() -> None:
    batches = Batches(in_order(MEMBERS), noisy, batch=4, seed=1, whole=False)

    batches.on_epoch_end()

    assert np.concatenate([batches[index][1] for index in range(3)]).tolist() == MEMBERS
