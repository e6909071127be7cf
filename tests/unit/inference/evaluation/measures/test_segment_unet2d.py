from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from support.training_data import PATIENTS, write_lgg

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Mask, Segment
from inference.card import Input, ModelCard
from inference.evaluation.measures.segment_unet2d import measure, measure_slices
from inference.training.datasets import read_patients
from inference.training.recipes.segment_unet2d import held_out_slices

BRIGHT = 150
EVERY = (Input(("flair",)), Input(("t1",), optional=True), Input(("t1c",), optional=True))


def card(inputs: tuple[Input, ...] = EVERY) -> ModelCard:
    provenance = {"split": {"test": " ".join(PATIENTS[:3])}, "seed": 7, "epochs": [{"epoch": 0.0, "loss": 1.0}]}
    return ModelCard("m", "0", "t", inputs, ("flair_abnormality",), (64, 64, 3), {}, 0.5, "w", "s", provenance)


class Segmenter:
    """Finds what is bright on FLAIR, from a slice on, and notes what it is shown."""

    def __init__(self, card: ModelCard, first: int = 0) -> None:
        self.card, self.first = card, first
        self.seen: list[tuple[str, ...]] = []

    def predict(self, case: Case) -> Findings:
        self.seen.append(tuple(case.volumes))
        mask = (case.reference.array > BRIGHT).astype(np.uint8)
        mask[: self.first] = 0
        return Findings(Algorithm("m", "0", "s"), "t", "1.1", True, (), Mask(mask, (Segment(1, "x"),), "1.1"), "")


@dataclass
class WithNetwork:
    card: ModelCard
    network: keras.Model


def threshold_network() -> keras.Model:
    """Answer 1 where FLAIR is brighter than most of the head."""
    inputs = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(1, 1, activation="sigmoid")
    network = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.array([50.0, 0, 0], np.float32).reshape(1, 1, 3, 1), np.array([-50.0], np.float32)])
    return network


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lgg(tmp_path_factory.mktemp("lgg"))


@pytest.fixture(scope="module")
def right(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Segmenter, Path]:
    """Figures of a segmentation that is always right, the model with what it saw, and the pictures."""
    model, folder = Segmenter(card()), tmp_path_factory.mktemp("pictures")
    return measure(model, data, folder), model, folder


def test_a_right_segmentation_agrees_wholly_on_the_test_patients_alone(right: tuple[Any, Segmenter, Path]) -> None:
    figures, _, _ = right

    assert figures["served"] == "all_contrasts"
    assert figures["test_patients"] == 3
    assert set(figures["per_patient"]) == set(PATIENTS[:3])
    for choice in ("flair_alone", "flair_and_t1", "all_contrasts"):
        assert figures["volume_overlap"][choice]["dice_mean"] == 1.0
        assert figures["lesions"][choice]["sensitivity"] == 1.0
        assert (
            figures["empty_slices"][choice] | {"slices": 3, "with_false_positives": 0}
            == figures["empty_slices"][choice]
        )
        assert figures["hausdorff95"][choice]["highest_mm"] == 0.0


def test_a_blind_one_finds_nothing_and_has_no_surface(data: Path, tmp_path: Path) -> None:
    figures: Any = measure(Segmenter(card(), first=99), data, tmp_path)

    assert figures["volume_overlap"]["flair_alone"]["dice_mean"] == 0.0
    assert figures["lesions"]["flair_alone"]["sensitivity"] == 0.0
    assert figures["hausdorff95"]["flair_alone"] == {
        "mean_mm": None,
        "median_mm": None,
        "highest_mm": None,
        "patients_without": 3,
    }


def test_each_choice_of_contrasts_is_shown_to_the_model_as_it_is_named(right: tuple[Any, Segmenter, Path]) -> None:
    _, model, _ = right

    assert model.seen == [("flair",)] * 3 + [("flair", "t1")] * 3 + [("flair", "t1", "t1c")] * 3


def test_what_is_served_is_what_the_card_s_inputs_say(data: Path, tmp_path: Path) -> None:
    figures: Any = measure(Segmenter(card(EVERY[:1]), first=2), data, tmp_path)

    assert figures["served"] == "flair_alone"


def test_pictures_of_overlap_volumes_cases_and_curves_are_drawn(right: tuple[Any, Segmenter, Path]) -> None:
    _, _, folder = right

    assert {path.name for path in folder.iterdir()} == {"cases.png", "curves.png", "dice.png", "volumes.png"}


def test_random_slices_are_measured_in_batches_as_the_source_does(data: Path) -> None:
    figures: Any = measure_slices(WithNetwork(card(), threshold_network()), data)

    pairs = held_out_slices(read_patients(data), 7)
    assert figures["slices"] == len(pairs)
    assert figures["slices_with_lesion"] == sum(mask.any() for _, mask in pairs)
    for batch in figures["batch_means"].values():
        assert batch["dice"] > 0.95
        assert batch["iou"] <= batch["dice"]
    assert figures["source"] == {"dice": 0.8411, "iou": 0.7368}
