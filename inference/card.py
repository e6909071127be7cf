"""What a model is: name, version, task, input, labels, weights and measured quality. Loads no TensorFlow."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference.errors import MalformedCard, UnknownModel

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
IN_SHORT = "in_short"
"""Where, among a card's figures, the few are that tell most, in words: name -> value."""


@dataclass(frozen=True, slots=True)
class Input:
    """One series that a model is given.

    Attributes
    ----------
    any_of
        The MR sequences that will do, the preferred one first.
    optional
        Whether the model answers without it.
    """

    any_of: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One card; read from ``inference/weights/<name>.json``, which the training command writes.

    Attributes
    ----------
    inputs
        The series that the model is given. The first is required: on its grid lie the others and the findings.
    input_shape
        What the network sees of a case at once: (rows, columns, channels) of a slice, or (slices, rows, columns,
        channels) of a volume.
    network
        Keyword arguments of the model file's ``build``.
    threshold
        The operating point: a score at or above it counts as found.
    provenance
        Data, licence, split, seed, command, figures and limits, as the training command measured them.
    temperature
        What logits are divided by, so that scores are calibrated (Guo et al. 2017); 1 leaves them.
    novelty_limit
        The largest novelty (see inference/models/novelty.py) of an input that the model answers for; None where it is
        not measured.
    caution
        A sentence that goes with every answer of the model, where its figures do not support relying on it.
    """

    name: str
    version: str
    task: str
    inputs: tuple[Input, ...]
    labels: tuple[str, ...]
    input_shape: tuple[int, ...]
    network: Mapping[str, object]
    threshold: float
    weights_file: str
    weights_sha256: str
    provenance: Mapping[str, object]
    temperature: float = 1.0
    novelty_limit: float | None = None
    caution: str = ""

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
    MalformedCard
        When its inputs are not as ``Input`` describes them.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise UnknownModel(f"no model is named {name!r}; there are: {', '.join(model_names(folder))}")
    fields = json.loads(path.read_text())
    for key in ("labels", "input_shape"):
        fields[key] = tuple(fields[key])
    fields["inputs"] = _inputs(path.name, fields.get("inputs"))
    return ModelCard(**fields)


def _inputs(card: str, entries: object) -> tuple[Input, ...]:
    if not isinstance(entries, list) or not entries:
        raise MalformedCard(f"{card}: inputs must be a list of at least one input, not {entries!r}")
    inputs = tuple(_input(card, entry) for entry in entries)
    if inputs[0].optional:
        raise MalformedCard(f"{card}: the first input, {' or '.join(inputs[0].any_of)}, must not be optional")
    named = [sequence for one in inputs for sequence in one.any_of]
    if twice := sorted({sequence for sequence in named if named.count(sequence) > 1}):
        raise MalformedCard(f"{card}: {', '.join(twice)} in two places of inputs")
    return inputs


def _input(card: str, entry: object) -> Input:
    """Check one input as JSON holds it: ``{"any_of": ["t1c", "t1"], "optional": true}``."""
    match entry:
        case {"any_of": [str(), *_] as any_of, **rest} if all(isinstance(sequence, str) for sequence in any_of):
            match rest:
                case {"optional": bool(optional)} if len(rest) == 1:
                    return Input(tuple(any_of), optional)
                case _ if not rest:
                    return Input(tuple(any_of))
    raise MalformedCard(f'{card}: an input must be {{"any_of": [sequences], "optional": true or false}}, not {entry!r}')


def model_names(folder: Path = WEIGHTS_FOLDER) -> tuple[str, ...]:
    """Return the names of all models that have a card, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder.glob("*.json")))
