import json
from pathlib import Path

import numpy as np
import pytest
from support.training_data import write_brain_tumour_mri, write_lgg

from inference.card import Input, ModelCard
from inference.checkpoint import write_weights
from inference.evaluation.measures.detect_cnn2d import PROTOCOLS, measure, measure_pictures
from inference.models.detect_cnn2d import LABELS, SEQUENCES, DetectCnn2d, build
from inference.training.recipes.detect_cnn2d import AT_RANDOM

NAMES = ("TCGA_CS_0001_20000101", "TCGA_CS_0002_20000101")


def model_in(folder: Path, **split: str) -> DetectCnn2d:
    sha256 = write_weights(build((32, 32, 1), filters=3), folder / "w.npz")
    about = {
        "seed": 7,
        "split": {"patients": {"validation": NAMES[0], "test": NAMES[1]}, **split},
        "epochs": [{"epoch": 0.0, "loss": 1.0}],
    }
    return DetectCnn2d(
        ModelCard(
            "detect_cnn2d",
            "0",
            "detection",
            (Input(SEQUENCES),),
            LABELS,
            (32, 32, 1),
            {"filters": 3},
            0.5,
            str(folder / "w.npz"),
            sha256,
            about,
        )
    )


def test_everything_that_a_card_states_is_measured_and_drawn(tmp_path: Path) -> None:
    data = write_brain_tumour_mri(tmp_path / "brain_tumor_mri", pictures=8)
    write_lgg(tmp_path / "lgg" / "kaggle_3m", NAMES)
    folder = tmp_path / "pictures"
    folder.mkdir()

    figures = json.loads(json.dumps(measure(model_in(tmp_path), data, folder)))

    assert figures["testing"]["pictures"] == 32
    assert figures["operating_point"]["threshold"] == 0.5
    assert np.sum(figures["testing"]["confusion_rows_are_truth"]["counts"]) == 32
    assert set(figures["testing"]["missed"]) == {"glioma", "meningioma", "pituitary"}
    assert figures["testing_without_copies_in_training_as_published"]["pictures"] <= 32
    assert set(figures["patients"]) == {"flair", "t1", "t1c"}
    assert figures["patients"]["flair"]["series"] == 1
    for part in ("validation_by_which_the_method_was_chosen", "test"):
        assert {"lime", "occlusion"} <= set(figures["explanations"][part])
    assert {path.name for path in folder.iterdir()} == {"confusion.png", "roc.png", "calibration.png", "curves.png"}


def test_the_sources_network_is_measured_on_the_same_pictures(tmp_path: Path) -> None:
    figures = measure_pictures(
        model_in(tmp_path, copies_of_testing="removed"), write_brain_tumour_mri(tmp_path / "data", pictures=8)
    )

    assert figures["testing"]["pictures"] == 32
    assert len(str(figures["weights_sha256"])) == 64


def test_the_sources_way_to_divide_is_measured_on_its_own_test_part(tmp_path: Path) -> None:
    key, measure_it = PROTOCOLS["random"]
    figures = measure_it(model_in(tmp_path, by=AT_RANDOM), write_brain_tumour_mri(tmp_path / "data", pictures=8))

    assert key == "source_protocol"
    assert 0 < figures["testing"]["pictures"] < 32
    assert figures["source"] == {"accuracy": 0.98, "tumour_recall": 0.99}


@pytest.mark.parametrize(("protocol", "reason"), [("patients", "left in Training"), ("random", "random pictures")])
def test_weights_of_another_division_are_not_measured(protocol: str, reason: str, tmp_path: Path) -> None:
    _, measure_it = PROTOCOLS[protocol]

    with pytest.raises(ValueError, match=reason):
        measure_it(model_in(tmp_path, copies_of_testing="kept"), tmp_path)
