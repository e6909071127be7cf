"""``python -m inference.training MODEL --data DIR --out DIR``: train a model and write its weights and card."""

import argparse
import logging
from pathlib import Path

import keras

from inference.training.catalogue import PREPARATIONS, RECIPES, recipe_of
from inference.training.crossval import train_all
from inference.training.fit import Run, train


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m inference.training", description=__doc__)
    parser.add_argument("model", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set, as its origin lays it out")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, weights and card; resumes")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--policy",
        default="float32",
        help="Keras dtype policy; mixed_bfloat16 is faster where the processor has it",
    )
    parser.add_argument(
        "--protocol", help="how to divide the data set; without it, as the shipped weights were trained"
    )
    chosen = parser.parse_args()
    keras.config.set_dtype_policy(chosen.policy)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = f"--data DIR --out DIR --seed {chosen.seed} --policy {chosen.policy}"
    if chosen.protocol:
        options += f" --protocol {chosen.protocol}"
    command = f"python -m inference.training {chosen.model} {options}"
    recipe = recipe_of(chosen.model)
    if chosen.protocol and recipe.folds:
        parser.error(f"{recipe.name} is cross-validated: there is no protocol to choose")
    if chosen.protocol and chosen.protocol not in recipe.protocols:
        parser.error(f"{recipe.name} has no protocol {chosen.protocol!r}; there are: {', '.join(recipe.protocols)}")
    prepare = PREPARATIONS.get(chosen.model)
    data = prepare(chosen.data, chosen.out) if prepare else chosen.data
    run = Run(data, chosen.out, chosen.seed, command)
    card = train_all(recipe, run) if recipe.folds else train(recipe, run, chosen.protocol)
    logging.getLogger(__name__).info("wrote %s", card)


if __name__ == "__main__":
    main()
