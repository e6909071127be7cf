"""Tells the subtype of a glioma from FLAIR, T1, T1 post contrast and T2 on one slice with ResNet50."""

from collections.abc import Mapping
from dataclasses import replace

import keras
import numpy as np
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Score
from dicom_io.volume import SEQUENCE_TITLES
from inference.card import ModelCard
from inference.checkpoint import read_weights
from inference.device import Policy, find_policy
from inference.forward import Forward
from inference.models.outlined import Segmentation, outline_of
from inference.postprocess import with_temperature
from inference.preprocess.grid import SquareFit, axial_turn
from inference.preprocess.intensity import CLIP, foreground_statistics, standardise
from inference.preprocess.slices import largest_slice

NAME = "subtype_resnet50"
LABELS = ("astrocytoma", "oligoastrocytoma", "oligodendroglioma")
SEQUENCES = ("flair", "t1", "t1c", "t2")
FILL = CLIP[0] / 2
MOMENTUM = 0.9
"""Of batch normalisation: Keras's 0.99 remembers its beginning for more steps than a small data set trains."""
MISSING = 0.0
"""What a channel is filled with whose contrast is missing: the mean of every standardised head."""


def build(input_shape: tuple[int, int, int], dropout: float = 0.5, weights: str | None = None) -> keras.Model:
    """Build the network (He et al. 2016).

    Parameters
    ----------
    input_shape
        (rows, columns, 4): standardised FLAIR, T1, T1 post contrast and T2.
    weights
        "imagenet" to start from ImageNet where it can be downloaded: its first layer is given the mean of its three
        colours for each of the four contrasts. None starts from scratch.

    Returns
    -------
    keras.Model
        (n, rows, columns, 4) -> (n, 3), probabilities in the order of ``LABELS``.
    """
    inputs = keras.Input(input_shape, name="slices")
    body = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=inputs, pooling="avg")
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    if weights is not None:
        start_from(body, keras.applications.ResNet50(include_top=False, weights=weights, pooling="avg"))
    x = keras.layers.Dropout(dropout, name="dropout")(body.output)
    outputs = keras.layers.Dense(len(LABELS), activation="softmax", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name=NAME)


def start_from(body: keras.Model, coloured: keras.Model) -> None:
    """Give a ResNet50 of four channels the weights of one of three colours; grey in them is grey in all channels."""
    arrays = coloured.get_weights()
    channels = body.input_shape[-1]
    grey = arrays[0].mean(axis=2, keepdims=True) * (arrays[0].shape[2] / channels)
    arrays[0] = np.repeat(grey, channels, axis=2)
    body.set_weights(arrays)


def as_input(
    contrasts: Mapping[str, NDArray[np.generic]],
    statistics: Mapping[str, tuple[float, float]],
    size: int,
    spacing_mm: tuple[float, float] = (1.0, 1.0),
) -> NDArray[np.float32]:
    """Return one slice as the network sees it, (size, size, 4).

    Parameters
    ----------
    contrasts
        Sequence -> (rows, columns), one slice on one grid; a sequence that is missing leaves its channel at 0.
    statistics
        Mean and standard deviation of each contrast's head, of the whole volume.
    """
    square = np.full((size, size, len(SEQUENCES)), MISSING, dtype=np.float32)
    for number, name in enumerate(SEQUENCES):
        if name in contrasts:
            picture = standardise(contrasts[name], statistics[name])
            fit = SquareFit.of((picture.shape[0], picture.shape[1]), spacing_mm, size)
            square[..., number] = fit.forward(picture[None], fill=FILL)[0]
    return square


def known_to(card: ModelCard) -> tuple[str, ...]:
    """Return the contrasts that the weights were trained with: a channel that was always empty must stay so."""
    named = {sequence for one in card.inputs for sequence in one.any_of}
    return tuple(name for name in SEQUENCES if name in named)


def prepare(
    case: Case, outline: NDArray[np.bool_], size: int, known: tuple[str, ...] = SEQUENCES
) -> NDArray[np.float32]:
    """Return the slice on which the tumour is largest, (1, size, size, 4).

    Parameters
    ----------
    outline
        Where the tumour is, (slices, rows, columns) on the grid of the case's reference, which is FLAIR.
    known
        The contrasts that are looked at; the others' channels stay empty, whatever the case has.
    """
    turn, spacing = axial_turn(case.reference.geometry)
    arrays = {name: turn.forward(array) for name in known if (array := case.on_reference(name)) is not None}
    chosen = largest_slice(turn.forward(outline))
    statistics = {name: foreground_statistics(array) for name, array in arrays.items()}
    slices = {name: array[chosen] for name, array in arrays.items()}
    return as_input(slices, statistics, size, (spacing[1], spacing[2]))[None]


def interpret(
    output: NDArray[np.floating], case: Case, card: ModelCard, outline: NDArray[np.bool_], origin: str
) -> Findings:
    """Turn probabilities (1, 3) into findings; ``origin`` says where the tumour's outline is from."""
    scores = with_temperature(output, card.temperature)[0]
    known = known_to(card)
    seen = [SEQUENCE_TITLES[name] for name in known if case.on_reference(name) is not None]
    unseen = [SEQUENCE_TITLES[name] for name in known if case.on_reference(name) is None]
    strange = [SEQUENCE_TITLES[name] for name in SEQUENCES if name not in known]
    turn, _ = axial_turn(case.reference.geometry)
    slices = turn.forward(outline)
    missing = [f"Answered without {' and '.join(unseen)}"] if unseen else []
    if strange:
        missing.append(f"{' and '.join(strange)} is not looked at: the training data had none")
    return Findings(
        algorithm=Algorithm(card.name, card.version, card.weights_sha256),
        task=card.task,
        series_instance_uid=case.reference.header.series_instance_uid,
        present=None,
        scores=tuple(Score(label, float(score)) for label, score in zip(LABELS, scores, strict=True)),
        mask=None,
        summary=f"If this is a lower-grade glioma, {LABELS[int(scores.argmax())]} is the likeliest subtype, "
        f"score {scores.max():.0%}, from {' and '.join(seen)}",
        notes=(
            *((card.caution,) if card.caution else ()),
            *missing,
            f"Seen on slice {largest_slice(slices) + 1} of {len(slices)} from the feet; outline from {origin}",
        ),
    )


class SubtypeResnet50:
    """The model as the worker uses it."""

    def __init__(self, card: ModelCard, policy: Policy = find_policy, segmentation: Segmentation | None = None) -> None:
        """Build the network and read its weights; ``segmentation`` says where the tumour is."""
        self.card = card
        self.network = build(card.input_shape, **card.network)  # type: ignore[arg-type]
        read_weights(self.network, card.weights_path, card.weights_sha256)
        self.forward = Forward(self.network, policy=policy)
        self._segmentation = segmentation

    def predict(self, case: Case) -> Findings:
        """Analyse a case; see ``inference.model.Model``."""
        outline = outline_of(case, NAME, self._segmentation)
        slices = prepare(case, outline.mask, self.card.input_shape[0], known_to(self.card))
        findings = interpret(self.forward(slices), case, self.card, outline.mask, outline.origin)
        return replace(findings, notes=(*findings.notes, *outline.notes))
