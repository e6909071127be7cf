"""``glia models``: the cards of all models, or one of them in full. Loads no TensorFlow."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dicom_io.volume import SEQUENCE_TITLES
from inference.card import ModelCard, model_names, read_card
from inference.errors import MalformedCard, ModelError
from node.models.figures import Figure, all_figures, key_figures

DISCLAIMER = "Research use only, not a medical device."
_NO_SUCH, _BROKEN = 2, 1
_TOLD_ELSEWHERE = ("epochs", "figures", "intended_use")


def models(
    name: Annotated[str, typer.Argument(help="A model, to be shown in full.", show_default=False)] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the models with what they need, what they answer and how well, as measured."""
    try:
        cards = [read_card(one) for one in ((name,) if name else model_names())]
    except ModelError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_BROKEN if isinstance(error, MalformedCard) else _NO_SUCH) from error
    console = Console()
    if as_json:
        told = {"disclaimer": DISCLAIMER, "models": [plain(card, full=bool(name)) for card in cards]}
        console.print(json.dumps(told, indent=2), markup=False, highlight=False, soft_wrap=True)
        return
    console.print(full(cards[0]) if name else table(cards))
    console.print(Text(DISCLAIMER, "bold"), soft_wrap=True)


def plain(card: ModelCard, *, full: bool) -> dict[str, Any]:
    """Return a card as JSON knows it; in full with everything its training and evaluation wrote down."""
    told: dict[str, Any] = {
        "name": card.name,
        "version": card.version,
        "task": card.task,
        "inputs": [{"any_of": list(one.any_of), "optional": one.optional} for one in card.inputs],
        "labels": list(card.labels),
        "threshold": card.threshold,
        "key_figures": key_figures(card.provenance),
        "caution": card.caution,
        "licence": _text(card, "licence"),
        "disclaimer": DISCLAIMER,
    }
    if not full:
        return told
    return told | {
        "input_shape": list(card.input_shape),
        "temperature": card.temperature,
        "network": dict(card.network),
        "weights_file": card.weights_file,
        "weights_sha256": card.weights_sha256,
        "provenance": dict(card.provenance),
    }


def table(cards: Sequence[ModelCard]) -> Table:
    """Return a row per model."""
    shown = Table(title="Models", title_justify="left", show_lines=True, expand=True)
    shown.add_column("model", ratio=5, overflow="fold")
    shown.add_column("needs, answers", ratio=5, overflow="fold")
    shown.add_column("measured", ratio=6, overflow="fold")
    shown.add_column("caution, licence", ratio=6, overflow="fold")
    for card in cards:
        cautioned = Text(f"{card.caution}\n" if card.caution else "", "yellow")
        shown.add_row(
            Text(f"{card.name}\n{card.version}, {card.task}"),
            Text(f"{_inputs(card)}\n{_labels(card)}"),
            Text(
                "\n".join(f"{what}: {value}" for what, value in key_figures(card.provenance).items()) or "not measured"
            ),
            cautioned.append(_text(card, "licence") or "no licence stated", "not yellow"),
        )
    return shown


def full(card: ModelCard) -> Table:
    """Return everything of one card but the course of its training, a row per thing."""
    shown = Table(title=f"{card.name} {card.version}", title_justify="left", show_header=False, expand=True)
    shown.add_column("what", no_wrap=True)
    shown.add_column("is", ratio=1, overflow="fold")
    for what, words in _rows(card):
        shown.add_row(Text(what), Text(words, "yellow" if what == "caution" else ""))
    return shown


def _rows(card: ModelCard) -> Iterator[tuple[str, str]]:
    if card.caution:
        yield "caution", card.caution
    yield "task", card.task
    yield "inputs", _inputs(card)
    yield "labels", _labels(card)
    yield "sees", f"{' x '.join(map(str, card.input_shape))}"
    yield "threshold", f"{card.threshold:g}"
    if card.temperature != 1.0:
        yield "temperature", f"{card.temperature:g}"
    yield "weights", f"{card.weights_file}, SHA-256 {card.weights_sha256}"
    for key, value in card.provenance.items():
        if key not in _TOLD_ELSEWHERE:
            yield key.replace("_", " "), _words(value)
    if epochs := card.provenance.get("epochs"):
        yield "epochs", str(len(epochs)) if isinstance(epochs, list) else _words(epochs)
    yield "figures", "\n".join(map(_line, all_figures(card.provenance.get("figures")))) or "not measured"


def _line(figure: Figure) -> str:
    return f"{figure.where}: {figure.name} {figure.value}" if figure.where else f"{figure.name} {figure.value}"


def _inputs(card: ModelCard) -> str:
    wanted = (
        " or ".join(SEQUENCE_TITLES.get(s, s) for s in one.any_of) + " (optional)" * one.optional for one in card.inputs
    )
    return ", ".join(wanted)


def _labels(card: ModelCard) -> str:
    return ", ".join(label.replace("_", " ") for label in card.labels)


def _text(card: ModelCard, key: str) -> str:
    return _words(card.provenance.get(key, ""))


def _words(value: object) -> str:
    """Write what a card holds: mappings as "name: value", lists with commas."""
    if isinstance(value, Mapping):
        return "\n".join(f"{str(key).replace('_', ' ')}: {_words(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return str(value)
