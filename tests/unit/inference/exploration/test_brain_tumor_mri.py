from pathlib import Path
from typing import Any

import pytest
from support.training_data import write_brain_tumour_mri

from inference.evaluation.metrics import rounded
from inference.exploration.brain_tumor_mri import explore


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    data = write_brain_tumour_mri(tmp_path_factory.mktemp("data"))
    picture = data / "Training" / "glioma" / "Tr-glioma_0000.jpg"
    (data / "Testing" / "glioma" / "Te-glioma_0000.jpg").write_bytes(picture.read_bytes())
    pictures = tmp_path_factory.mktemp("pictures")
    return rounded(explore(data, pictures)), pictures


def test_classes_sizes_and_matches_are_counted(found: tuple[Any, Path]) -> None:
    figures, _ = found

    assert figures["pictures"]["Training"] == {
        "glioma": 6,
        "meningioma": 6,
        "no_tumour": 6,
        "pituitary": 6,
        "all": 24,
    }
    assert figures["sizes"] == {"48x48": 48}
    assert figures["matched_to_figshare"]["Testing"]["all"] == 12
    assert figures["mean_grey_value"]["glioma"]["count"] == 12
    assert 60 < figures["mean_grey_value"]["glioma"]["median"] < 100


def test_a_testing_picture_that_is_in_training_is_counted(found: tuple[Any, Path]) -> None:
    figures, _ = found

    assert figures["duplicates"]["testing_in_training"]["glioma"]["with_near_duplicate"] >= 1
    assert figures["duplicates"]["within"]["Training"]["pictures"] == 24


def test_histograms_and_means_are_drawn_and_no_picture_is_copied(found: tuple[Any, Path]) -> None:
    _, pictures = found

    assert sorted(path.name for path in pictures.iterdir()) == ["grey_values.png", "means.png"]
