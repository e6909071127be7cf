"""``python -m inference.training MODEL --data DIR --out DIR``: train a model and write its weights and card."""

import argparse
import logging
from pathlib import Path

import keras

from inference.training.fit import Run, train
from inference.training.recipes import RECIPES, recipe_of


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
    chosen = parser.parse_args()
    keras.config.set_dtype_policy(chosen.policy)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = f"--data DIR --out DIR --seed {chosen.seed} --policy {chosen.policy}"
    command = f"python -m inference.training {chosen.model} {options}"
    card = train(recipe_of(chosen.model), Run(chosen.data, chosen.out, chosen.seed), command)
    logging.getLogger(__name__).info("wrote %s", card)


if __name__ == "__main__":
    main()
