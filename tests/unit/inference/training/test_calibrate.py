import numpy as np
import pytest

from inference.postprocess import with_temperature
from inference.training.calibrate import fit_temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_overconfident_scores_were_made_with_is_found(temperature: float) -> None:
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.full(4, 0.5), size=20_000)
    truth = (rng.random((20_000, 1)) > honest.cumsum(axis=1)).sum(axis=1).clip(0, 3)

    found = fit_temperature(with_temperature(honest, 1 / temperature), truth)

    assert found == pytest.approx(temperature, rel=0.05)


def test_scores_that_are_never_wrong_leave_the_temperature_in_its_range() -> None:
    assert 0.25 <= fit_temperature(np.eye(4), np.arange(4)) <= 4
