from dataclasses import replace
from pathlib import Path

import numpy as np
from support.training_data import write_lgg

from inference.card import Input, ModelCard
from inference.checkpoint import write_weights
from inference.evaluation.slicewise import Looked, series_case, share, summarise_slices
from inference.models.detect_cnn2d import LABELS, SEQUENCES, DetectCnn2d, build
from inference.training.datasets import read_patients

CARD = ModelCard(
    "detect_cnn2d", "0", "detection", (Input(SEQUENCES),), LABELS, (32, 32, 1), {"filters": 3}, 0.5, "w", "s", {}
)


def looked(scores: list[float], areas: list[int], present: bool) -> Looked:
    count = len(scores)
    return Looked(
        np.array(scores),
        np.array(areas),
        np.zeros((count, 4, 4), bool),
        np.zeros((count, 4, 4, 1), np.float32),
        present,
    )


def test_slices_of_all_series_are_counted_and_slivers_are_not() -> None:
    series = [looked([0.9, 0.2, 0.1], [300, 0, 5], True), looked([0.4, 0.8], [300, 0], False)]

    figures = summarise_slices(series, threshold=0.5, smallest=200)

    assert figures["series"] == 2
    assert figures["series_found"] == 1
    assert figures["most_suspicious_slice_shows_the_lesion"] == 1
    assert figures["slices_with_lesion_found"] == share(1, 2)
    assert figures["slices_without_lesion_left_alone"] == share(1, 2)
    assert figures["slices_roc_area"] == 0.75


def test_a_series_is_judged_as_it_is_served_with_its_mask_beside(tmp_path: Path) -> None:
    sha256 = write_weights(build((32, 32, 1), filters=3), tmp_path / "w.npz")
    model = DetectCnn2d(replace(CARD, weights_file=str(tmp_path / "w.npz"), weights_sha256=sha256))
    patient = read_patients(write_lgg(tmp_path / "lgg", ("TCGA_CS_0001_20000101",), slices=4))[0]
    case = series_case(patient, 0, "flair")

    found = Looked.of(model, case, patient.mask)

    assert found.areas.tolist() == [0, 400, 400, 400]
    assert found.pictures.shape == (4, 32, 32, 1)
    assert found.masks[1].sum() == 100
    assert not found.masks[0].any()
    assert found.present == model.predict(case).present
