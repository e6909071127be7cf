"""``python -m inference.evaluation MODEL --data DIR``: measure a model; ``--write`` puts it into its card and page."""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from inference.device import find_device, find_policy
from inference.evaluation.metrics import rounded
from inference.evaluation.record import record
from inference.evaluation.report import REPORTS_FOLDER
from inference.evaluation.subject import load_subject, measured_names, measures_of

OTHERS = "examples"
"""Pictures named so show what others own: they are drawn for ``--pictures``, not for the page."""


def main() -> None:
    """Read the command line, measure and print the figures as JSON."""
    parser = _parser()
    chosen = parser.parse_args()
    measures = measures_of(chosen.model)
    protocols = getattr(measures, "PROTOCOLS", {})
    if chosen.protocol and chosen.protocol not in protocols:
        parser.error(f"{chosen.model} has no protocol {chosen.protocol!r}; there are: {', '.join(protocols) or 'none'}")
    if chosen.dicom and not hasattr(measures, "measure_dicom"):
        parser.error(f"{chosen.model} is not measured on DICOM studies")
    if chosen.weights and chosen.write and not chosen.protocol:
        parser.error("the card's own figures are those of the shipped weights: --write with --weights needs --protocol")
    model = load_subject(chosen.model, chosen.weights)
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / chosen.model
        drawn.mkdir()
        if chosen.protocol:
            key, measure = protocols[chosen.protocol]
            figures = dict(measure(model, chosen.data))
        else:
            key, figures = "figures", dict(measures.measure(model, chosen.data, drawn))
            if chosen.dicom:
                figures["dicom_study"] = measures.measure_dicom(model, chosen.dicom)
        figures = {"command": _command(chosen), "precision": find_policy(find_device()), **_plain(figures)}
        sys.stdout.write(json.dumps(figures, indent=2, allow_nan=False) + "\n")
        _keep(drawn, chosen.pictures)
        if chosen.write:
            for picture in drawn.glob(f"{OTHERS}*.png"):
                picture.unlink()
            _keep(drawn, REPORTS_FOLDER / chosen.model)
            record(chosen.model, key, figures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference.evaluation", description=__doc__)
    parser.add_argument("model", choices=measured_names())
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set, as its origin lays it out")
    parser.add_argument("--write", action="store_true", help="write the model's card and its page under docs/models")
    parser.add_argument("--weights", type=Path, help="measure these weights, of the training command, in their place")
    parser.add_argument("--protocol", help="measure as the weights of this protocol of the training command are")
    parser.add_argument("--dicom", type=Path, help="folder of a DICOM study with a true mask, to be measured as well")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures, also without --write")
    return parser


def _command(chosen: argparse.Namespace) -> str:
    """Return the command without the places of this machine."""
    options = "--data DIR" + "".join(
        f" {option} {value}"
        for option, value in (
            ("--weights", "FILE" if chosen.weights else None),
            ("--protocol", chosen.protocol),
            ("--dicom", "DIR" if chosen.dicom else None),
        )
        if value
    )
    return f"python -m inference.evaluation {chosen.model} {options} --write"


def _plain(figures: dict[str, object]) -> dict[str, object]:
    plain = rounded(figures)
    return plain if isinstance(plain, dict) else {}


def _keep(drawn: Path, folder: Path | None) -> None:
    """Copy the pictures, in the place of those that were there."""
    pictures = sorted(drawn.glob("*.png"))
    if folder is None or not pictures:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    for path in pictures:
        shutil.copy(path, folder / path.name)


if __name__ == "__main__":
    main()
