from pathlib import Path

import pytest
from support.training_data import write_brain_tumour_mri, write_lgg

from inference.errors import UnknownModel
from inference.registry import CLASSES
from inference.training.recipes import RECIPES, recipe_of


def test_every_model_that_is_served_has_a_recipe() -> None:
    assert set(RECIPES) == set(CLASSES)


def test_an_unknown_recipe_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownModel, match="classify_efficientnetb0, segment_unet2d"):
        recipe_of("segment_unet9d")


def test_the_segmentation_recipe_names_its_validation_and_test_patients(tmp_path: Path) -> None:
    names = tuple(f"TCGA_CS_{number:04d}_20000101" for number in range(20))

    parts = recipe_of("segment_unet2d").parts(write_lgg(tmp_path, names, slices=2), 7)

    tests = str(parts.split["test"]).split()
    assert len(tests) == 3
    assert set(tests) < set(names)
    assert {patient.name for patient in parts.train(48).patients}.isdisjoint(tests)


def test_the_classification_recipe_keeps_held_out_pictures_from_training(tmp_path: Path) -> None:
    parts = recipe_of("classify_efficientnetb0").parts(write_brain_tumour_mri(tmp_path, pictures=40), 7)

    trained = {image.name for image in parts.train(32).images}
    held_out = {image.name for image in parts.validation(32).images}
    assert held_out
    assert trained.isdisjoint(held_out)
