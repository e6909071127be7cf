"""``python -m inference.exploration DATASET --data DIR``: say what a data set holds; ``--write`` makes its page."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from inference.evaluation.metrics import rounded
from inference.exploration import brain_tumor_mri, lgg
from inference.exploration.page import PAGES_FOLDER, render

DATASETS = {"brain_tumor_mri": brain_tumor_mri, "lgg": lgg}


def main() -> None:
    """Read the command line, explore and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m inference.exploration", description=__doc__)
    parser.add_argument("dataset", choices=sorted(DATASETS))
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set, as its origin lays it out")
    parser.add_argument("--write", action="store_true", help="write the page and its pictures under docs/data")
    chosen = parser.parse_args()
    dataset = DATASETS[chosen.dataset]
    with tempfile.TemporaryDirectory() as folder:
        pages = PAGES_FOLDER if chosen.write else Path(folder)
        figures = rounded(dataset.explore(chosen.data, pages / chosen.dataset))
        sys.stdout.write(json.dumps(figures, indent=2, allow_nan=False) + "\n")
        if chosen.write and isinstance(figures, dict):
            text = render(chosen.dataset, dataset.TITLE, dataset.ORIGIN, figures, pages)
            (pages / f"{chosen.dataset}.md").write_text(text)


if __name__ == "__main__":
    main()
