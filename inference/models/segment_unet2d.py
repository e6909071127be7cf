"""Segments FLAIR abnormality with a 2D U-Net, slice by slice, on the FLAIR series' own grid."""

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Mask, Score, Segment
from dicom_io.volume import Volume
from inference.card import ModelCard
from inference.checkpoint import read_weights
from inference.device import Policy, find_policy
from inference.errors import UnsuitableCase
from inference.forward import Forward
from inference.models.blocks import double_convolution
from inference.postprocess import drop_specks
from inference.preprocess.grid import SquareFit, Turn, axial_turn
from inference.preprocess.intensity import CLIP, foreground_statistics, standardise

NAME = "segment_unet2d"
LABEL = "flair_abnormality"
CHANNELS = ("flair", "t1", "t1c")
TITLES = {"flair": "FLAIR", "t1": "T1", "t1c": "T1 post contrast"}
SMALLEST_MM3 = 150.0


def build(input_shape: tuple[int | None, int | None, int], filters: int = 16, depth: int = 4) -> keras.Model:
    """Build the network (Ronneberger et al. 2015, with batch normalisation).

    Parameters
    ----------
    input_shape
        (rows, columns, channels); rows and columns divisible by 2**depth, or None. Channels are
        standardised FLAIR, T1 and T1 post contrast.
    filters
        Convolution filters of the first level; doubled at each of ``depth`` levels down.

    Returns
    -------
    keras.Model
        (n, rows, columns, channels) -> (n, rows, columns, 1), the probability of abnormality.
    """
    inputs = keras.Input(input_shape, name="slices")
    x = inputs
    skips = []
    for level in range(depth):
        x = double_convolution(x, filters * 2**level, f"down{level}")
        skips.append(x)
        x = layers.MaxPooling2D(name=f"pool{level}")(x)
    x = double_convolution(x, filters * 2**depth, "bottom")
    for level in reversed(range(depth)):
        x = layers.Conv2DTranspose(filters * 2**level, 2, strides=2, padding="same", name=f"up{level}")(x)
        x = layers.Concatenate(name=f"join{level}")([skips[level], x])
        x = double_convolution(x, filters * 2**level, f"up{level}")
    outputs = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name=NAME)


def prepare(case: Case, size: int) -> NDArray[np.float32]:
    """Return FLAIR, T1 and T1 post contrast as axial slices (n, size, size, 3), each standardised by its own head.

    FLAIR stands in for a contrast that is missing, as it does in training; T1 post contrast counts as missing where T1
    is, because the network does better with FLAIR alone than with FLAIR and T1 post contrast.
    """
    volume = _flair(case)
    turn, fit = _fit(volume, size)
    squares = {
        sequence: fit.forward(standardise(turn.forward(array), foreground_statistics(array)), fill=CLIP[0] / 2)
        for sequence, array in _contrasts(case).items()
    }
    return np.stack([squares.get(sequence, squares["flair"]) for sequence in CHANNELS], axis=-1)


def interpret(output: NDArray[np.floating], case: Case, card: ModelCard) -> Findings:
    """Turn probabilities (n, size, size, 1) into a mask on the FLAIR's grid, its volume and a sentence."""
    volume = _flair(case)
    turn, fit = _fit(volume, card.input_shape[0])
    probability = turn.backward(fit.backward(output[..., 0]))
    found = drop_specks(probability >= card.threshold, volume.geometry.voxel_volume, SMALLEST_MM3)
    slices = int(found.any(axis=(1, 2)).sum())
    seen = _seen_on(case)
    if slices:
        score = float(probability[found].mean())
        cm3 = found.sum() * volume.geometry.voxel_volume / 1000
        summary = f"FLAIR abnormality of {cm3:.1f} cm3 on {slices} of {len(found)} slices"
    else:
        score = float(probability.max())
        summary = f"No FLAIR abnormality found on {len(found)} slices"
    return Findings(
        algorithm=Algorithm(card.name, card.version, card.weights_sha256),
        task=card.task,
        series_instance_uid=volume.header.series_instance_uid,
        present=slices > 0,
        scores=(Score(LABEL, score),),
        mask=Mask(found.astype(np.uint8), (Segment(1, LABEL),), volume.header.series_instance_uid),
        summary=f"{summary} ({seen}threshold {card.threshold:.0%})",
    )


class SegmentUnet2d:
    """The model as the worker uses it."""

    def __init__(self, card: ModelCard, policy: Policy = find_policy) -> None:
        """Build the network and read its weights; ``policy`` says in what precision it runs."""
        self.card = card
        self.network = build(card.input_shape, **card.network)  # type: ignore[arg-type]
        read_weights(self.network, card.weights_path, card.weights_sha256)
        self.forward = Forward(self.network, policy=policy)

    def predict(self, case: Case) -> Findings:
        """Analyse a case; see ``inference.model.Model``."""
        return interpret(self.forward(prepare(case, self.card.input_shape[0])), case, self.card)


def _flair(case: Case) -> Volume:
    if "flair" not in case.volumes:
        raise UnsuitableCase(f"{NAME} needs a FLAIR series; the case has {', '.join(case.volumes) or 'none'}")
    if case.reference is not case.volumes["flair"]:
        raise UnsuitableCase(f"{NAME} answers on the grid of FLAIR; the case's is that of {next(iter(case.volumes))}")
    return case.volumes["flair"]


def _contrasts(case: Case) -> dict[str, NDArray[np.float32]]:
    """Return what the case has of the channels; T1 post contrast only beside T1, without which it does harm."""
    found = {sequence: case.on_reference(sequence) for sequence in CHANNELS}
    if found["t1"] is None:
        found["t1c"] = None
    return {sequence: array for sequence, array in found.items() if array is not None}


def _seen_on(case: Case) -> str:
    """Name the contrasts where there are more than FLAIR."""
    *others, last = (TITLES[sequence] for sequence in _contrasts(case))
    return f"{', '.join(others)} and {last}, " if others else ""


def _fit(volume: Volume, size: int) -> tuple[Turn, SquareFit]:
    turn, spacing = axial_turn(volume.geometry)
    shape = tuple(volume.array.shape[axis] for axis in turn.order)
    return turn, SquareFit.of((shape[1], shape[2]), (spacing[1], spacing[2]), size)
