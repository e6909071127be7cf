from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.training_data import PATIENTS, write_lgg

from inference.card import Input, ModelCard
from inference.evaluation.measures.subtype_resnet50 import measure
from inference.models.subtype_resnet50 import LABELS
from inference.training.crossval import OutOfFold

TRUTH = [0, 1, 2, 0]


@dataclass
class Model:
    card: ModelCard

    def forward(self, slices: np.ndarray) -> np.ndarray:
        return np.tile([0.6, 0.3, 0.1], (len(slices), 1))


def lgg(folder: Path) -> Path:
    write_lgg(folder)
    rows = [f"{name[:12]},{label + 1}" for name, label in zip(PATIENTS, TRUTH, strict=True)]
    (folder / "data.csv").write_text("\n".join(["Patient,histological_type", *rows]) + "\n")
    return folder


def model(truth: list[int]) -> Model:
    found = OutOfFold(PATIENTS, np.array(truth), np.eye(3)[[0, 1, 1, 0]][None])
    provenance = {"out_of_fold": found.rows(), "epochs": []}
    return Model(ModelCard("m", "0", "t", (Input(("flair",)),), LABELS, (32, 32, 4), {}, 0.5, "w", "s", provenance))


def test_the_figures_are_recomputed_from_the_cards_answers(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()

    figures = measure(model(TRUTH), lgg(tmp_path / "data"), tmp_path / "pictures")

    assert figures["cross_validation"]["accuracy"] == 0.75
    assert figures["shipped_weights"]["training_accuracy_which_says_nothing"] == 0.5
    assert figures["shipped_weights"]["same_answer_on_the_brightest_slice"] == 1.0
    assert figures["shipped_weights"]["brightest_slice_shows_a_large_part_of_the_tumour"] == 1.0
    assert (tmp_path / "pictures" / "confusion.png").exists()


def test_answers_to_another_truth_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not those that the card"):
        measure(model([0, 1, 2, 1]), lgg(tmp_path / "data"), tmp_path)
