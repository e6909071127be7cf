import numpy as np
import pytest

from inference.explain.evidence import log_odds, unit


def test_a_score_is_taken_as_log_odds_of_its_label() -> None:
    measure = log_odds(lambda _: np.array([[0.2, 0.8], [0.5, 0.5]]), 1)

    assert measure(np.zeros((2, 4, 4, 1), np.float32)) == pytest.approx([np.log(4), 0.0])


def test_certainty_stays_finite() -> None:
    measure = log_odds(lambda _: np.array([[0.0, 1.0]]), 1)

    assert np.isfinite(measure(np.zeros((1, 4, 4, 1), np.float32))).all()


def test_what_speaks_against_a_label_is_no_evidence() -> None:
    assert unit(np.array([[-3.0, 0.5], [2.0, 0.0]])).tolist() == [[0.0, 0.25], [1.0, 0.0]]


def test_rounding_errors_are_no_evidence() -> None:
    shown = unit(np.array([[1e-9, -1e-9]]))

    assert shown.dtype == np.float32
    assert not shown.any()
