from pathlib import Path

import numpy as np
from support.training_data import write_brain_tumour_mri

from inference.models.classify_efficientnetb0 import as_input
from inference.training.datasets import read_images
from inference.training.recipes.classify_efficientnetb0 import Pictures, by_window


def test_held_out_pictures_are_in_no_training_but_that_of_everything(tmp_path: Path) -> None:
    parts = by_window(write_brain_tumour_mri(tmp_path, pictures=40), 7)

    trained = {image.name for image in parts.train(32).members}
    held_out = {image.name for image in parts.validation(32).members}
    assert held_out
    assert trained.isdisjoint(held_out)
    assert parts.everything is not None
    assert {image.name for image in parts.everything(32).members} >= trained | held_out


def test_a_plain_picture_is_what_is_served(tmp_path: Path) -> None:
    image = read_images(write_brain_tumour_mri(tmp_path), "Training")[7]

    seen, truth = Pictures(32).plain(np.random.default_rng(0), image)

    np.testing.assert_allclose(seen, as_input(image.pixels, 32), atol=1e-3)
    assert truth.argmax() == image.label
    assert truth.sum() == 1


def test_a_changed_picture_differs_from_the_plain_one_and_keeps_its_class(tmp_path: Path) -> None:
    image, pictures = read_images(write_brain_tumour_mri(tmp_path), "Training")[7], Pictures(32)

    seen, truth = pictures.changed(np.random.default_rng(0), image)

    assert seen.shape == (32, 32, 3)
    assert truth.argmax() == image.label
    assert np.abs(seen - pictures.plain(np.random.default_rng(0), image)[0]).max() > 0.1
