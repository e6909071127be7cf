"""What a model is: name, version, task, input, labels, weights and measured quality. Loads no TensorFlow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference.errors import UnknownModel

WEIGHTS_FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One card; read from ``inference/weights/<name>.json``, which the training command writes.

    Attributes
    ----------
    sequences
        The MR sequences the model accepts, the preferred one first; any one is enough.
    input_shape
        (rows, columns, channels) of one slice as the network sees it.
    network
        Keyword arguments of the model file's ``build``.
    threshold
        The operating point: a score at or above it counts as found.
    provenance
        Data, licence, split, seed, command, figures and limits, as the training command measured them.
    """

    name: str
    version: str
    task: str
    sequences: tuple[str, ...]
    labels: tuple[str, ...]
    input_shape: tuple[int, int, int]
    network: Mapping[str, object]
    threshold: float
    weights_file: str
    weights_sha256: str
    provenance: Mapping[str, object]

    @property
    def weights_path(self) -> Path:
        """Where the weights file lies."""
        return WEIGHTS_FOLDER / self.weights_file


def read_card(name: str, folder: Path = WEIGHTS_FOLDER) -> ModelCard:
    """Read the card of one model.

    Raises
    ------
    UnknownModel
        When no model has this name.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise UnknownModel(f"no model is named {name!r}; there are: {', '.join(model_names(folder))}")
    fields = json.loads(path.read_text())
    for key in ("sequences", "labels", "input_shape"):
        fields[key] = tuple(fields[key])
    return ModelCard(**fields)


def model_names(folder: Path = WEIGHTS_FOLDER) -> tuple[str, ...]:
    """Return the names of all models that have a card, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder.glob("*.json")))
