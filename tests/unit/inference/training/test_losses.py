import numpy as np
import pytest

from inference.training.losses import cross_entropy_and_dice, soft_dice

TRUTH = np.zeros((2, 8, 8, 1), dtype=np.float32)
TRUTH[:, 2:6, 2:6] = 1


def test_a_perfect_answer_has_dice_one_and_no_loss() -> None:
    assert float(soft_dice(TRUTH, TRUTH)) == pytest.approx(1.0)
    assert float(cross_entropy_and_dice(TRUTH, TRUTH)) == pytest.approx(0.0, abs=1e-4)


def test_a_worse_answer_costs_more() -> None:
    half, wrong = np.full_like(TRUTH, 0.5), 1 - TRUTH

    costs = [float(cross_entropy_and_dice(TRUTH, answer)) for answer in (TRUTH, half, wrong)]

    assert costs == sorted(costs)
    assert costs[2] > 5
