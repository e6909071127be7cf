"""Trains a recipe stage by stage; a run that was interrupted goes on where it stopped."""

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from inference.checkpoint import read_weights, write_weights
from inference.training.calibrate import fit_temperature
from inference.training.recipe import Parts, Recipe, Stage

PLATEAU = 1 / 3
NOT_MEASURED = "NA"  # Keras's CSVLogger writes it
CARD_FIELDS = ("threshold", "temperature", "novelty_limit", "caution")


@dataclass(frozen=True, slots=True)
class Run:
    """Where a training reads and writes, how it repeats, and the command that asked for it."""

    data: Path
    out: Path
    seed: int
    command: str = ""


def train(recipe: Recipe, run: Run, protocol: str | None = None) -> Path:
    """Train all stages and write ``<name>.npz`` and ``<name>.json`` (the card) into ``run.out``.

    Parameters
    ----------
    protocol
        How to divide the data set; None: as the shipped weights were trained.

    Returns
    -------
    Path
        The card.
    """
    parts = (recipe.protocols[protocol] if protocol else next(iter(recipe.protocols.values())))(run.data, run.seed)
    best = train_stages(recipe, parts, run.out, run.seed)
    sha256, fields = keep_weights(recipe, parts, best, run.out)
    apart = _held_out(recipe, parts, run.out) if recipe.task == "classification" else {}
    return write_card(recipe, run, parts, sha256, {**apart, **fields})


def keep_weights(recipe: Recipe, parts: Parts, trained: Path, out: Path) -> tuple[str, Mapping[str, object]]:
    """Write trained weights in half precision as ``<name>.npz`` and read them back.

    Returns
    -------
    sha256, fields
        The file's checksum, and what the recipe's ``finish`` has to say in the card.
    """
    network = recipe.build(recipe.input_shape[0])
    fields: Mapping[str, object] = {}
    network.load_weights(trained)
    if recipe.finish is not None:
        network, fields = recipe.finish(network, parts)
    path = out / f"{recipe.name}.npz"
    sha256 = write_weights(network, path)
    read_weights(network, path, sha256)
    return sha256, fields


def _held_out(recipe: Recipe, parts: Parts, out: Path) -> dict[str, object]:
    """Measure the last stage that had not seen the validation part on it, and fit the temperature there."""
    number, stage = [(number, stage) for number, stage in enumerate(recipe.stages) if not stage.everything][-1]
    probabilities, truth = validate(recipe, parts, stage.size, out / f"stage{number}" / "best.weights.h5")
    hits = int((probabilities.argmax(axis=1) == truth).sum())
    return {
        "temperature": fit_temperature(probabilities, truth),
        "examples": len(truth),
        "accuracy": round(hits / len(truth), 4),
        "stage": number,
    }


def validate(recipe: Recipe, parts: Parts, size: int, trained: Path) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Return what a trained classifier says of the validation part, (n, classes), and the true classes, (n,)."""
    network = recipe.build(size)
    network.load_weights(trained)
    batches = parts.validation(size)
    examples = [batches[index] for index in range(len(batches))]
    probabilities = np.concatenate([network.predict_on_batch(seen) for seen, _ in examples])
    return probabilities, np.concatenate([one_hot for _, one_hot in examples]).argmax(axis=1)


def train_stages(recipe: Recipe, parts: Parts, out: Path, seed: int) -> Path:
    """Train all stages on one division of the data, skipping those that are done, and return the last's weights."""
    keras.utils.set_random_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    (out / "split.json").write_text(json.dumps(dict(parts.split), indent=1) + "\n")
    weights: Path | None = None
    for number, stage in enumerate(recipe.stages):
        weights = _train_stage(recipe, stage, parts, out / f"stage{number}", weights)
    if weights is None:
        raise ValueError(f"the recipe of {recipe.name} has no stages")
    return weights


def _train_stage(recipe: Recipe, stage: Stage, parts: Parts, folder: Path, before: Path | None) -> Path:
    best = folder / "best.weights.h5"
    if (folder / "done").exists():
        return best
    folder.mkdir(parents=True, exist_ok=True)
    network = recipe.build(stage.size)
    if before is not None:
        network.load_weights(before)
    batches = _batches(stage, parts)
    network.compile(optimizer=_optimizer(recipe, stage, len(batches)), loss=recipe.loss, metrics=list(recipe.metrics))
    network.fit(
        batches,
        validation_data=None if stage.everything else parts.validation(stage.size),
        epochs=stage.epochs,
        verbose=2,
        callbacks=_callbacks(recipe, stage, folder, best),
    )
    (folder / "done").touch()
    shutil.rmtree(folder / "backup", ignore_errors=True)
    return best


def _batches(stage: Stage, parts: Parts) -> keras.utils.PyDataset:
    if not stage.everything:
        return parts.train(stage.size)
    if parts.everything is None:
        raise ValueError("a stage trains on everything, but the data set was divided without saying what that is")
    return parts.everything(stage.size)


def _optimizer(recipe: Recipe, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    rate: float | keras.optimizers.schedules.LearningRateSchedule = stage.learning_rate
    if stage.patience is None:
        total = steps * stage.epochs
        rate = keras.optimizers.schedules.CosineDecay(
            stage.learning_rate / 20,
            total,
            alpha=0.01,
            warmup_target=stage.learning_rate,
            warmup_steps=max(1, total // 20),
        )
    average = {"use_ema": True, "ema_momentum": recipe.average} if recipe.average else {}
    return keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, clipnorm=1.0, **average)


def _callbacks(recipe: Recipe, stage: Stage, folder: Path, best: Path) -> list[keras.callbacks.Callback]:
    """Return what happens at the end of an epoch, in this order: the backup has the weights, the rest their average."""
    callbacks = [keras.callbacks.BackupAndRestore(folder / "backup")]
    if recipe.average:
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    callbacks += [
        keras.callbacks.ModelCheckpoint(
            best, monitor="val_loss", save_best_only=not stage.everything, save_weights_only=True
        ),
        keras.callbacks.CSVLogger(folder / "epochs.csv", append=True),
    ]
    if stage.patience is not None:
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(factor=PLATEAU, patience=max(1, stage.patience // 2), verbose=1)
        )
        callbacks.append(keras.callbacks.EarlyStopping(patience=stage.patience, verbose=1))
    if find_spec("tensorboard") and find_spec("tensorflow"):
        callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard"))
    return callbacks


def write_card(recipe: Recipe, run: Run, parts: Parts, sha256: str, apart: Mapping[str, object]) -> Path:
    """Write the card of weights with this SHA-256 into ``run.out``, without figures: evaluation adds them.

    Parameters
    ----------
    apart
        What was measured on examples that had not been trained on then; what the card has fields for goes there.
    """
    measured = {key: value for key, value in apart.items() if key not in CARD_FIELDS}
    card = {
        "name": recipe.name,
        "version": recipe.version,
        "task": recipe.task,
        "inputs": [asdict(one) for one in recipe.inputs],
        "labels": recipe.labels,
        "input_shape": recipe.input_shape,
        "network": dict(recipe.network),
        "threshold": recipe.threshold,
        **{key: value for key, value in apart.items() if key in CARD_FIELDS},
        "weights_file": f"{recipe.name}.npz",
        "weights_sha256": sha256,
        "provenance": {
            "intended_use": "Research use only, not a medical device.",
            "data": recipe.data,
            "licence": recipe.licence,
            "split": dict(parts.split),
            "seed": run.seed,
            "command": run.command,
            "epochs": epochs_of(run.out),
            "limits": recipe.limits,
            **({"leak_free": measured} if measured else {}),
            "figures": {},
        },
    }
    path = run.out / f"{recipe.name}.json"
    path.write_text(json.dumps(card, indent=2) + "\n")
    return path


def epochs_of(out: Path) -> list[dict[str, float]]:
    """Return the training curve, one row an epoch, of all stages; what an epoch did not measure is left out."""
    rows = []
    for table in sorted(out.glob("stage*/epochs.csv")):
        with table.open(newline="") as file:
            rows += [
                {key: round(float(value), 5) for key, value in row.items() if value != NOT_MEASURED}
                for row in csv.DictReader(file)
            ]
    return rows
