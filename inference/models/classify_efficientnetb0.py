"""Classifies a T1 series as glioma, meningioma, pituitary tumour or no tumour with EfficientNetB0."""

import keras
import numpy as np
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Score
from dicom_io.volume import Volume
from inference.card import ModelCard
from inference.checkpoint import read_weights
from inference.device import Policy, find_policy
from inference.errors import UnsuitableCase
from inference.forward import Forward
from inference.models.novelty import Novelty
from inference.postprocess import pool_suspicious, with_temperature
from inference.preprocess.grid import SquareFit, axial_turn
from inference.preprocess.intensity import scale_to_unit
from inference.preprocess.slices import head_slices

NAME = "classify_efficientnetb0"
LABELS = ("glioma", "meningioma", "no_tumour", "pituitary")
NO_TUMOUR = LABELS.index("no_tumour")
SEQUENCES = ("t1c", "t1")
MOST_SLICES = 24
HEAD_SHARE = 0.6
SUSPICIOUS_SHARE = 0.25


def build(input_shape: tuple[int, int, int], dropout: float = 0.2, weights: str | None = None) -> keras.Model:
    """Build the network (Tan and Le 2019).

    Parameters
    ----------
    input_shape
        (rows, columns, 3), grey values 0..1 repeated in three channels.
    weights
        "imagenet" to start from ImageNet where it can be downloaded; None starts from scratch.

    Returns
    -------
    keras.Model
        (n, rows, columns, 3) -> (n, 4), probabilities in the order of ``LABELS``.
    """
    inputs = keras.Input(input_shape, name="slices")
    x = keras.layers.Rescaling(255.0, name="to_bytes")(inputs)
    body = keras.applications.EfficientNetB0(include_top=False, weights=weights, input_tensor=x, pooling="avg")
    x = keras.layers.Dropout(dropout, name="dropout")(body.output)
    outputs = keras.layers.Dense(len(LABELS), activation="softmax", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name=NAME)


def served(network: keras.Model) -> keras.Model:
    """Return the network as it is served: (n, 5), the probabilities and how novel the slice is.

    It shares its layers with the network given; only the layer ``novelty`` is new.
    """
    novelty = Novelty(len(LABELS))(network.get_layer("dropout").input)
    outputs = keras.layers.Concatenate(dtype="float32", name="answer")([network.output, novelty])
    return keras.Model(network.input, outputs, name=NAME)


def as_input(image: NDArray[np.generic], size: int, spacing: tuple[float, float] = (1.0, 1.0)) -> NDArray[np.float32]:
    """Return one grey image (rows, columns) as the network sees it: (size, size, 3), 0..1, padded with 0."""
    fit = SquareFit.of((image.shape[0], image.shape[1]), spacing, size)
    square = fit.forward(scale_to_unit(image)[None], fill=0.0)[0]
    return np.repeat(square[..., None], 3, axis=-1)


def prepare(case: Case, size: int) -> NDArray[np.float32]:
    """Return up to 24 axial slices of the head, (n, size, size, 3), from T1 post contrast or else T1."""
    volume = _t1(case)
    turn, spacing = axial_turn(volume.geometry)
    slices = turn.forward(volume.array)
    chosen = head_slices(slices, HEAD_SHARE, MOST_SLICES)
    return np.stack([as_input(slices[index], size, (spacing[1], spacing[2])) for index in chosen])


def interpret(output: NDArray[np.floating], case: Case, card: ModelCard) -> Findings:
    """Turn probabilities and novelty per slice (n, 5) into one answer for the series.

    Raises
    ------
    UnsuitableCase
        When fewer than half of the slices are like what the model was trained on.
    """
    volume = _t1(case)
    familiar = _familiar(output[:, len(LABELS)], card)
    probabilities = with_temperature(output[familiar, : len(LABELS)], card.temperature)
    scores = pool_suspicious(probabilities, 1.0 - probabilities[:, NO_TUMOUR], SUSPICIOUS_SHARE)
    tumours = {label: float(score) for label, score in zip(LABELS, scores, strict=True) if label != "no_tumour"}
    likeliest = max(tumours, key=lambda label: tumours[label])
    present = 1.0 - float(scores[NO_TUMOUR]) >= card.threshold
    if present:
        summary = f"{likeliest.capitalize()} is the likeliest tumour type, score {tumours[likeliest]:.0%}"
    else:
        summary = f"No tumour found, score {scores[NO_TUMOUR]:.0%}"
    return Findings(
        algorithm=Algorithm(card.name, card.version, card.weights_sha256),
        task=card.task,
        series_instance_uid=volume.header.series_instance_uid,
        present=present,
        scores=tuple(Score(label, float(score)) for label, score in zip(LABELS, scores, strict=True)),
        mask=None,
        summary=f"{summary}, from {len(probabilities)} slices (threshold {card.threshold:.0%})",
        notes=_notes(len(output), len(probabilities), card),
    )


class ClassifyEfficientNetB0:
    """The model as the worker uses it."""

    def __init__(self, card: ModelCard, policy: Policy = find_policy) -> None:
        """Build the network and read its weights; ``policy`` says in what precision it runs."""
        self.card = card
        self.network = served(build(card.input_shape, **card.network))  # type: ignore[arg-type]
        read_weights(self.network, card.weights_path, card.weights_sha256)
        self.forward = Forward(self.network, policy=policy)

    def predict(self, case: Case) -> Findings:
        """Analyse a case; see ``inference.model.Model``."""
        return interpret(self.forward(prepare(case, self.card.input_shape[0])), case, self.card)


def _familiar(novelty: NDArray[np.floating], card: ModelCard) -> NDArray[np.bool_]:
    """Return which slices the model answers for."""
    if card.novelty_limit is None:
        return np.ones(len(novelty), dtype=bool)
    familiar: NDArray[np.bool_] = novelty <= card.novelty_limit
    strange = len(novelty) - int(familiar.sum())
    if 2 * strange > len(novelty):
        raise UnsuitableCase(
            f"{NAME} was trained on T1 slices of the brain; {strange} of {len(novelty)} slices are not like them "
            f"(novelty {np.median(novelty):.1f} in the median, limit {card.novelty_limit:.1f})"
        )
    return familiar


def _notes(looked_at: int, used: int, card: ModelCard) -> tuple[str, ...]:
    left_out = f"{looked_at - used} of {looked_at} slices were left out, being unlike the training data"
    return tuple(filter(None, (left_out if used < looked_at else "", card.caution)))


def _t1(case: Case) -> Volume:
    try:
        return case.first(*SEQUENCES)
    except KeyError as error:
        raise UnsuitableCase(f"{NAME} needs a T1 series: {error.args[0]}") from error
