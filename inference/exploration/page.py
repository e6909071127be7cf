"""What was found in a data set, as a page that people read."""

from collections.abc import Mapping
from pathlib import Path

from inference.evaluation.report import pictures
from inference.evaluation.tables import blocks

PAGES_FOLDER = Path(__file__).parents[2] / "docs" / "data"


def render(name: str, title: str, origin: str, figures: Mapping[str, object], pages: Path = PAGES_FOLDER) -> str:
    """Return a data set's figures as Markdown, with the pictures that lie in its folder of ``pages``."""
    command = f"python -m inference.exploration {name} --data DIR --write"
    head = [
        f"# {title}",
        "",
        "**Research use only.**",
        "",
        origin,
        "",
        "This page is made by",
        "",
        f"    {command}",
        "",
    ]
    return "\n".join([*head, "## What is in it", "", *blocks(figures), *pictures(pages / name)]).rstrip() + "\n"
