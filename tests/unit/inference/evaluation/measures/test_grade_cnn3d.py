from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from support.training_data import PATIENTS, write_lgg

from inference.card import Input, ModelCard
from inference.evaluation.measures.grade_cnn3d import measure
from inference.models.grade_cnn3d import LABELS
from inference.training.crossval import OutOfFold

PAIR = PATIENTS[:2]
TRUTH = [0, 1]


@dataclass
class Model:
    card: ModelCard
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def forward(self, volumes: np.ndarray) -> np.ndarray:
        self.seen.append(volumes.shape)
        return np.array([[0.4, 0.6]])


def lgg(folder: Path) -> Path:
    write_lgg(folder, PAIR)
    rows = [f"{name[:12]},{label + 1}" for name, label in zip(PAIR, TRUTH, strict=True)]
    (folder / "data.csv").write_text("\n".join(["Patient,neoplasm_histologic_grade", *rows]) + "\n")
    return folder


def model(truth: list[int]) -> Model:
    found = OutOfFold(PAIR, np.array(truth), np.array([[[0.9, 0.1], [0.3, 0.7]]]))
    provenance = {"out_of_fold": found.rows(), "epochs": []}
    shape = (4, 16, 16, 5)
    return Model(ModelCard("m", "0", "t", (Input(("flair",)),), LABELS, shape, {}, 0.5, "w", "s", provenance))


def test_the_figures_are_recomputed_from_the_cards_answers(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    subject = model(TRUTH)

    figures = measure(subject, lgg(tmp_path / "data"), tmp_path / "pictures")

    assert figures["cross_validation"]["accuracy"] == 1.0
    assert figures["source_on_its_best_epoch"] == {"accuracy": 0.68, "volumes": 32}
    assert figures["shipped_weights"] == {
        "training_patients_looked_at": 2,
        "right_on_them_which_says_nothing": 1,
        "same_answer_as_the_folds": 1,
    }
    assert subject.seen == [(1, 4, 16, 16, 5)] * 2
    assert (tmp_path / "pictures" / "roc.png").exists()


def test_answers_to_another_truth_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not those that the card"):
        measure(model([1, 1]), lgg(tmp_path / "data"), tmp_path)
