"""What a recipe is: how one model is trained, as frozen values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from inference.card import Input


@dataclass(frozen=True, slots=True)
class Stage:
    """A number of epochs at one input size.

    Attributes
    ----------
    learning_rate
        The highest. It rises over the first twentieth of the steps and falls along a cosine; with ``patience`` it
        begins there and is divided by three when the validation loss stops falling.
    patience
        Epochs without a lower validation loss after which the stage ends; None trains all epochs.
    everything
        Whether to train on everything but the test part, validation included. The last weights are kept, because
        nothing is left to choose by. A recipe's last stage may do so, once the earlier ones have been measured.
    """

    size: int
    epochs: int
    learning_rate: float
    patience: int | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a recipe trains and validates on at an input size, and who is in which part (written to ``split.json``)."""

    train: Callable[[int], keras.utils.PyDataset]
    validation: Callable[[int], keras.utils.PyDataset]
    split: Mapping[str, object]
    everything: Callable[[int], keras.utils.PyDataset] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """Everything that training and the card need to know of one model.

    Attributes
    ----------
    protocols
        Ways to divide the data set, by name; the first is how the shipped weights were trained. Each takes the data
        set's folder and a seed.
    finish
        What is done to the trained network (at the size of ``input_shape``) before it is kept: returns the network
        that is served, and further fields of its card.
    folds
        For a data set too small for one test part: the same, dividing it several times (cross-validation).
    average
        Momentum of the moving average of the weights that is validated and kept; 0 keeps the weights themselves.
    """

    name: str
    version: str
    task: str
    inputs: tuple[Input, ...]
    labels: tuple[str, ...]
    input_shape: tuple[int, ...]
    network: Mapping[str, object]
    threshold: float
    stages: tuple[Stage, ...]
    build: Callable[[int], keras.Model]
    protocols: Mapping[str, Callable[[Path, int], Parts]]
    loss: Callable[..., object] | str
    metrics: tuple[Callable[..., object] | str, ...]
    data: str
    licence: str
    limits: str
    weight_decay: float = 1e-4
    average: float = 0.998
    finish: Callable[[keras.Model, Parts], tuple[keras.Model, Mapping[str, object]]] | None = None
    folds: Callable[[Path, int], Sequence[Parts]] | None = None
