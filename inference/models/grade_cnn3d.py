"""Grades a glioma (WHO II or III) from a whole brain of 20 merged slices with a small 3D CNN."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray
from scipy import ndimage

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Score
from dicom_io.volume import SEQUENCE_TITLES
from inference.card import ModelCard
from inference.checkpoint import read_weights
from inference.device import Policy, find_policy
from inference.forward import Forward
from inference.models.outlined import Segmentation, outline_of
from inference.postprocess import with_temperature
from inference.preprocess.bias import correct_bias
from inference.preprocess.brain import brain_mask
from inference.preprocess.grid import SquareFit, axial_turn
from inference.preprocess.resample import resize_volume
from inference.preprocess.slices import merge_mean
from inference.preprocess.smooth import gaussian

NAME = "grade_cnn3d"
LABELS = ("grade_2", "grade_3")
SEQUENCES = ("flair", "t1", "t1c")
CHANNELS = ("flair", "t1", "t1c", "enhancement", "outline")
SHAPE = (20, 64, 64)
FWHM_MM = 4.0
CLIP = (-4.0, 8.0)
FEWEST_BRAIN_VOXELS = 100


class WithinOutline(layers.Layer):  # type: ignore[misc]
    """Pools features within the tumour: their mean and their highest value there, weighted by the outline."""

    def call(self, inputs: tuple[keras.KerasTensor, keras.KerasTensor]) -> keras.KerasTensor:
        """Features on a grid coarser by (2, 4, 4) and the network's input, (n, ..., channels) -> (n, 2 channels)."""
        features, volume = inputs
        outline = ops.cast(ops.average_pool(volume[..., -1:], (2, 4, 4)), features.dtype)
        inside = features * outline
        mean = ops.sum(inside, axis=(1, 2, 3)) / (ops.sum(outline, axis=(1, 2, 3)) + 1e-3)
        return ops.concatenate([mean, ops.max(inside, axis=(1, 2, 3))], axis=-1)


def build(input_shape: tuple[int, int, int, int], filters: int = 8, dropout: float = 0.5) -> keras.Model:
    """Build the compact network that we ship: what it looks at is averaged within the outline of the tumour.

    Parameters
    ----------
    input_shape
        (slices, rows, columns, channels), slices even, rows and columns divisible by 4; channels as ``CHANNELS``.

    Returns
    -------
    keras.Model
        (n, slices, rows, columns, channels) -> (n, 2), probabilities in the order of ``LABELS``.
    """
    inputs = keras.Input(input_shape, name="volume")
    x = inputs
    for number, strides in enumerate(((1, 2, 2), (2, 2, 2), (1, 1, 1))):
        x = layers.Conv3D(filters * min(2**number, 2), 3, strides, "same", use_bias=False, name=f"conv{number}")(x)
        x = layers.GroupNormalization(groups=4, name=f"norm{number}")(x)
        x = layers.Activation("relu", name=f"relu{number}")(x)
    x = layers.Dropout(dropout, name="dropout")(WithinOutline(name="within")([x, inputs]))
    outputs = layers.Dense(len(LABELS), activation="softmax", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name=NAME)


def build_source(input_shape: tuple[int, int, int, int] = (64, 64, 20, 1)) -> keras.Model:
    """Build a network of the source's kind and size, 42,016,257 parameters: nearly all are of its first dense layer.

    The source states input, kind and number of parameters; the layers are ours, the plainest that have that number.

    Returns
    -------
    keras.Model
        (n, rows, columns, slices, 1) -> (n, 1), the probability of grade III.
    """
    inputs = keras.Input(input_shape, name="volume")
    x = inputs
    for filters in (32, 64):
        x = layers.Conv3D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling3D()(x)
    x = layers.Flatten()(x)
    for units in (512, 32):
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid", dtype="float32")(x), name=f"{NAME}_source")


@dataclass(frozen=True, slots=True)
class BrainFit:
    """How the box around a brain fills the network's volume: neighbouring slices merged, a padded square in plane."""

    box: tuple[slice, slice, slice]
    fit: SquareFit
    slices: int
    spacing: tuple[float, float, float]

    @classmethod
    def of(cls, brain: NDArray[np.bool_], spacing_mm: tuple[float, float, float], shape: tuple[int, ...]) -> "BrainFit":
        """Fit the box around a brain (slices, rows, columns); a mask of almost nothing leaves the whole volume."""
        seen = brain if brain.sum() >= FEWEST_BRAIN_VOXELS else np.ones_like(brain)
        box = ndimage.find_objects(seen.astype(np.int8))[0]
        slices, rows, columns = (part.stop - part.start for part in box)
        fit = SquareFit.of((rows, columns), spacing_mm[1:], shape[1])
        step = max(rows * spacing_mm[1], columns * spacing_mm[2]) / shape[1]
        return cls(box, fit, shape[0], (slices * spacing_mm[0] / shape[0], step, step))

    def forward(self, array: NDArray[np.generic]) -> NDArray[np.float32]:
        """(slices, rows, columns) of the head -> the network's, float32, 0 outside the box."""
        inside = np.asarray(array[self.box], dtype=np.float32)
        if len(inside) >= self.slices:
            merged = merge_mean(inside, self.slices)
        else:
            merged = resize_volume(inside, (self.slices, inside.shape[1], inside.shape[2]))
        return self.fit.forward(merged, fill=0.0)


def standard_brain(
    array: NDArray[np.generic], brain: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Return a contrast on the network's grid without bias, smoothed, its brain's median 0, its quartiles 1.35 apart.

    The field is smooth and the network's grid coarse: the bias is corrected there, not on the scanner's grid.
    """
    if not array[brain].any():
        return np.zeros(array.shape, dtype=np.float32)
    even, _ = correct_bias(array, brain, spacing_mm)
    smooth = gaussian(np.where(brain, even, np.median(even[brain])), spacing_mm, FWHM_MM)
    low, middle, high = np.percentile(smooth[brain], (25, 50, 75))
    standard: NDArray[np.float32] = (smooth - middle) * np.float32(1.349 / max(high - low, 1e-6))
    return np.where(brain, standard.clip(*CLIP), 0.0).astype(np.float32)


def standard_head(
    contrasts: Mapping[str, NDArray[np.generic]],
    outline: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    shape: tuple[int, ...] = SHAPE,
) -> dict[str, NDArray[np.float32]]:
    """Return each contrast and the outline of a head on the network's grid, (slices, rows, columns) each.

    Parameters
    ----------
    contrasts
        Sequence -> (slices, rows, columns) in axial order on one grid; the brain is found on FLAIR.
    """
    mask = brain_mask(contrasts["flair"], spacing_mm)
    fit = BrainFit.of(mask, spacing_mm, shape)
    brain = fit.forward(mask) > 0.5
    head = {name: standard_brain(fit.forward(array), brain, fit.spacing) for name, array in contrasts.items()}
    return {**head, "outline": fit.forward(outline)}


def as_input(head: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32]:
    """Return (slices, rows, columns, channels): a contrast that is missing is 0, and so is the enhancement then."""
    nothing = np.zeros_like(head["flair"], dtype=np.float32)
    both = "t1" in head and "t1c" in head
    enhancement = head["t1c"] - head["t1"] if both else nothing
    channels = {**head, "enhancement": enhancement}
    return np.stack([channels.get(name, nothing) for name in CHANNELS], axis=-1).astype(np.float32)


def prepare(case: Case, outline: NDArray[np.bool_], shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    """Return a case as the network sees it, (1, slices, rows, columns, channels).

    Parameters
    ----------
    outline
        Where the tumour is, (slices, rows, columns) on the grid of the case's reference, which is FLAIR.
    """
    turn, spacing = axial_turn(case.reference.geometry)
    arrays = {name: turn.forward(array) for name in SEQUENCES if (array := case.on_reference(name)) is not None}
    return as_input(standard_head(arrays, turn.forward(outline), spacing, shape))[None]


def interpret(output: NDArray[np.floating], case: Case, card: ModelCard, origin: str) -> Findings:
    """Turn probabilities (1, 2) into findings; ``origin`` says where the tumour's outline is from."""
    scores = with_temperature(output, card.temperature)[0]
    likelier, other = ("III", "II") if scores[1] >= card.threshold else ("II", "III")
    seen = [name for name in SEQUENCES if case.on_reference(name) is not None]
    unseen = [SEQUENCE_TITLES[name] for name in SEQUENCES if name not in seen]
    missing = (
        (f"Answered without {' and '.join(unseen)}, so without contrast enhancement: not measured by itself",)
        if unseen
        else ()
    )
    return Findings(
        algorithm=Algorithm(card.name, card.version, card.weights_sha256),
        task=card.task,
        series_instance_uid=case.reference.header.series_instance_uid,
        present=None,
        scores=tuple(Score(label, float(score)) for label, score in zip(LABELS, scores, strict=True)),
        mask=None,
        summary=f"If this is a lower-grade glioma, WHO grade {likelier} is likelier than {other}, "
        f"score {scores.max():.0%}, from {' and '.join(SEQUENCE_TITLES[name] for name in seen)}",
        notes=(
            *((card.caution,) if card.caution else ()),
            *missing,
            f"The tumour's outline is from {origin}",
        ),
    )


class GradeCnn3d:
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
        volume = prepare(case, outline.mask, self.card.input_shape[:3])
        findings = interpret(self.forward(volume), case, self.card, outline.origin)
        return replace(findings, notes=(*findings.notes, *outline.notes))
