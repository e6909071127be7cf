from pathlib import Path

import numpy as np
import pytest

from inference.card import Input, ModelCard
from inference.evaluation.folds import answers_of, area_interval, draw_folds, fold_figures, mean_area
from inference.training.crossval import OutOfFold

LABELS = ("grade_2", "grade_3")


def answers(right: int = 70, n: int = 100, majority: int = 50) -> OutOfFold:
    truth = np.array([0] * majority + [1] * (n - majority))
    said = np.where(np.random.default_rng(0).permutation(n) < right, truth, 1 - truth)
    probabilities = np.where(np.eye(2)[said] > 0, 0.8, 0.2)
    return OutOfFold(tuple(f"p{number:03d}" for number in range(n)), truth, np.stack([probabilities] * 2))


def card_of(found: OutOfFold, temperature: float = 1.0) -> ModelCard:
    provenance = {"out_of_fold": found.rows(), "epochs": [{"epoch": 0.0, "loss": 1.0}]}
    shape, inputs = (4, 16, 16, 5), (Input(("flair",)),)
    return ModelCard("m", "0", "t", inputs, LABELS, shape, {}, 0.5, "w", "s", provenance, temperature)


def test_a_cards_answers_are_calibrated_as_its_model_is() -> None:
    found = answers_of(card_of(answers(), temperature=2.0))

    assert found.probabilities.max() == pytest.approx(2 / 3)
    assert len(found.names) == 100


def test_a_card_without_answers_is_refused() -> None:
    with pytest.raises(TypeError, match="keeps no answers"):
        answers_of(ModelCard("m", "0", "t", (Input(("flair",)),), LABELS, (1,), {}, 0.5, "w", "s", {}))


def test_the_figures_stand_beside_the_commonest_class() -> None:
    figures = fold_figures(answers(right=70, majority=52), LABELS)

    assert figures["accuracy"] == pytest.approx(0.7)
    assert figures["majority_class_accuracy"] == 0.52
    assert figures["accuracy_low"] == pytest.approx(0.604, abs=1e-3)
    assert figures["accuracy_high"] == pytest.approx(0.781, abs=1e-3)
    assert figures["interval_above_the_majority_class"] is True
    assert figures["roc_area_low"] < figures["roc_area"] < figures["roc_area_high"]
    assert np.trace(figures["confusion_rows_are_truth"]) == 70


def test_repeats_do_not_make_patients_more() -> None:
    found = answers()
    once = OutOfFold(found.names, found.truth, found.probabilities[:1])

    assert fold_figures(found, LABELS)["accuracy_low"] == fold_figures(once, LABELS)["accuracy_low"]


def test_chance_is_not_said_to_beat_the_commonest_class() -> None:
    assert fold_figures(answers(right=55), LABELS)["interval_above_the_majority_class"] is False


def test_the_area_of_three_classes_is_their_mean_and_perfect_answers_have_one() -> None:
    truth = np.array([0, 1, 2] * 10)

    assert mean_area(truth, np.eye(3)[truth][None]) == 1.0
    assert mean_area(truth, np.full((1, 30, 3), 1 / 3)) == 0.5


def test_the_interval_of_an_area_repeats() -> None:
    assert area_interval(answers()) == area_interval(answers())


def test_the_pictures_are_drawn(tmp_path: Path) -> None:
    draw_folds(answers(), card_of(answers()), tmp_path)

    assert {path.name for path in tmp_path.glob("*.png")} == {
        "confusion.png",
        "roc.png",
        "calibration.png",
        "training.png",
    }
