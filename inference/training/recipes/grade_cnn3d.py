"""How grade_cnn3d is trained: whole brains with the tumour outlined, cross-validated by patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.card import Input
from inference.models import grade_cnn3d as model
from inference.training.batches import Batches, Example, in_order, shuffled
from inference.training.crossval import everyone, split_of, stratified_folds
from inference.training.datasets import Patient, read_patients
from inference.training.outcomes import GRADES, read_lgg
from inference.training.recipe import Parts, Recipe, Stage

BATCH = 8
FOLDS, REPEATS = 5, 3
HEAD_MM = 140.0
"""How high the stack of a head's slices is taken to be: the data set's files have no spacing."""
MISSING_OFTEN = 0.15
"""How often T1 post contrast, or both T1 contrasts, are left out in training."""
SHIFT = (1, 4, 4)
GAIN, OFFSET, NOISE = 0.15, 0.15, 0.1
PREPARED = "heads"

Head = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Glioma:
    """One patient: the contrasts and the outline on the network's grid."""

    name: str
    label: int
    head: Head


def prepare_data(data: Path, out: Path) -> Path:
    """Bring every patient onto the network's grid once, and return the folder that the recipe then reads.

    The brain extraction takes longer than the training. Patients that are there already are left as they are.
    """
    folder = out / PREPARED
    folder.mkdir(parents=True, exist_ok=True)
    labels = read_lgg(data, "neoplasm_histologic_grade", GRADES)
    missing = {name for name in labels if not (folder / f"{name}.npz").exists()}
    for patient in read_patients(data) if missing else ():
        if patient.name in missing:
            unfinished = folder / f"{patient.name}.part"
            with unfinished.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, label=labels[patient.name], **head_of(patient))
            unfinished.rename(unfinished.with_suffix(".npz"))
    return folder


def head_of(patient: Patient) -> dict[str, NDArray[np.float16]]:
    """Return a patient's contrasts and true mask on the network's grid, without those for which FLAIR stands in."""
    flair, *others = (patient.slices[..., channel] for channel in range(3))
    real = {name: array for name, array in zip(("t1", "t1c"), others, strict=True) if not np.array_equal(array, flair)}
    spacing = (HEAD_MM / len(flair), 1.0, 1.0)
    head = model.standard_head({"flair": flair, **real}, patient.mask, spacing)
    return {name: array.astype(np.float16) for name, array in head.items()}


def read_gliomas(folder: Path) -> list[Glioma]:
    """Read what ``prepare_data`` has written."""
    gliomas = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            head = {name: stored[name].astype(np.float32) for name in stored.files if name != "label"}
            gliomas.append(Glioma(path.stem, int(stored["label"]), head))
    if not gliomas:
        raise FileNotFoundError(f"no prepared patients in {folder}")
    return gliomas


def changed(rng: np.random.Generator, member: Glioma) -> Example:
    """Return a changed brain (slices, rows, columns, channels) and its class (2,), one-hot.

    Mirrored, shifted, its contrasts brighter or darker, noisy, some left out, its outline larger or smaller.
    """
    drawn = rng.random()
    left_out = {"t1c"} if drawn < MISSING_OFTEN else {"t1", "t1c"} if drawn < 1.5 * MISSING_OFTEN else set()
    shift = tuple(int(rng.integers(-most, most + 1)) for most in SHIFT)
    mirror = -1 if rng.random() < 0.5 else 1
    head = {}
    for name, array in member.head.items():
        if name not in left_out:
            moved = np.roll(array, shift, axis=(0, 1, 2))[..., ::mirror]
            head[name] = _redrawn(rng, moved) if name == "outline" else _varied(rng, moved)
    return model.as_input(head), _one_hot(member)


def plain(_: np.random.Generator, member: Glioma) -> Example:
    """Return a brain as it is served."""
    return model.as_input(member.head), _one_hot(member)


def _varied(rng: np.random.Generator, array: NDArray[np.float32]) -> NDArray[np.float32]:
    gain, offset = np.exp(rng.uniform(-GAIN, GAIN)), rng.uniform(-OFFSET, OFFSET)
    noise = rng.standard_normal(array.shape, dtype=np.float32) * np.float32(rng.uniform(0, NOISE))
    varied: NDArray[np.float32] = np.where(array == 0, 0, array * gain + offset + noise).astype(np.float32)
    return varied


def _redrawn(rng: np.random.Generator, outline: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an outline as another reader, or a network, may have drawn it."""
    size = (1, 3, 3)
    drawn = rng.random()
    if drawn < 0.25:
        return np.asarray(ndimage.grey_dilation(outline, size))
    smaller = ndimage.grey_erosion(outline, size)
    return np.asarray(smaller) if drawn < 0.5 and smaller.any() else outline


def _one_hot(member: Glioma) -> NDArray[np.float32]:
    truth: NDArray[np.float32] = np.eye(len(model.LABELS), dtype=np.float32)[member.label]
    return truth


def _parts(train: Sequence[Glioma], test: Sequence[Glioma], split: Mapping[str, object], seed: int) -> Parts:
    def training(_: int) -> Batches[Glioma]:
        return Batches(shuffled(train), changed, batch=BATCH, seed=seed, whole=True)

    def testing(_: int) -> Batches[Glioma]:
        return Batches(in_order(test), plain, batch=BATCH, seed=seed, whole=False)

    return Parts(train=training, validation=testing, everything=training, split=split)


def everybody(data: Path, seed: int) -> Parts:
    """Train on all patients, for the weights that are shipped."""
    patients = read_gliomas(data)
    return _parts(patients, patients, everyone({one.name: one.label for one in patients}), seed)


def folds(data: Path, seed: int) -> list[Parts]:
    """Divide the patients for repeated cross-validation."""
    patients = {one.name: one for one in read_gliomas(data)}
    labels = {name: one.label for name, one in patients.items()}
    return [
        _parts([patients[n] for n in fold.train], [patients[n] for n in fold.test], split_of(fold), seed)
        for fold in stratified_folds(labels, FOLDS, REPEATS, seed)
    ]


RECIPE = Recipe(
    name=model.NAME,
    version="0.1.0",
    task="classification",
    inputs=(Input(("flair",)), Input(("t1",), optional=True), Input(("t1c",), optional=True)),
    labels=model.LABELS,
    input_shape=(*model.SHAPE, len(model.CHANNELS)),
    network={},
    threshold=0.5,
    stages=(Stage(size=model.SHAPE[1], epochs=25, learning_rate=3e-3, everything=True),),
    build=lambda _: model.build((*model.SHAPE, len(model.CHANNELS))),
    protocols={"everybody": everybody},
    folds=folds,
    loss="categorical_crossentropy",
    metrics=("accuracy",),
    weight_decay=1e-2,
    average=0.95,
    data='"LGG MRI Segmentation" (Buda et al. 2019; TCGA-LGG on TCIA): the 93 of 94 patients with a known grade',
    licence="data CC BY-NC-SA 4.0",
    limits="93 patients, lower-grade glioma before surgery only: grade IV, and whether there is a glioma at all, were "
    "never asked. No spacing is known: the stack of slices is taken to be 140 mm high. The outline is a reader's in "
    "training and in cross-validation, that of segment_unet2d in the node. The channels were chosen after looking at "
    "hand-made features of the same patients, which flatters if anything.",
)
