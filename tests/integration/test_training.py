import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from support.training_data import write_lgg

from inference.card import read_card
from inference.checkpoint import read_weights
from inference.models import segment_unet2d
from inference.training.fit import Run, train
from inference.training.recipes import Parts, Recipe, Stage, recipe_of

NAMES = tuple(f"TCGA_CS_{number:04d}_20000101" for number in range(20))


def small_recipe(*stages: Stage) -> Recipe:
    original = recipe_of("segment_unet2d")

    def parts(data: Path, seed: int) -> Parts:
        split = original.parts(data, seed)
        return replace(split, validation=lambda _: replace_size(split.validation(0)))

    def replace_size(batches: keras.utils.PyDataset) -> keras.utils.PyDataset:
        batches.size = 64
        return batches

    def build(_: int) -> keras.Model:
        return segment_unet2d.build((None, None, 3), filters=2, depth=2)

    network = {"filters": 2, "depth": 2}
    return replace(original, stages=stages, build=build, parts=parts, network=network)


def test_training_learns_and_leaves_a_card_with_weights_that_load(tmp_path: Path) -> None:
    data = write_lgg(tmp_path / "data", NAMES)
    recipe = small_recipe(Stage(48, 2, 1e-2), Stage(64, 1, 1e-3))

    card_path = train(recipe, Run(data, tmp_path / "out", seed=7), command="the command")

    card = read_card("segment_unet2d", tmp_path / "out")
    epochs = card.provenance["epochs"]
    assert isinstance(epochs, list)
    assert len(epochs) == 3
    assert epochs[1]["loss"] < epochs[0]["loss"]
    assert card.provenance["command"] == "the command"
    assert json.loads(card_path.read_text())["provenance"]["figures"] == {}
    network = recipe.build(64)
    before = network.get_weights()
    read_weights(network, tmp_path / "out" / card.weights_file, card.weights_sha256)
    assert not np.array_equal(before[0], network.get_weights()[0])


def test_a_run_that_was_stopped_after_a_stage_goes_on_with_the_next(tmp_path: Path) -> None:
    data, run = write_lgg(tmp_path / "data", NAMES), Run(tmp_path / "data", tmp_path / "out", seed=7)
    train(small_recipe(Stage(48, 1, 1e-2)), run, command="")
    first = (run.out / "stage0" / "best.weights.h5").stat().st_mtime_ns

    train(small_recipe(Stage(48, 1, 1e-2), Stage(48, 1, 1e-3)), run, command="")

    assert (run.out / "stage0" / "best.weights.h5").stat().st_mtime_ns == first
    assert (run.out / "stage1" / "done").exists()
    assert data.exists()
