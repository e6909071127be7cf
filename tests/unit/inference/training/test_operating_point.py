import numpy as np

from inference.training.operating_point import caution, operating_point


def test_the_operating_point_misses_no_more_than_allowed_and_stands_in_the_middle_of_the_gap() -> None:
    scores = np.array([0.95, 0.9, 0.8, 0.3, 0.7, 0.1])
    tumour = np.array([True, True, True, True, False, False])

    assert operating_point(scores, tumour, 0.75) == 0.75
    assert operating_point(scores, tumour, 1.0) == 0.2
    assert operating_point(np.array([0.001, 0.0]), np.array([True, False]), 1.0) == 0.01


def test_a_caution_tells_the_share_of_false_alarms_where_it_is_large() -> None:
    assert caution({"pictures": 0.1, "patients' slices": 0.02}) == ""
    assert "10% of pictures and 52% of patients' slices" in caution({"pictures": 0.1, "patients' slices": 0.52})
    assert caution({}) == ""
