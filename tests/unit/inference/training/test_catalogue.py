import pytest

from inference.errors import UnknownModel
from inference.registry import CLASSES
from inference.training.catalogue import RECIPES, recipe_of


def test_every_model_that_is_served_has_a_recipe() -> None:
    assert set(CLASSES) <= set(RECIPES)


def test_an_unknown_recipe_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownModel, match=r"classify_efficientnetb0.*segment_unet2d"):
        recipe_of("segment_unet9d")
