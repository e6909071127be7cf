from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from support.training_data import write_brain_tumour_mri

from inference.card import Input, ModelCard
from inference.evaluation.measures.classify_efficientnetb0 import measure, measure_windows
from inference.evaluation.png import caption_of
from inference.models.classify_efficientnetb0 import LABELS

PICTURES = 16
PROVENANCE = {"seed": 7, "epochs": [{"epoch": 0.0, "loss": 1.0}]}
CARD = ModelCard("m", "0", "t", (Input(("t1c",)),), LABELS, (48, 48, 3), {}, 0.5, "w", "s", PROVENANCE)


@dataclass
class Classifier:
    card: ModelCard
    network: keras.Model


def brightest_band(sharpness: float = 200.0, confused: bool = False) -> keras.Model:
    """Say which quarter of the picture is brightest, which is its class; confused: pituitary is never said."""
    weights = np.zeros((48, 48, 3, 4), np.float32)
    for band in range(3 if confused else 4):
        weights[12 * band : 12 * band + 12, :, 0, band] = sharpness / (12 * 48)
    inputs = keras.Input((48, 48, 3))
    layer = keras.layers.Dense(4, activation="softmax")
    network = keras.Model(inputs, layer(keras.layers.Flatten()(inputs)))
    layer.set_weights([weights.reshape(-1, 4), np.array([0, 0, 0, -9999.0 if confused else 0.0], np.float32)])
    return network


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_brain_tumour_mri(tmp_path_factory.mktemp("data"), pictures=PICTURES)


@pytest.fixture(scope="module")
def right(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """Figures and pictures of a classifier that is always right."""
    folder = tmp_path_factory.mktemp("pictures")
    return measure(Classifier(CARD, brightest_band()), data, folder), folder


def test_a_right_classifier_is_right_on_all_of_testing(right: tuple[Any, Path]) -> None:
    figures, _ = right

    assert figures["testing"]["pictures"] == 4 * PICTURES
    assert figures["testing"]["accuracy"] == figures["testing"]["accuracy_high"] == 1.0
    assert figures["testing"]["accuracy_low"] < 1.0
    assert np.trace(figures["confusion_rows_are_truth"]) == 4 * PICTURES
    assert figures["roc_area"]["mean"] == 1.0
    assert figures["report"]["pituitary"]["f1"] == 1.0


def test_a_confused_one_is_wrong_where_it_is_confused(data: Path, tmp_path: Path) -> None:
    figures: Any = measure(Classifier(CARD, brightest_band(confused=True)), data, tmp_path)

    assert figures["testing"]["accuracy"] == 0.75
    assert figures["testing"]["wrong"] == PICTURES
    assert figures["report"]["pituitary"]["recall"] == 0.0


def test_the_card_s_temperature_calibrates_scores_and_changes_no_answer(data: Path, tmp_path: Path) -> None:
    timid = Classifier(replace(CARD, temperature=0.1), brightest_band(sharpness=4.0))

    figures: Any = measure(timid, data, tmp_path)

    assert figures["testing"]["accuracy"] == 1.0
    before, after = figures["calibration"]["before"], figures["calibration"]["after"]
    assert after["expected_calibration_error"] < before["expected_calibration_error"]
    assert after["negative_log_likelihood"] < before["negative_log_likelihood"]


def test_testing_is_divided_by_whether_training_has_a_neighbouring_slice(right: tuple[Any, Path]) -> None:
    figures, _ = right

    groups = figures["same_patient_in_training"]
    assert sum(row["pictures"] for row in groups.values()) == 4 * PICTURES
    # Every second picture has a number, and the same numbers are in Training.
    assert groups["neighbour_in_training"]["pictures"] == 2 * PICTURES
    assert groups["no_neighbour"]["pictures"] == 0
    assert groups["no_neighbour"]["accuracy"] is None
    copies = figures["same_picture_in_training"]
    assert sum(row["pictures"] for row in copies.values()) == 4 * PICTURES


def test_pictures_are_drawn_and_those_of_others_credited(right: tuple[Any, Path]) -> None:
    _, folder = right

    names = {path.name for path in folder.iterdir()}
    assert names == {"calibration.png", "confusion.png", "curves.png", "examples.png", "roc.png"}
    assert "CC BY 4.0" in caption_of(folder / "examples.png")


def test_held_out_windows_are_measured_apart_and_those_with_a_copy_that_was_trained_on_again_apart(
    tmp_path: Path,
) -> None:
    data = write_brain_tumour_mri(tmp_path, pictures=PICTURES)
    alone: Any = measure_windows(Classifier(CARD, brightest_band()), data)
    for label in ("glioma", "meningioma", "notumor", "pituitary"):
        for path in list((data / "Training" / label).iterdir()):
            path.with_stem(f"copy_of_{path.stem}").write_bytes(path.read_bytes())

    copied: Any = measure_windows(Classifier(CARD, brightest_band()), data)

    assert 0 < alone["held_out"]["pictures"] < 2 * PICTURES
    assert alone["held_out"]["accuracy"] == 1.0
    assert alone["weights_sha256"] == "s"
    assert copied["held_out"] == alone["held_out"]
    assert copied["same_picture_trained_on"]["near_duplicate"]["pictures"] == copied["held_out"]["pictures"]
    assert copied["same_picture_trained_on"]["no_near_duplicate"]["accuracy"] is None
