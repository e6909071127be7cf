import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.require import REPOSITORY
from support.training_data import write_brain_tumour_mri, write_lgg

from inference.card import read_card
from inference.checkpoint import read_weights
from inference.models import segment_unet2d
from inference.training.catalogue import recipe_of
from inference.training.fit import Run, train
from inference.training.recipe import Recipe, Stage
from inference.training.recipes.segment_unet2d import by_slice

NAMES = tuple(f"TCGA_CS_{number:04d}_20000101" for number in range(20))


def small_recipe(*stages: Stage) -> Recipe:
    original = recipe_of("segment_unet2d")

    def build(_: int) -> keras.Model:
        return segment_unet2d.build((None, None, 3), filters=2, depth=2)

    return replace(original, stages=stages, build=build, network={"filters": 2, "depth": 2}, average=0.5)


def small_classifier(*stages: Stage) -> Recipe:
    def build(size: int) -> keras.Model:
        inputs = keras.Input((size, size, 3))
        x = keras.layers.Dropout(0.1, name="dropout")(keras.layers.Flatten()(inputs))
        outputs = keras.layers.Dense(4, activation="softmax")(x)
        return keras.Model(inputs, outputs)

    return replace(
        recipe_of("classify_efficientnetb0"), stages=stages, build=build, input_shape=(24, 24, 3), average=0.5
    )


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_training_learns_and_leaves_a_card_with_weights_that_load(tmp_path: Path) -> None:
    data = write_lgg(tmp_path / "data", NAMES)
    recipe = small_recipe(Stage(48, 2, 1e-2), Stage(64, 1, 1e-3))

    card_path = train(recipe, Run(data, tmp_path / "out", 7, "the command"))

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
    split = json.loads((tmp_path / "out" / "split.json").read_text())
    assert set(" ".join(split[part] for part in ("train", "validation", "test")).split()) == set(NAMES)


def test_a_run_that_was_stopped_after_a_stage_goes_on_with_the_next(tmp_path: Path) -> None:
    data, run = write_lgg(tmp_path / "data", NAMES), Run(tmp_path / "data", tmp_path / "out", seed=7)
    train(small_recipe(Stage(48, 1, 1e-2)), run)
    first = (run.out / "stage0" / "best.weights.h5").stat().st_mtime_ns

    train(small_recipe(Stage(48, 1, 1e-2), Stage(48, 1, 1e-3)), run)

    assert (run.out / "stage0" / "best.weights.h5").stat().st_mtime_ns == first
    assert (run.out / "stage1" / "done").exists()
    assert data.exists()


def test_a_run_that_was_stopped_within_a_stage_goes_on_with_the_next_epoch(tmp_path: Path) -> None:
    write_lgg(tmp_path / "data", NAMES)
    run, stage = Run(tmp_path / "data", tmp_path / "out", seed=7), Stage(48, 3, 1e-2)

    class Stopped(Exception):
        """A process that ends."""

    class StopsInSecondEpoch(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self, batches: keras.utils.PyDataset) -> None:
            super().__init__()
            self.batches = batches

        def __len__(self) -> int:
            return len(self.batches)

        def __getitem__(self, index: int) -> object:
            if self.batches.epoch == 1:
                raise Stopped
            return self.batches[index]

        def on_epoch_end(self) -> None:
            self.batches.on_epoch_end()

    whole = small_recipe(stage)
    patients = whole.protocols["patients"]
    stopping = replace(
        whole,
        protocols={
            "patients": lambda data, seed: replace(
                patients(data, seed), train=lambda size: StopsInSecondEpoch(patients(data, seed).train(size))
            )
        },
    )
    with pytest.raises(tf.errors.UnknownError, match="Stopped"):
        train(stopping, run)

    train(whole, run)

    assert [row["epoch"] for row in rows(run.out / "stage0" / "epochs.csv")] == ["0", "1", "2"]


def test_a_stage_with_patience_ends_when_the_validation_loss_no_longer_falls(tmp_path: Path) -> None:
    data = write_lgg(tmp_path / "data", NAMES)
    hopeless = Stage(48, 12, 0.0, patience=2)

    train(small_recipe(hopeless), Run(data, tmp_path / "out", seed=7))

    assert len(rows(tmp_path / "out" / "stage0" / "epochs.csv")) < 12


def test_a_classifier_is_measured_before_it_trains_on_everything_and_calibrated_there(tmp_path: Path) -> None:
    data = write_brain_tumour_mri(tmp_path / "data", pictures=40)
    recipe = small_classifier(Stage(24, 6, 2e-2), Stage(24, 1, 1e-3, everything=True))

    train(recipe, Run(data, tmp_path / "out", seed=7))

    card = read_card("classify_efficientnetb0", tmp_path / "out")
    leak_free = card.provenance["leak_free"]
    assert isinstance(leak_free, dict)
    assert leak_free["stage"] == 0
    assert leak_free["examples"] == card.provenance["split"]["validation"]  # type: ignore[index]
    assert leak_free["accuracy"] > 0.5
    assert card.temperature != 1.0
    assert card.novelty_limit is not None
    assert "val_loss" not in card.provenance["epochs"][-1]  # type: ignore[index]


def test_the_sources_protocol_divides_slices(tmp_path: Path) -> None:
    data = write_lgg(tmp_path / "data", NAMES)

    train(small_recipe(Stage(48, 1, 1e-2)), Run(data, tmp_path / "out", seed=7), "slices")

    split = json.loads((tmp_path / "out" / "split.json").read_text())
    assert split == by_slice(data, 7).split


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_same_recipe_trains_on_another_backend_of_keras(tmp_path: Path, backend: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed here")
    data = write_lgg(tmp_path / "data", NAMES[:8], slices=3)
    program = (
        "import sys; from dataclasses import replace; from pathlib import Path; import keras;"
        "from inference.models import segment_unet2d as model; from inference.training.catalogue import recipe_of;"
        "from inference.training.fit import Run, train; from inference.training.recipe import Stage;"
        f"assert keras.config.backend() == '{backend}';"
        "small = {'filters': 2, 'depth': 2};"
        "recipe = replace(recipe_of('segment_unet2d'), stages=(Stage(48, 1, 1e-2),), network=small,"
        "build=lambda _: model.build((None, None, 3), **small));"
        "train(recipe, Run(Path(sys.argv[1]), Path(sys.argv[2]), 7));"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, data, tmp_path / "out"],
        cwd=REPOSITORY,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out" / "segment_unet2d.npz").is_file()
