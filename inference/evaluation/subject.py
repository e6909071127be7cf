"""What is measured: a model by its name, with the shipped weights or others, and the file that measures it."""

import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from inference.card import ModelCard, read_card
from inference.checkpoint import checksum, write_weights
from inference.device import prepare_device
from inference.errors import UnknownModel
from inference.evaluation import measures
from inference.model import Model
from inference.registry import CLASSES, load


def measured_names() -> list[str]:
    """Return the names of the models that there are measures of."""
    return sorted(module.name for module in iter_modules(measures.__path__))


def measures_of(name: str) -> ModuleType:
    """Return the file that measures a model.

    Raises
    ------
    UnknownModel
        When there is none.
    """
    if name not in measured_names():
        raise UnknownModel(f"no measures are named {name!r}; there are: {', '.join(measured_names())}")
    return import_module(f"inference.evaluation.measures.{name}")


def load_subject(name: str, weights: Path | None = None) -> Model:
    """Return the shipped model, or the same with other weights.

    Parameters
    ----------
    weights
        A ``.npz`` of the training command, or a ``.weights.h5`` of one of its stages. A card beside it says what
        network they are of; without one it is the shipped card's.
    """
    if weights is None:
        return load(name)
    prepare_device()
    beside = weights.parent / f"{name}.json"
    card = read_card(name, weights.parent) if beside.is_file() else read_card(name)
    if weights.suffix != ".h5":
        return _with_weights(card, weights)
    module = import_module(f"inference.models.{name}")
    network = module.build(card.input_shape, **card.network)
    network.load_weights(weights)
    if hasattr(module, "served"):  # it answers more than was trained
        network = module.served(network)
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / f"{name}.npz"
        write_weights(network, converted)
        return _with_weights(card, converted)


def _with_weights(card: ModelCard, weights: Path) -> Model:
    own = replace(card, weights_file=str(weights.resolve()), weights_sha256=checksum(weights))
    model: Model = getattr(import_module(f"inference.models.{card.name}"), CLASSES[card.name])(own)
    return model
