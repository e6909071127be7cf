from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from support.training_data import PATIENTS, write_brain_tumour_mri, write_lgg

from inference.card import Input, ModelCard
from inference.evaluation.measure import measure_classification, measure_segmentation
from inference.models.classify_efficientnetb0 import LABELS, ClassifyEfficientNetB0
from inference.models.segment_unet2d import SegmentUnet2d

CARD = ModelCard("m", "0", "t", (Input(("flair",)),), ("flair_abnormality",), (64, 64, 3), {}, 0.5, "w", "s", {})


def bright_is_lesion(inputs: Any, **_: Any) -> np.ndarray:
    """Mark what is clearly brighter than the rest of the head, as a network would."""
    return (inputs[..., :1] > 1.0).astype(np.float32)


class Network:
    """Stands in for a network with an answer of its own."""

    def __init__(self, answer: Any) -> None:
        self.predict = answer


def segmenter(answer: Any, patients: tuple[str, ...]) -> SegmentUnet2d:
    model = object.__new__(SegmentUnet2d)
    model.card = replace(CARD, provenance={"split": {"test": " ".join(patients)}})
    model.network = Network(answer)
    return model


def of(figures: Mapping[str, object], contrasts: str) -> dict[str, float]:
    found = figures[contrasts]
    assert isinstance(found, dict)
    return found


def test_a_right_segmentation_has_a_dice_near_one_on_the_test_patients_alone(tmp_path: Path) -> None:
    figures = measure_segmentation(segmenter(bright_is_lesion, PATIENTS[:2]), write_lgg(tmp_path))

    assert figures["test_patients"] == 2
    assert figures["empty_slices"] == 2
    for contrasts in ("FLAIR alone", "FLAIR and T1", "all contrasts"):
        assert of(figures, contrasts)["volume_dice_mean"] > 0.95
        assert of(figures, contrasts)["empty_slices_with_false_positives"] == 0


def test_each_choice_of_contrasts_is_shown_to_the_network_as_it_is_named(tmp_path: Path) -> None:
    seen = []

    def note(inputs: np.ndarray, **_: Any) -> np.ndarray:
        seen.append([bool((inputs[..., 0] == inputs[..., channel]).all()) for channel in (1, 2)])
        return np.zeros((*inputs.shape[:3], 1), np.float32)

    measure_segmentation(segmenter(note, PATIENTS[:1]), write_lgg(tmp_path))

    assert seen == [[True, True], [False, True], [False, False]]


def test_a_blind_segmentation_has_no_dice(tmp_path: Path) -> None:
    blind = segmenter(lambda inputs, **_: np.zeros((*inputs.shape[:3], 1), np.float32), PATIENTS)

    figures = measure_segmentation(blind, write_lgg(tmp_path))

    assert of(figures, "FLAIR alone")["volume_dice_mean"] == 0.0


def test_a_classifier_is_measured_on_testing_and_on_the_held_out_windows(tmp_path: Path) -> None:
    model = object.__new__(ClassifyEfficientNetB0)
    model.card = replace(CARD, input_shape=(48, 48, 3), labels=LABELS, provenance={"seed": 7})
    brightest_band = lambda pictures, **_: np.eye(4)[  # noqa: E731
        pictures[..., 0].reshape(len(pictures), 4, -1).mean(axis=2).argmax(axis=1)
    ]
    model.network = Network(brightest_band)

    figures = measure_classification(model, write_brain_tumour_mri(tmp_path, pictures=40))

    testing, apart = figures["testing"], figures["validation_patients_apart"]
    assert isinstance(testing, dict)
    assert isinstance(apart, dict)
    assert testing["accuracy"] == 1.0
    assert testing["pictures"] == 160
    assert np.trace(testing["confusion_rows_are_truth"]) == 160
    assert 0 < apart["pictures"] < 80
