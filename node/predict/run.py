"""Answers one wish: on the console, in a folder, and by an exit status."""

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import typer
from rich.console import Console

from dicom_io.survey import survey
from inference import registry
from inference.card import model_names, read_card
from inference.errors import ModelError
from inference.model import Model
from inference.shelf import Shelf
from node.decision import Need
from node.predict.answer import BAD_INPUT, FAILURE, exit_status, plain, plain_refusal
from node.predict.ask import Desk, answers
from node.predict.dicom import DicomReader
from node.predict.errors import InputRefused
from node.predict.keep import Keeper
from node.predict.material import Unasked
from node.predict.quiet import quiet_start
from node.predict.show import show
from node.predict.source import material_of
from node.predict.wish import Manner, Wish


def models_of(manner: Manner) -> Callable[[str], Model]:
    """Return a model's name -> the model; what TensorFlow says while it starts stays off the screen."""

    def load(name: str, other: Callable[[str], Model]) -> Model:
        with quiet_start():
            return registry.load(name, other, manner.precision)

    return Shelf(load, manner.model_bytes).model


def predict_path(wish: Wish, manner: Manner, load: Callable[[str], Model], console: Console) -> int:
    """Answer a wish on the console and in its folder, and return the exit status.

    Returns
    -------
    int
        0 when every model that was asked answered, 1 when an analysis failed, 2 when the input is refused, by all or by
        one of the models that were asked or named.
    """
    path = str(wish.path)
    try:
        needs = [Need(name, read_card(name).inputs) for name in wish.asked(model_names())]
        material = material_of(wish.path, wish.sequences, needs, DicomReader(survey, manner.other_frame))
        keeper = Keeper(wish.out)
        keeper.clear()
        with os.fdopen(os.dup(2), "w") as screen, Console(file=screen).status("") as progress:
            desk = Desk(load, manner.profile, keeper, progress.update)
            answered = tuple(answers(material, desk))
        status = exit_status(answered, _lacking(wish.models, material.unasked, [a.question.model for a in answered]))
        told = plain(path, material, answered, status)
        keeper.finish(told)
    except InputRefused as error:
        return _refuse(wish, f"{error}", BAD_INPUT, console)
    except ModelError as error:  # a name that no model has, or a card that is none
        return _refuse(wish, f"{error}", BAD_INPUT if wish.models else FAILURE, console)
    if wish.as_json:
        _print_json(told, console)
    else:
        show(material, answered, str(wish.out), console)
    return status


def _lacking(named: Sequence[str], unasked: Sequence[Unasked], asked: Sequence[str]) -> list[str]:
    return [one.model for one in unasked if one.model in named and one.model not in asked]


def _refuse(wish: Wish, reason: str, status: int, console: Console) -> int:
    if wish.as_json:
        _print_json(plain_refusal(str(wish.path), reason) | {"exit_status": status}, console)
    else:
        named = wish.path.name in reason
        typer.echo(reason if named else f"{wish.path}: {reason}", err=True)
    return status


def _print_json(told: dict[str, Any], console: Console) -> None:
    console.print(json.dumps(told, indent=2), markup=False, highlight=False, soft_wrap=True)
