"""Trains a recipe stage by stage; a run that was interrupted goes on where it stopped."""

import csv
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from inference.checkpoint import read_weights, write_weights
from inference.training.recipes import Parts, Recipe, Stage


@dataclass(frozen=True, slots=True)
class Run:
    """Where a training writes, and how it repeats."""

    data: Path
    out: Path
    seed: int


def train(recipe: Recipe, run: Run, command: str) -> Path:
    """Train all stages and write ``<name>.npz`` and ``<name>.json`` (the card) into ``run.out``.

    Returns
    -------
    Path
        The card.
    """
    keras.utils.set_random_seed(run.seed)
    run.out.mkdir(parents=True, exist_ok=True)
    parts = recipe.parts(run.data, run.seed)
    before: Path | None = None
    for number, stage in enumerate(recipe.stages):
        before = _train_stage(recipe, stage, parts, run.out / f"stage{number}", before)
    network = recipe.build(recipe.input_shape[0])
    network.load_weights(before)
    weights = run.out / f"{recipe.name}.npz"
    sha256 = write_weights(network, weights)
    read_weights(network, weights, sha256)
    return _write_card(recipe, run, parts, sha256, command)


def _train_stage(recipe: Recipe, stage: Stage, parts: Parts, folder: Path, before: Path | None) -> Path:
    best = folder / "best.weights.h5"
    if (folder / "done").exists():
        return best
    folder.mkdir(parents=True, exist_ok=True)
    network = recipe.build(stage.size)
    if before is not None:
        network.load_weights(before)
    batches = parts.train(stage.size)
    steps = len(batches) * stage.epochs
    schedule = keras.optimizers.schedules.CosineDecay(
        stage.learning_rate / 20,
        steps,
        alpha=0.01,
        warmup_target=stage.learning_rate,
        warmup_steps=steps // 20,
    )
    network.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay, clipnorm=1.0),
        loss=recipe.loss,
        metrics=list(recipe.metrics),
    )
    network.fit(
        batches,
        validation_data=parts.validation(stage.size),
        epochs=stage.epochs,
        verbose=2,
        callbacks=[
            keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True, save_weights_only=True),
            keras.callbacks.BackupAndRestore(folder / "backup"),
            keras.callbacks.CSVLogger(folder / "epochs.csv", append=True),
        ],
    )
    (folder / "done").touch()
    shutil.rmtree(folder / "backup", ignore_errors=True)
    return best


def _write_card(recipe: Recipe, run: Run, parts: Parts, sha256: str, command: str) -> Path:
    card = {
        "name": recipe.name,
        "version": recipe.version,
        "task": recipe.task,
        "inputs": [asdict(one) for one in recipe.inputs],
        "labels": recipe.labels,
        "input_shape": recipe.input_shape,
        "network": dict(recipe.network),
        "threshold": recipe.threshold,
        "weights_file": f"{recipe.name}.npz",
        "weights_sha256": sha256,
        "provenance": {
            "intended_use": "Research use only, not a medical device.",
            "data": recipe.data,
            "licence": recipe.licence,
            "split": dict(parts.split),
            "seed": run.seed,
            "command": command,
            "epochs": _epochs(run.out),
            "limits": recipe.limits,
            "figures": {},
        },
    }
    path = run.out / f"{recipe.name}.json"
    path.write_text(json.dumps(card, indent=2) + "\n")
    return path


def _epochs(out: Path) -> list[dict[str, float]]:
    """Return the training curve, one row an epoch, of all stages."""
    rows = []
    for table in sorted(out.glob("stage*/epochs.csv")):
        with table.open(newline="") as file:
            rows += [{key: round(float(value), 5) for key, value in row.items()} for row in csv.DictReader(file)]
    return rows
