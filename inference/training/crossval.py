"""Cross-validation, for data sets too small for one test part: networks are tested on patients they never saw.

The shipped weights are trained on all patients in the same way; what is said of them is what the folds measured.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from inference.training.calibrate import fit_temperature
from inference.training.fit import Run, keep_weights, train_stages, validate, write_card
from inference.training.recipe import Recipe

FOLDS_FILE = "folds.json"
RELIABLE = 0.9


@dataclass(frozen=True, slots=True)
class Fold:
    """Who is tested in one fold of one repeat; the others train."""

    repeat: int
    number: int
    train: tuple[str, ...]
    test: tuple[str, ...]


def stratified_folds(truth: Mapping[str, int], count: int, repeats: int, seed: int) -> list[Fold]:
    """Divide patients into ``count`` folds with equal shares of each class, anew for each repeat.

    Parameters
    ----------
    truth
        Patient -> class.
    """
    folds = []
    for repeat in range(repeats):
        rng = np.random.default_rng((seed, repeat))
        order = [str(name) for name in rng.permutation(sorted(truth))]
        dealt = sorted(order, key=lambda name: truth[name])
        for number in range(count):
            test = dealt[number::count]
            train = [name for name in dealt if name not in set(test)]
            folds.append(Fold(repeat, number, tuple(sorted(train)), tuple(sorted(test))))
    return folds


def split_of(fold: Fold) -> dict[str, object]:
    """Return a fold as the ``split`` of its ``Parts``: ``cross_validate`` reads ``repeat`` and ``test`` there."""
    by = "patient, stratified by class; the fold's test patients take no part in its training, nor in when it stops"
    return {
        "by": by,
        "repeat": fold.repeat,
        "fold": fold.number,
        "train": " ".join(fold.train),
        "test": " ".join(fold.test),
    }


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """What networks said of patients whom they had not seen.

    Attributes
    ----------
    names
        The patients, in alphabetical order.
    truth
        (n,): their classes.
    probabilities
        (repeats, n, classes).
    """

    names: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def rows(self) -> dict[str, str]:
        """Return a line a patient, as cards keep it: the class, then the probabilities of all repeats in turn."""
        return {
            name: f"{self.truth[n]} " + " ".join(f"{value:.4f}" for value in self.probabilities[:, n].ravel())
            for n, name in enumerate(self.names)
        }

    @classmethod
    def of_rows(cls, rows: Mapping[str, str], classes: int) -> "OutOfFold":
        """Read what ``rows`` wrote."""
        split = {name: row.split() for name, row in sorted(rows.items())}
        truth = np.array([int(fields[0]) for fields in split.values()])
        values = np.array([[float(value) for value in fields[1:]] for fields in split.values()])
        return cls(tuple(split), truth, values.reshape(len(split), -1, classes).transpose(1, 0, 2))


def cross_validate(recipe: Recipe, run: Run) -> OutOfFold:
    """Train each fold into ``run.out/fold<k>``, test it on its patients, and write all answers to ``folds.json``.

    Folds that are done are not trained again. A fold's ``validation`` has one example for each patient that its split
    names under ``test``, in that order; its stages must be of the kind that trains on everything, because one that
    chose its best epoch by the validation part would choose it by the test.

    Raises
    ------
    ValueError
        When the recipe has no folds, or a stage that would choose by the test patients.
    """
    if recipe.folds is None or not all(stage.everything for stage in recipe.stages):
        raise ValueError(
            f"{recipe.name} cannot be cross-validated: no folds, or a stage that chooses by its validation"
        )
    said: dict[str, list[NDArray[np.floating]]] = {}
    truth: dict[str, int] = {}
    for number, parts in enumerate(recipe.folds(run.data, run.seed)):
        trained = train_stages(recipe, parts, run.out / f"fold{number}", run.seed + number)
        probabilities, classes = validate(recipe, parts, recipe.stages[-1].size, trained)
        keras.backend.clear_session()
        for name, row, label in zip(str(parts.split["test"]).split(), probabilities, classes, strict=True):
            said.setdefault(name, []).append(row)
            truth[name] = int(label)
    names = tuple(sorted(said))
    stacked = np.array([said[name] for name in names]).transpose(1, 0, 2)
    found = OutOfFold(names, np.array([truth[name] for name in names]), stacked)
    (run.out / FOLDS_FILE).write_text(json.dumps(found.rows(), indent=1) + "\n")
    return OutOfFold.of_rows(found.rows(), stacked.shape[2])


def train_all(recipe: Recipe, run: Run) -> Path:
    """Cross-validate, then train the weights that are shipped on all patients, and write them and their card.

    Returns
    -------
    Path
        The card: its temperature, its caution and the answers it keeps are those of the folds.
    """
    found = cross_validate(recipe, run)
    parts = next(iter(recipe.protocols.values()))(run.data, run.seed)
    trained = train_stages(recipe, parts, run.out, run.seed)
    sha256, fields = keep_weights(recipe, parts, trained, run.out)
    answers = found.probabilities.reshape(-1, found.probabilities.shape[2])
    temperature = fit_temperature(answers, np.tile(found.truth, len(found.probabilities)))
    said = {"temperature": temperature, "caution": caution(found)}
    path = write_card(recipe, run, parts, sha256, {**said, **fields})
    card = json.loads(path.read_text())
    card["provenance"]["out_of_fold"] = found.rows()
    path.write_text(json.dumps(card, indent=2) + "\n")
    return path


def hits_of(found: OutOfFold) -> int:
    """Return how many patients are named rightly, on average over the repeats, as a whole number."""
    right = found.probabilities.argmax(axis=2) == found.truth
    return round(float(right.sum(axis=1).mean()))


def caution(found: OutOfFold) -> str:
    """Return what must be said with every answer: that it is no better than chance, or not much; empty where it is.

    Better than chance is what has a 95 % confidence interval (Wilson, each patient counted once) above the share of the
    commonest class in every repeat; much better, an interval above ``RELIABLE``.
    """
    n, baseline = len(found.names), float(np.bincount(found.truth).max() / len(found.names))
    right = (found.probabilities.argmax(axis=2) == found.truth).sum(axis=1)
    lowest = binomtest(int(right.min()), n).proportion_ci(method="wilson").low
    hits = hits_of(found)
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    if interval.low > RELIABLE:
        return ""
    how_well = "Better than chance, but not reliable" if lowest > baseline else "Not shown to be better than chance"
    return (
        f"{how_well}: right in {hits} of {n} patients in cross-validation "
        f"({hits / n:.0%}, 95 % confidence interval {interval.low:.0%} to {interval.high:.0%}), "
        f"while naming the commonest class is right in {baseline:.0%}"
    )


def everyone(truth: Mapping[str, int]) -> dict[str, object]:
    """Return the ``split`` of a training on all patients."""
    return {"by": "all patients train; what is measured is cross-validated", "train": " ".join(sorted(truth))}
