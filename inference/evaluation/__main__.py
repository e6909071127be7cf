"""``python -m inference.evaluation MODEL --data DIR``: measure a shipped model; ``--write`` puts it into its card."""

import argparse
import json
import sys
from pathlib import Path

from inference.card import WEIGHTS_FOLDER, read_card
from inference.evaluation.measure import MEASURES
from inference.evaluation.report import REPORTS_FOLDER, render
from inference.registry import load


def main() -> None:
    """Read the command line, measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m inference.evaluation", description=__doc__)
    parser.add_argument("model", choices=sorted(MEASURES))
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set, as its origin lays it out")
    parser.add_argument(
        "--write", action="store_true", help="write the figures into the model's card and its page under docs/models"
    )
    chosen = parser.parse_args()
    figures = dict(MEASURES[chosen.model](load(chosen.model), chosen.data))
    figures["command"] = f"python -m inference.evaluation {chosen.model} --data DIR --write"
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    if chosen.write:
        path = WEIGHTS_FOLDER / f"{chosen.model}.json"
        card = json.loads(path.read_text())
        card["provenance"]["figures"] = figures
        path.write_text(json.dumps(card, indent=2) + "\n")
        (REPORTS_FOLDER / f"{chosen.model}.md").write_text(render(read_card(chosen.model)))


if __name__ == "__main__":
    main()
