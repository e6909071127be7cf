"""A model's name -> its recipe."""

from inference.errors import UnknownModel
from inference.training.recipe import Recipe
from inference.training.recipes import (
    classify_cnn,
    classify_efficientnetb0,
    detect_cnn2d,
    grade_cnn3d,
    segment_unet2d,
    subtype_resnet50,
)

RECIPES = {
    "segment_unet2d": segment_unet2d.RECIPE,
    "classify_efficientnetb0": classify_efficientnetb0.RECIPE,
    **{recipe.name: recipe for recipe in classify_cnn.RECIPES},
    "detect_cnn2d": detect_cnn2d.RECIPE,
    "detect_cnn2d_source": detect_cnn2d.SOURCE,
    "grade_cnn3d": grade_cnn3d.RECIPE,
    "subtype_resnet50": subtype_resnet50.RECIPE,
    "subtype_resnet50_cpm_radpath": subtype_resnet50.CPM_RADPATH,
}
PREPARATIONS = {"grade_cnn3d": grade_cnn3d.prepare_data}
"""What has to be done to a data set once, in the folder of the training, before the recipe reads it."""


def recipe_of(name: str) -> Recipe:
    """Return the recipe of a model.

    Raises
    ------
    UnknownModel
        When there is none of this name.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise UnknownModel(f"no recipe is named {name!r}; there are: {', '.join(sorted(RECIPES))}") from None
