import numpy as np
import pytest

from inference.evaluation.metrics import class_figures, confusion_matrix, dice, intersection_over_union


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
