"""A model card as a page that people read, with its pictures."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from inference.card import ModelCard
from inference.evaluation.png import caption_of
from inference.evaluation.tables import blocks, scalars, table

REPORTS_FOLDER = Path(__file__).parents[2] / "docs" / "models"
TITLES = {
    "leak_free": "On patients apart",
    "without_copies": "Other weights, trained without Testing's copies",
    "source_protocol": "Other weights, on the source's own protocol",
    "baselines": "Beside the source's networks",
    "cross_validation": "Cross-validated",
}
TRAINING = ("data", "licence", "seed", "command", "split")
SHOWN_APART = ("intended_use", "figures", "limits", "epochs", *TRAINING)


def render(card: ModelCard, reports: Path = REPORTS_FOLDER) -> str:
    """Return a card as Markdown: what it is, how well it does, how it was trained, and its limits.

    Parameters
    ----------
    reports
        Where the page will lie; its pictures are in a folder there that is named as the model is.
    """
    return "\n".join(_lines(card, reports / card.name)) + "\n"


def _lines(card: ModelCard, folder: Path) -> Iterator[str]:
    about = card.provenance
    yield from (f"# {card.name} {card.version}", "", f"**{about['intended_use']}** {card.caution}".rstrip(), "")
    if isinstance(figures := about["figures"], Mapping) and "command" in figures:
        yield from ("This page is made of the model's card and pictures by", "", f"    {figures['command']}", "")
    yield from ("## What it is", "", *scalars(_identity(card)), "")
    yield from ("## How well it does", "", *blocks(_without_command(figures), card.labels))
    for key in sorted(about.keys() - set(SHOWN_APART)):
        title = TITLES.get(key, key.replace("_", " ").capitalize())
        content = _compared(card) if key == "baselines" else about[key]
        yield from (f"### {title}", "", *blocks(content, card.labels, level=4))
    yield from pictures(folder)
    yield from ("## How it was trained", "")
    yield from blocks({key: about[key] for key in TRAINING}, card.labels)
    yield from ("## Limits", "", str(about["limits"]), "", "## Training epochs", "", *_epochs(about["epochs"]))


def _identity(card: ModelCard) -> Mapping[str, object]:
    return {
        "task": card.task,
        "input": f"{_series(card)}, as {' x '.join(map(str, card.input_shape))}",
        "labels": ", ".join(card.labels),
        "operating point": card.threshold,
        "temperature": card.temperature,
        "weights": f"{card.weights_file}, kernels in half precision, SHA-256 {card.weights_sha256}",
    }


def _series(card: ModelCard) -> str:
    """Return the series of the card's inputs in words."""
    return ", ".join(" or ".join(one.any_of) + (" (optional)" if one.optional else "") for one in card.inputs)


def _compared(card: ModelCard) -> object:
    """Return the baselines' figures with the model's own of the same names before them, where it has such."""
    baselines, figures = card.provenance["baselines"], card.provenance["figures"]
    own = figures.get("testing") if isinstance(figures, Mapping) else None
    rows = [row for row in baselines.values() if isinstance(row, Mapping)] if isinstance(baselines, Mapping) else []
    if not isinstance(baselines, Mapping) or not isinstance(own, Mapping) or not rows:
        return baselines
    return {f"`{card.name}`": {key: own[key] for row in rows for key in row if key in own}, **baselines}


def _without_command(figures: object) -> object:
    if not isinstance(figures, Mapping):
        return figures
    return {key: value for key, value in figures.items() if key != "command"}


def pictures(folder: Path) -> Iterator[str]:
    """Yield each picture of a page's folder above its caption."""
    files = sorted(folder.glob("*.png"))
    if not files:
        return
    yield from ("## Pictures", "")
    for path in files:
        yield from (f"![{path.stem.replace('_', ' ')}]({folder.name}/{path.name})", "", caption_of(path), "")


def _epochs(epochs: object) -> Iterator[str]:
    """Yield a table with a row per epoch, folded away."""
    if not isinstance(epochs, list) or not epochs:
        yield "Not recorded."
        return
    columns = list(dict.fromkeys(column for row in epochs for column in row))
    yield from ("<details><summary>Loss and metrics of each epoch</summary>", "")
    yield from table(columns, [[row.get(column) for column in columns] for row in epochs])
    yield from ("", "</details>")
