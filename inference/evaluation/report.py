"""A model card as a page that people read."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from inference.card import ModelCard

REPORTS_FOLDER = Path(__file__).parents[2] / "docs" / "models"


def render(card: ModelCard) -> str:
    """Return a card as Markdown: what it is, how well it does, how it was trained, and its limits."""
    about = card.provenance
    sections = {
        "What it is": {
            "task": card.task,
            "input": f"{_series(card)}, slices of {' x '.join(map(str, card.input_shape))}",
            "labels": ", ".join(card.labels),
            "operating point": card.threshold,
            "weights": f"{card.weights_file}, kernels in half precision, SHA-256 {card.weights_sha256}",
        },
        "How well it does": about["figures"],
        "How it was trained": {key: about[key] for key in ("data", "licence", "split", "seed", "command")},
    }
    lines = [f"# {card.name} {card.version}", "", f"**{about['intended_use']}**", ""]
    for title, content in sections.items():
        lines += [f"## {title}", "", *_rows(content), ""]
    lines += ["## Limits", "", str(about["limits"]), "", "## Training curve", "", *_curve(about["epochs"])]
    return "\n".join(lines) + "\n"


def _series(card: ModelCard) -> str:
    """Return the series of the card's inputs in words."""
    return ", ".join(" or ".join(one.any_of) + (" (optional)" if one.optional else "") for one in card.inputs)


def _rows(content: object, indent: str = "") -> Iterator[str]:
    if not isinstance(content, Mapping):
        yield f"{indent}- {content}"
        return
    for key, value in content.items():
        name = str(key).replace("_", " ")
        if isinstance(value, Mapping):
            yield f"{indent}- {name}:"
            yield from _rows(value, indent + "  ")
        else:
            yield f"{indent}- {name}: {f'`{value}`' if key == 'command' else value}"


def _curve(epochs: object) -> Iterator[str]:
    """Yield a table with a row per epoch."""
    if not isinstance(epochs, list) or not epochs:
        yield "Not recorded."
        return
    columns = list(epochs[0])
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in epochs:
        yield f"| {' | '.join(f'{row[column]:g}' for column in columns)} |"
