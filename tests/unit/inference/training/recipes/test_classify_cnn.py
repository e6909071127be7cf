import keras
import numpy as np
import pytest

from inference.training.recipes.classify_cnn import RECIPES, build


@pytest.mark.parametrize(("convolutions", "pools"), [(2, 2), (6, 3)])
def test_a_baseline_has_as_many_convolutions_as_its_name_says(convolutions: int, pools: int) -> None:
    network = build(32, convolutions)

    assert sum(isinstance(layer, keras.layers.Conv2D) for layer in network.layers) == convolutions
    assert sum(isinstance(layer, keras.layers.MaxPooling2D) for layer in network.layers) == pools
    output = keras.ops.convert_to_numpy(network(np.zeros((1, 32, 32, 3), dtype=np.float32)))
    assert output.sum() == pytest.approx(1, abs=1e-5)


def test_both_are_trained_on_what_efficientnet_is_trained_on() -> None:
    assert [recipe.name for recipe in RECIPES] == ["classify_cnn2", "classify_cnn6"]
    assert {tuple(recipe.protocols) for recipe in RECIPES} == {("windows",)}
    assert [recipe.build(32).name for recipe in RECIPES] == ["classify_cnn2", "classify_cnn6"]
