"""Figures go into a model's card, and its page is written anew."""

import json
from collections.abc import Mapping
from pathlib import Path

from inference.card import WEIGHTS_FOLDER, read_card
from inference.evaluation.report import REPORTS_FOLDER, render


def record(
    name: str,
    key: str,
    figures: Mapping[str, object],
    cards: Path = WEIGHTS_FOLDER,
    reports: Path = REPORTS_FOLDER,
) -> None:
    """Write figures under a key of the card's provenance, and the page of the card.

    Parameters
    ----------
    cards, reports
        Folders of ``<name>.json`` and of ``<name>.md``.
    """
    path = cards / f"{name}.json"
    card = json.loads(path.read_text())
    card["provenance"][key] = dict(figures)
    path.write_text(json.dumps(card, indent=2, allow_nan=False) + "\n")
    reports.mkdir(parents=True, exist_ok=True)
    (reports / f"{name}.md").write_text(render(read_card(name, cards), reports))
