"""How segment_unet2d is trained: slices of lower-grade glioma, with and without the T1 contrasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.card import Input
from inference.models import segment_unet2d as model
from inference.preprocess.intensity import CLIP, standardise
from inference.training.augment import Ranges, coarsen, misplace, random_coordinates, sample, vary_standardised
from inference.training.batches import Batches, Example, in_order
from inference.training.datasets import Patient, read_patients, site_of
from inference.training.losses import cross_entropy_and_dice, soft_dice
from inference.training.recipe import Parts, Recipe, Stage
from inference.training.splits import split_patients, split_slices

Slice = tuple[int, int]
FILL = CLIP[0] / 2
SIDE = 256
BATCH = 8
RANGES = Ranges()
NETWORK = {"filters": 16, "depth": 4}
FLAIR_ALONE = 0.4
"""How often FLAIR stands in for both T1 contrasts, as in a study that has only FLAIR."""
NO_CONTRAST_AGENT = 0.1
"""How often it stands in for T1 post contrast."""


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """Examples of patients' slices: changed at random for training, in two plain forms for validation."""

    patients: Sequence[Patient]
    size: int
    ranges: Ranges = RANGES

    def every(self) -> list[Slice]:
        """Return all slices, as (patient, slice)."""
        return [(p, k) for p, patient in enumerate(self.patients) for k in range(len(patient.mask))]

    def balanced(self, slices: Sequence[Slice], rng: np.random.Generator) -> list[Slice]:
        """Return every slice with a lesion, as many that are empty, in random order."""
        lesion = [(p, k) for p, k in slices if self.patients[p].mask[k].any()]
        empty = [(p, k) for p, k in slices if not self.patients[p].mask[k].any()]
        drawn = [empty[i] for i in rng.choice(len(empty), min(len(empty), len(lesion)), replace=False)]
        both = lesion + drawn
        return [both[i] for i in rng.permutation(len(both))]

    def changed(self, rng: np.random.Generator, member: Slice) -> Example:
        """Return a changed slice (size, size, 3) and its mask (size, size, 1)."""
        patient, k = self.patients[member[0]], member[1]
        where = random_coordinates(rng, patient.mask.shape[1], self.size, self.ranges)
        moved = misplace(rng, where, self.ranges)
        places = {"flair": where, "t1": moved, "t1c": moved}
        drawn = rng.random()
        present = 1 if drawn < FLAIR_ALONE else 2 if drawn < FLAIR_ALONE + NO_CONTRAST_AGENT else 3
        channels = []
        for number, sequence in enumerate(model.CHANNELS[:present]):
            mean, deviation = patient.statistics[number]
            taken = sample(patient.slices[k, ..., number], places[sequence], 1, mean + FILL * deviation)
            channels.append(coarsen(rng, standardise(taken, patient.statistics[number]), self.ranges))
        image = np.stack(channels + channels[:1] * (3 - present), axis=-1)
        mask = sample(patient.mask[k].astype(np.uint8), where, 0, 0.0)
        return vary_standardised(rng, image, self.ranges), mask[..., None]

    def plain(self, _: np.random.Generator, member: Slice) -> Example:
        """Return a whole slice (rows, columns, 3) and its mask: every second one as if there were FLAIR alone."""
        patient, k = self.patients[member[0]], member[1]
        channels = [standardise(patient.slices[k, ..., c], patient.statistics[c]) for c in range(3)]
        image = np.stack(channels[:1] * 3 if k % 2 else channels, axis=-1)
        return image, patient.mask[k].astype(np.float32)[..., None]


def _training(patients: Sequence[Patient], slices: Sequence[Slice] | None, size: int, seed: int) -> Batches[Slice]:
    source = Slices(patients, size)
    members = source.every() if slices is None else slices
    return Batches(lambda rng: source.balanced(members, rng), source.changed, batch=BATCH, seed=seed, whole=True)


def _validation(patients: Sequence[Patient], slices: Sequence[Slice] | None, seed: int) -> Batches[Slice]:
    source = Slices(patients, SIDE)
    members = source.every() if slices is None else slices
    return Batches(in_order(members), source.plain, batch=2 * BATCH, seed=seed, whole=False)


def by_patient(data: Path, seed: int) -> Parts:
    """Divide patients at random within each site: what is measured is measured on unseen patients."""
    patients = {patient.name: patient for patient in read_patients(data)}
    split = split_patients({name: site_of(name) for name in patients}, seed)
    train = [patients[name] for name in split.train]
    validation = [patients[name] for name in split.validation]
    return Parts(
        train=lambda size: _training(train, None, size, seed),
        validation=lambda _: _validation(validation, None, seed),
        split={
            "by": "patient, at random within each site",
            "train": " ".join(split.train),
            "validation": " ".join(split.validation),
            "test": " ".join(split.test),
        },
    )


def by_slice(data: Path, seed: int) -> Parts:
    """Divide slices at random whoever they are of, as the source did: its figures can be compared, not believed."""
    patients = read_patients(data)
    source = Slices(patients, SIDE)
    split = split_slices(source.every(), seed)
    return Parts(
        train=lambda size: _training(patients, split.train, size, seed),
        validation=lambda _: _validation(patients, split.validation, seed),
        split={
            "by": "slice, at random: one patient is in all parts, as in the source's own experiment",
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
        },
    )


def held_out_slices(patients: Sequence[Patient], seed: int) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return the test part of ``by_slice``: slices (rows, columns, 3) with all contrasts, and masks (rows, columns)."""
    split = split_slices(Slices(patients, SIDE).every(), seed)
    pairs = []
    for p, k in split.test:
        patient = patients[p]
        channels = [standardise(patient.slices[k, ..., c], patient.statistics[c]) for c in range(3)]
        pairs.append((np.stack(channels, axis=-1), patient.mask[k].astype(np.float32)))
    return pairs


RECIPE = Recipe(
    name=model.NAME,
    version="0.2.0",
    task="segmentation",
    inputs=(Input(("flair",)), Input(("t1",), optional=True), Input(("t1c",), optional=True)),
    labels=(model.LABEL,),
    input_shape=(SIDE, SIDE, 3),
    network=NETWORK,
    threshold=0.5,
    stages=(
        Stage(size=192, epochs=30, learning_rate=2e-3),
        Stage(size=SIDE, epochs=10, learning_rate=3e-4, patience=4),
    ),
    build=lambda _: model.build((None, None, 3), **NETWORK),
    protocols={"patients": by_patient, "slices": by_slice},
    loss=cross_entropy_and_dice,
    metrics=(soft_dice,),
    average=0.99,
    data='"LGG MRI Segmentation" (Buda et al. 2019; TCGA-LGG on TCIA), 94 of its 110 patients, JPEG quality 90',
    licence="data CC BY-NC-SA 4.0",
    limits="Lower-grade glioma before surgery only; no normal brains, no other lesions; one reader's masks; axial "
    "slices of 5 mm or less were not separated from thicker ones.",
)
