from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.card import read_card
from inference.checkpoint import read_weights
from inference.models import grade_cnn3d as model
from inference.training.crossval import OutOfFold, train_all
from inference.training.fit import Run
from inference.training.recipe import Recipe, Stage
from inference.training.recipes.grade_cnn3d import FOLDS, RECIPE, folds

SHAPE = (4, 16, 16)
PATIENTS = 20


def write_heads(folder: Path) -> Path:
    """Write prepared patients; the tumours of grade III take up contrast agent."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(PATIENTS):
        label = number % 2
        head = {name: rng.normal(0, 0.3, SHAPE).astype(np.float16) for name in ("flair", "t1", "t1c")}
        outline = np.zeros(SHAPE, np.float16)
        outline[1:3, 4:12, 4:12] = 1
        head["t1c"] += (4 * outline if label else 0 * outline).astype(np.float16)
        np.savez_compressed(folder / f"p{number:02d}.npz", label=label, outline=outline, **head)
    return folder


def small() -> Recipe:
    return replace(
        RECIPE,
        input_shape=(*SHAPE, len(model.CHANNELS)),
        build=lambda _: model.build((*SHAPE, len(model.CHANNELS)), dropout=0.0),
        folds=lambda data, seed: folds(data, seed)[:FOLDS],
        stages=(Stage(16, 8, 2e-2, everything=True),),
        average=0.0,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    run = Run(write_heads(folder / "heads"), folder / "out", 7, "the command")
    train_all(small(), run)
    return run


def test_what_can_be_told_is_told_of_patients_that_were_never_seen(run: Run) -> None:
    card = read_card(RECIPE.name, run.out)

    rows = card.provenance["out_of_fold"]
    assert isinstance(rows, dict)
    found = OutOfFold.of_rows(rows, 2)
    assert len(found.names) == PATIENTS
    assert found.probabilities.shape == (1, PATIENTS, 2)
    assert (found.probabilities.argmax(axis=2) == found.truth).mean() > 0.85
    assert not card.caution.startswith("Not shown")
    assert card.provenance["command"] == "the command"


def test_the_shipped_weights_were_trained_on_everybody_and_load(run: Run) -> None:
    card = read_card(RECIPE.name, run.out)

    split = card.provenance["split"]
    assert isinstance(split, dict)
    assert len(str(split["train"]).split()) == PATIENTS
    network = small().build(16)
    read_weights(network, run.out / card.weights_file, card.weights_sha256)


def test_folds_that_are_done_are_not_trained_again(run: Run) -> None:
    weights = [run.out / f"fold{number}" / "stage0" / "best.weights.h5" for number in range(FOLDS)]
    written = [path.stat().st_mtime_ns for path in weights]
    answers = (run.out / "folds.json").read_text()

    train_all(small(), run)

    assert [path.stat().st_mtime_ns for path in weights] == written
    assert (run.out / "folds.json").read_text() == answers
