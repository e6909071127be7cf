"""Detects whether axial slices of a head MR series show a tumour: a compact residual network, and the source's CNN."""

from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Attention, Findings, Score
from dicom_io.volume import SEQUENCE_TITLES, Volume
from inference.card import ModelCard
from inference.checkpoint import read_weights
from inference.device import Policy, find_policy
from inference.errors import UnsuitableCase
from inference.explain.attention import METHODS, attention_map
from inference.explain.attention import Score as SliceScore
from inference.forward import Forward
from inference.postprocess import pool_suspicious, with_temperature
from inference.preprocess.framing import HeadFit
from inference.preprocess.grid import Turn, axial_turn
from inference.preprocess.slices import head_slices

NAME = "detect_cnn2d"
LABELS = ("tumour", "no_tumour")
TUMOUR = LABELS.index("tumour")
SEQUENCES = ("t1c", "t1", "flair", "t2")
SIZE = 150
MOST_SLICES = 32
HEAD_SHARE = 0.6
SUSPICIOUS_SHARE = 0.1
METHOD = "lime"
"""More of its evidence lies in the lesions of the validation patients than of occlusion's: the page says how much."""
LARGEST_BATCH = 32
SOURCE_FILTERS = (32, 64, 64, 128, 256, 128)
SOURCE_PARAMETERS = 720_897


def build(
    input_shape: tuple[int, int, int], filters: int = 24, dropout: float = 0.3, source: bool = False
) -> keras.Model:
    """Build the network: residual blocks (He et al. 2016), pooled over the whole picture by mean and by maximum.

    Parameters
    ----------
    input_shape
        (rows, columns, 1), grey values 0..1; rows and columns may be None, no layer depends on them.
    filters
        Of the first convolution; the blocks have 4/3, 8/3 and 16/3 times as many.
    source
        Whether to build the source's network in this one's place, for comparison: with the same input and output.

    Returns
    -------
    keras.Model
        (n, rows, columns, 1) -> (n, 2), probabilities in the order of ``LABELS``.
    """
    inputs = keras.Input(input_shape, name="slices")
    if source:
        tumour = build_source()(layers.Concatenate(name="colours")([inputs] * 3))
        return keras.Model(inputs, layers.Concatenate(name="both")([tumour, 1.0 - tumour]), name=f"{NAME}_source")
    x = _convolution(inputs, filters, 2, "stem")
    for stage, blocks in enumerate((1, 2, 2)):
        for block in range(blocks):
            x = _residual(x, (filters * 4 << stage) // 3, 2 if block == 0 else 1, f"stage{stage}_block{block}")
    pooled = [layers.GlobalAveragePooling2D(name="mean")(x), layers.GlobalMaxPooling2D(name="maximum")(x)]
    x = layers.Dropout(dropout, name="dropout")(layers.Concatenate(name="pooled")(pooled))
    outputs = layers.Dense(len(LABELS), activation="softmax", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name=NAME)


def build_source() -> keras.Model:
    """Build the network of the source document, 720,897 parameters: (n, 150, 150, 3) -> (n, 1), score of a tumour.

    Six 3x3 convolutions, each followed by a 2x2 maximum, then one sigmoid. The document gives kind, input and number
    of parameters; of the plain layouts (one kernel size, powers of two) this one has that number.
    """
    inputs = keras.Input((SIZE, SIZE, 3), name="slices")
    x = inputs
    for number, filters in enumerate(SOURCE_FILTERS):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"convolution{number}")(x)
        x = layers.MaxPooling2D(2, name=f"maximum{number}")(x)
    x = layers.Flatten(name="flat")(x)
    outputs = layers.Dense(1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name="source")


def _convolution(x: keras.KerasTensor, filters: int, stride: int, name: str, active: bool = True) -> keras.KerasTensor:
    x = layers.Conv2D(
        filters,
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x) if active else x


def _residual(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    change = _convolution(_convolution(x, filters, stride, f"{name}_a"), filters, 1, f"{name}_b", active=False)
    if stride != 1 or x.shape[-1] != filters:
        x = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_widen")(x)
    return layers.Activation("relu", name=f"{name}_relu")(layers.Add(name=f"{name}_sum")([x, change]))


def as_input(image: NDArray[np.generic], size: int) -> NDArray[np.float32]:
    """Return a picture (rows, columns) with square pixels as the network sees it: (size, size, 1)."""
    return HeadFit.of(image, size).forward(image)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The slices of a volume that the network sees: their place among all axial slices, and how each is fitted."""

    turn: Turn
    slices: NDArray[np.float32]
    chosen: NDArray[np.intp]
    fits: tuple[HeadFit, ...]

    @classmethod
    def of(cls, volume: Volume, size: int) -> "View":
        """Choose up to 32 axial slices of the head."""
        turn, spacing = axial_turn(volume.geometry)
        slices = turn.forward(volume.array)
        chosen = head_slices(slices, HEAD_SHARE, MOST_SLICES)
        fits = tuple(HeadFit.of(slices[index], size, (spacing[1], spacing[2])) for index in chosen)
        return cls(turn, slices, chosen, fits)

    def pictures(self) -> NDArray[np.float32]:
        """Return the chosen slices as the network sees them, (n, size, size, 1)."""
        return np.stack([fit.forward(self.slices[k]) for k, fit in zip(self.chosen, self.fits, strict=True)])

    def on_grid(self, heat: NDArray[np.floating], number: int) -> NDArray[np.float32]:
        """Return a map (size, size) of one chosen slice on the volume's own grid, 0 on all other slices."""
        whole = np.zeros(self.slices.shape, dtype=np.float32)
        whole[self.chosen[number]] = self.fits[number].backward(heat)
        return self.turn.backward(whole)


def prepare(case: Case, size: int) -> NDArray[np.float32]:
    """Return up to 32 axial slices of the head, (n, size, size, 1), of the preferred series that the case has."""
    return View.of(_volume(case), size).pictures()


def interpret(output: NDArray[np.floating], case: Case, card: ModelCard) -> Findings:
    """Turn probabilities per slice (n, 2) into one answer for the series: the mean of its most suspicious tenth."""
    volume = _volume(case)
    slices = with_temperature(output, card.temperature)
    scores = pool_suspicious(slices, slices[:, TUMOUR], SUSPICIOUS_SHARE)
    present = float(scores[TUMOUR]) >= card.threshold
    title = SEQUENCE_TITLES[volume.header.sequence]
    reached = int((slices[:, TUMOUR] >= card.threshold).sum())
    return Findings(
        algorithm=Algorithm(card.name, card.version, card.weights_sha256),
        task=card.task,
        series_instance_uid=volume.header.series_instance_uid,
        present=present,
        scores=tuple(Score(label, float(score)) for label, score in zip(LABELS, scores, strict=True)),
        mask=None,
        summary=f"{'Tumour found' if present else 'No tumour found'}, tumour score {scores[TUMOUR]:.0%}, "
        f"from {len(output)} slices of {title} (threshold {card.threshold:.0%})",
        notes=(
            f"{len(output)} axial slices were looked at, each alone; {reached} reach the threshold. "
            "The score is the mean of the most suspicious tenth of them, three at least.",
            *((card.caution,) if card.caution else ()),
        ),
    )


def explain(score: SliceScore, output: NDArray[np.floating], case: Case, size: int) -> Attention:
    """Return where the evidence lies on the most suspicious slice, on the grid of the series.

    Parameters
    ----------
    score
        The network: (n, size, size, 1) -> (n, 2).
    output
        What it said of the slices that ``prepare`` chose, (n, 2).
    """
    volume = _volume(case)
    view, worst = View.of(volume, size), int(output[:, TUMOUR].argmax())
    heat = attention_map(score, view.pictures()[worst], TUMOUR, METHOD)
    return Attention(view.on_grid(heat, worst), LABELS[TUMOUR], METHODS[METHOD], volume.header.series_instance_uid)


class DetectCnn2d:
    """The model as the worker uses it."""

    def __init__(self, card: ModelCard, policy: Policy = find_policy) -> None:
        """Build the network and read its weights; ``policy`` says in what precision it runs."""
        self.card = card
        self.network = build(card.input_shape, **card.network)  # type: ignore[arg-type]
        read_weights(self.network, card.weights_path, card.weights_sha256)
        self.forward = Forward(self.network, LARGEST_BATCH, policy=policy)

    def predict(self, case: Case) -> Findings:
        """Analyse a case; see ``inference.model.Model``. A tumour that is found is explained."""
        size = self.card.input_shape[0]
        output = self.forward(prepare(case, size))
        findings = interpret(output, case, self.card)
        if not findings.present:
            return findings
        return replace(findings, attention=explain(self.forward, output, case, size))


def _volume(case: Case) -> Volume:
    try:
        return case.first(*SEQUENCES)
    except KeyError as error:
        raise UnsuitableCase(f"{NAME} needs a T1, FLAIR or T2 series: {error.args[0]}") from error
