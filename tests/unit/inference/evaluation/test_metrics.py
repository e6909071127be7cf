import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from inference.evaluation.metrics import (
    bootstrap_interval,
    class_figures,
    classification_report,
    confusion_matrix,
    dice,
    expected_calibration_error,
    intersection_over_union,
    reliability,
    roc_area,
    roc_curve,
    rounded,
    wilson_interval,
)

RNG = np.random.default_rng(5)
TRUTH = RNG.integers(0, 3, 200)
SCORES = RNG.dirichlet((1, 1, 1), 200).round(2)


def test_overlap_of_two_masks_follows_its_definitions() -> None:
    truth = np.array([True, True, True, False])
    found = np.array([False, True, True, True])

    assert dice(truth, found) == pytest.approx(4 / 6)
    assert intersection_over_union(truth, found) == pytest.approx(2 / 4)


def test_two_empty_masks_agree() -> None:
    empty = np.zeros(4, dtype=bool)

    assert dice(empty, empty) == 1.0
    assert intersection_over_union(empty, empty) == 1.0


def test_the_confusion_matrix_has_the_truth_in_its_rows() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=3)

    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_recall_and_precision_come_from_rows_and_columns() -> None:
    first, second, third = class_figures(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))

    assert (first.recall, first.precision, first.members) == (0.5, 1.0, 2)
    assert (second.recall, second.precision, second.members) == (1.0, 0.5, 1)
    assert (third.recall, third.precision, third.members) == (0.0, 0.0, 0)


def test_the_report_is_that_of_scikit_learn() -> None:
    found = SCORES.argmax(axis=1)
    labels = ("a", "b", "c")

    report = classification_report(confusion_matrix(TRUTH, found, 3), labels)

    expected = sklearn_metrics.classification_report(TRUTH, found, target_names=labels, output_dict=True)
    for ours, theirs in (("a", "a"), ("c", "c"), ("macro_average", "macro avg"), ("weighted_average", "weighted avg")):
        assert report[ours]["precision"] == pytest.approx(expected[theirs]["precision"])
        assert report[ours]["recall"] == pytest.approx(expected[theirs]["recall"])
        assert report[ours]["f1"] == pytest.approx(expected[theirs]["f1-score"])
        assert report[ours]["members"] == expected[theirs]["support"]


def test_a_roc_curve_with_ties_is_that_of_scikit_learn() -> None:
    members, scores = TRUTH == 1, SCORES[:, 1]

    false_rate, true_rate = roc_curve(members, scores)

    expected = sklearn_metrics.roc_curve(members, scores, drop_intermediate=False)
    np.testing.assert_allclose(false_rate, expected[0])
    np.testing.assert_allclose(true_rate, expected[1])
    assert roc_area(members, scores) == pytest.approx(sklearn_metrics.roc_auc_score(members, scores))


def test_where_all_are_members_there_is_no_area() -> None:
    assert math.isnan(roc_area(np.ones(5), np.arange(5.0)))
    with pytest.raises(ValueError, match="members and others"):
        roc_curve(np.ones(5), np.arange(5.0))


def test_the_interval_of_a_share_is_wilson_s() -> None:
    # The worked example of Newcombe 1998, table I, method 3: 81 of 263.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson_interval(20, 20)[1] == 1.0
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_the_bootstrap_interval_of_a_mean_is_near_that_of_theory_and_repeats() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)

    low, high = bootstrap_interval(values, seed=3)

    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    assert bootstrap_interval(values, seed=3) == (low, high)


def test_calibration_error_is_the_distance_of_confidence_from_accuracy() -> None:
    sure = np.array([[0.9, 0.1]] * 10)
    half_right = np.array([0] * 5 + [1] * 5)

    assert expected_calibration_error(sure, half_right) == pytest.approx(0.4)
    assert expected_calibration_error(sure, np.array([0] * 9 + [1])) == pytest.approx(0.0)


def test_calibration_errors_of_bins_count_by_their_members() -> None:
    probabilities = np.array([[0.9, 0.1]] * 3 + [[0.6, 0.4]])
    truth = np.array([0, 0, 0, 1])

    assert expected_calibration_error(probabilities, truth, bins=10) == pytest.approx((3 * 0.1 + 1 * 0.6) / 4)
    assert [one.members for one in reliability(probabilities.max(axis=1), truth == 0, bins=10)] == [1, 3]


def test_full_confidence_is_in_the_last_bin() -> None:
    (only,) = reliability(np.array([1.0, 0.99]), np.array([True, False]))

    assert (only.members, only.accuracy) == (2, 0.5)


def test_figures_become_what_json_holds() -> None:
    figures = {"a": np.float32(0.123456), "b": (np.int64(3), float("nan")), "c": np.array([[1, 2]]), 4: math.inf}

    assert rounded(figures) == {"a": 0.1235, "b": [3, None], "c": [[1, 2]], "4": None}
