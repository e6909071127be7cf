from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.evaluation.plots import (
    agreement_picture,
    calibration_picture,
    confusion_picture,
    curve_picture,
    histogram_picture,
    members_picture,
    montage_picture,
    outline_picture,
    roc_picture,
)

RNG = np.random.default_rng(2)
LABELS = ("glioma", "no_tumour", "pituitary")
TRUTH = RNG.integers(0, 2, 60)
SCORES = RNG.dirichlet((1, 1, 1), 60)
IMAGE = RNG.random((32, 32))
SQUARE = np.zeros((32, 32), dtype=bool)
SQUARE[8:20, 8:20] = True
NOTHING = np.zeros((32, 32), dtype=bool)
LARGEST = 150_000
DRAWINGS: dict[str, Callable[[Path], None]] = {
    "confusion": lambda path: confusion_picture(np.array([[5, 1, 0], [0, 7, 0], [0, 0, 0]]), LABELS, path),
    "roc": lambda path: roc_picture(TRUTH, SCORES, LABELS, path),
    "calibration": lambda path: calibration_picture(SCORES.max(axis=1), SCORES.argmax(axis=1) == TRUTH, path),
    "curves": lambda path: curve_picture(
        [{"epoch": 0.0, "loss": 2.0, "val_loss": 3.0}, {"epoch": 0.0, "loss": 1}], path
    ),
    "validation alone": lambda path: curve_picture([{"epoch": 0.0, "val_loss": 3.0}], path),
    "montage": lambda path: montage_picture(
        [[(IMAGE, SQUARE, None, "a"), (IMAGE, NOTHING, IMAGE, "b")], [(IMAGE, None, None, "c")]], path
    ),
    "outlines": lambda path: outline_picture([[(SQUARE, NOTHING, "a"), (NOTHING, SQUARE, "b")]], path),
    "histogram": lambda path: histogram_picture({"a": [1.0, 2.0], "b": [2.0]}, "mm", path, "Sizes."),
    "members": lambda path: members_picture(["x", "y"], {"a": [0.1, 0.2], "b": [0.3, 0.4]}, "Dice", path, "Dices."),
    "agreement": lambda path: agreement_picture([1.0, 2.0], [1.5, 2.5], "cm3", path, "Volumes."),
}


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=DRAWINGS)
def test_a_picture_is_small_has_something_on_it_and_repeats_byte_for_byte(
    drawing: Callable[[Path], None], tmp_path: Path
) -> None:
    drawing(tmp_path / "a.png")
    drawing(tmp_path / "b.png")

    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size < LARGEST
    with Image.open(tmp_path / "a.png") as picture:
        assert len(picture.convert("RGB").getcolors(10**6)) > 4
        assert picture.info["Description"].endswith(".")


def test_a_montage_of_many_noisy_images_is_still_small(tmp_path: Path) -> None:
    noise = RNG.random((224, 224))

    montage_picture([[(noise, None, None, "")] * 4] * 4, tmp_path / "a.png")

    assert (tmp_path / "a.png").stat().st_size < LARGEST


def test_the_true_outline_is_blue_and_the_found_one_orange(tmp_path: Path) -> None:
    outline_picture([[(SQUARE, NOTHING, "")]], tmp_path / "true.png")
    outline_picture([[(NOTHING, SQUARE, "")]], tmp_path / "found.png")

    for name, stronger, weaker in (("true", 2, 0), ("found", 0, 2)):
        with Image.open(tmp_path / f"{name}.png") as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int).reshape(-1, 3)
        line = pixels[np.abs(pixels[:, 0] - pixels[:, 2]) > 80]
        assert len(line) > 50
        assert (line[:, stronger] > line[:, weaker]).all()


def test_nothing_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to show"):
        montage_picture([], tmp_path / "a.png")
    with pytest.raises(ValueError, match="no epoch"):
        curve_picture([], tmp_path / "a.png")
