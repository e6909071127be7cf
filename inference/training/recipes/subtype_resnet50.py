"""How subtype_resnet50 is trained: the slices of each patient on which the tumour is largest, cross-validated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.card import Input
from inference.models import subtype_resnet50 as model
from inference.models.outlined import above_source_intensity, bright_region
from inference.preprocess.grid import axial_turn
from inference.preprocess.intensity import foreground_statistics
from inference.preprocess.nifti import read_nifti
from inference.training.augment import Ranges, random_coordinates, sample, vary_standardised
from inference.training.batches import Batches, Example, in_order, shuffled
from inference.training.crossval import everyone, split_of, stratified_folds
from inference.training.datasets import Patient, read_patients
from inference.training.outcomes import CPM_LABELS, SUBTYPES, CpmPatient, read_cpm, read_lgg
from inference.training.recipe import Parts, Recipe, Stage

SIDE = 96
BATCH = 16
FOLDS = 5
NEARLY = 0.7
"""A slice trains where the tumour's area is at least this share of the largest."""
DRAWS = 3
"""Slices of each patient in an epoch."""
MISSING_OFTEN = 0.2
"""How often a contrast other than FLAIR is left out in training."""


@dataclass(frozen=True, slots=True, eq=False)
class Glioma:
    """One patient: contrasts (slices, rows, columns) in axial order, and the tumour's voxels on each slice."""

    name: str
    label: int
    contrasts: Mapping[str, NDArray[np.generic]]
    statistics: Mapping[str, tuple[float, float]]
    area: NDArray[np.int64]
    spacing: tuple[float, float] = (1.0, 1.0)

    def slice_of(self, number: int, size: int) -> NDArray[np.float32]:
        """Return one slice as the network sees it, (size, size, 4)."""
        seen = {name: array[number] for name, array in self.contrasts.items()}
        return model.as_input(seen, self.statistics, size, self.spacing)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Examples of patients at one size."""

    size: int
    ranges: Ranges = field(default_factory=Ranges)

    def changed(self, rng: np.random.Generator, member: Glioma) -> Example:
        """Return a slice on which the tumour is large, changed, some contrasts left out, and its class, one-hot."""
        large = np.flatnonzero(member.area >= NEARLY * member.area.max())
        picture = member.slice_of(int(rng.choice(large)), self.size)
        where = random_coordinates(rng, self.size, self.size, self.ranges)
        present = [name in member.contrasts for name in model.SEQUENCES]
        present = [present[0], *(there and rng.random() >= MISSING_OFTEN for there in present[1:])]
        channels = [
            sample(picture[..., number], where, 1, model.FILL) if there else np.zeros_like(picture[..., number])
            for number, there in enumerate(present)
        ]
        varied = vary_standardised(rng, np.stack(channels, axis=-1), self.ranges)
        return np.where(present, varied, model.MISSING).astype(np.float32), _one_hot(member)

    def plain(self, _: np.random.Generator, member: Glioma) -> Example:
        """Return the slice with the largest tumour as it is served."""
        return member.slice_of(int(member.area.argmax()), self.size), _one_hot(member)


def _one_hot(member: Glioma) -> NDArray[np.float32]:
    truth: NDArray[np.float32] = np.eye(len(model.LABELS), dtype=np.float32)[member.label]
    return truth


def read_gliomas(data: Path) -> list[Glioma]:
    """Read the patients of "LGG MRI Segmentation" with a known subtype; there is no T2, the areas are the masks'."""
    labels = read_lgg(data, "histological_type", SUBTYPES)
    return [_of_lgg(patient, labels[patient.name]) for patient in read_patients(data) if patient.name in labels]


def _of_lgg(patient: Patient, label: int) -> Glioma:
    """Return a patient without the contrasts for which FLAIR stands in."""
    flair, *others = (patient.slices[..., channel] for channel in range(3))
    real = {name: array for name, array in zip(("t1", "t1c"), others, strict=True) if not np.array_equal(array, flair)}
    statistics = dict(zip(model.SEQUENCES, patient.statistics, strict=False))
    return Glioma(patient.name, label, {"flair": flair, **real}, statistics, patient.mask.sum(axis=(1, 2)))


def read_cpm_gliomas(data: Path) -> list[Glioma]:
    """Read the layout of CPM-RadPath; the tumour is found by the source's rule, or as bright where that finds none."""
    return [_of_cpm(patient) for patient in read_cpm(data)]


def _of_cpm(patient: CpmPatient) -> Glioma:
    contrasts = {}
    for name, path in patient.files.items():
        array, geometry = read_nifti(path)
        turn, spacing = axial_turn(geometry)
        contrasts[name] = turn.forward(array)
        if contrasts[name].shape != contrasts["flair"].shape:
            raise ValueError(f"{path} is not on the grid of FLAIR")
    bright = above_source_intensity(contrasts["flair"])
    region = bright if bright.any() else bright_region(contrasts["flair"])
    statistics = {name: foreground_statistics(array) for name, array in contrasts.items()}
    area = region.sum(axis=(1, 2))
    return Glioma(patient.name, patient.label, contrasts, statistics, area, (spacing[1], spacing[2]))


def _parts(train: Sequence[Glioma], test: Sequence[Glioma], split: Mapping[str, object], seed: int) -> Parts:
    def training(size: int) -> Batches[Glioma]:
        return Batches(shuffled([*train] * DRAWS), Pictures(size).changed, batch=BATCH, seed=seed, whole=True)

    def testing(size: int) -> Batches[Glioma]:
        return Batches(in_order(test), Pictures(size).plain, batch=BATCH, seed=seed, whole=False)

    return Parts(train=training, validation=testing, everything=training, split=split)


def everybody(read: Callable[[Path], list[Glioma]], data: Path, seed: int) -> Parts:
    """Train on all patients, for the weights that are shipped."""
    patients = read(data)
    return _parts(patients, patients, everyone({one.name: one.label for one in patients}), seed)


def folds(read: Callable[[Path], list[Glioma]], data: Path, seed: int) -> list[Parts]:
    """Divide the patients for cross-validation."""
    patients = {one.name: one for one in read(data)}
    labels = {name: one.label for name, one in patients.items()}
    return [
        _parts([patients[n] for n in fold.train], [patients[n] for n in fold.test], split_of(fold), seed)
        for fold in stratified_folds(labels, FOLDS, 1, seed)
    ]


RECIPE = Recipe(
    name=model.NAME,
    version="0.1.0",
    task="classification",
    inputs=(Input(("flair",)), Input(("t1",), optional=True), Input(("t1c",), optional=True)),
    labels=model.LABELS,
    input_shape=(SIDE, SIDE, len(model.SEQUENCES)),
    network={},
    threshold=0.5,
    stages=(Stage(size=SIDE, epochs=12, learning_rate=5e-4, everything=True),),
    build=lambda size: model.build((size, size, len(model.SEQUENCES))),
    protocols={"everybody": partial(everybody, read_gliomas)},
    folds=partial(folds, read_gliomas),
    loss="categorical_crossentropy",
    metrics=("accuracy",),
    average=0.0,
    data='"LGG MRI Segmentation" (Buda et al. 2019; TCGA-LGG on TCIA): the 93 of 94 patients with a known subtype',
    licence="data CC BY-NC-SA 4.0",
    limits="From scratch, 93 patients, lower-grade glioma before surgery only. No T2 in training: its channel "
    "stays empty, as were those of T1 and T1 post contrast where they were missing. The slice is the one with the "
    "largest tumour by a reader's mask in training and in cross-validation, by segment_unet2d in the node. Subtypes "
    "are those of histology alone, as of WHO 2007: oligoastrocytoma is no longer an entity.",
)

CPM_RADPATH = replace(
    RECIPE,
    name=f"{model.NAME}_cpm_radpath",
    inputs=(*RECIPE.inputs, Input(("t2",), optional=True)),
    labels=CPM_LABELS,
    protocols={"everybody": partial(everybody, read_cpm_gliomas)},
    folds=partial(folds, read_cpm_gliomas),
    data="a folder in the layout of CPM-RadPath: CSV (id, class A/O/G, age in days), NIfTI files per patient",
    licence="that of the data",
    limits="Tested on generated data alone: no weights of it are shipped. The slice is the source's choice, by voxels "
    "above 450 on FLAIR.",
)
