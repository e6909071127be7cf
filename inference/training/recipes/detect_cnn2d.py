"""How detect_cnn2d is trained: pictures without duplicates, and slices of patients against what pictures give away."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from inference.card import Input
from inference.models import detect_cnn2d as model
from inference.postprocess import with_temperature
from inference.training.augment import Ranges, coarsen, random_coordinates, sample, vary_unit
from inference.training.batches import Batches, Example, in_order
from inference.training.calibrate import fit_temperature
from inference.training.datasets import LabelledImage, read_patients, site_of
from inference.training.detection_set import (
    NO_TUMOUR,
    PATIENTS,
    Member,
    members_of,
    slices_of,
    split_at_random,
    split_pictures,
)
from inference.training.disguise import Disguise, compress, disguise_tones, stretch
from inference.training.operating_point import caution, operating_point
from inference.training.recipe import Parts, Recipe, Stage
from inference.training.splits import Split, split_patients

HOW = (
    "near duplicates removed (255-bit DCT hash, distance 16, mirrored too); held out: windows of 60 figshare numbers "
    "(neighbours show one patient; margins of 20 unused), and 15 % of the pictures without one"
)
AT_RANDOM = (
    "near duplicates removed (255-bit DCT hash, distance 16, mirrored too) from Training and Testing together, then "
    "pictures at random, whoever they are of"
)
PICTURES = '"Brain Tumor MRI Dataset" (Nickparvar; figshare of Cheng, SARTAJ, Br35H): Training, without duplicates'
COPIES = "copies_of_testing"
"""Under this a split tells whether pictures that Testing shows too were removed from training, or kept."""
_COPIES = {True: "removed", False: "kept"}
BATCH = 32
SMOOTHING = 0.02
EPOCH = {("picture", True): 2000, ("picture", False): 1000, ("patient", True): 700, ("patient", False): 1000}
"""How many members of each origin and answer are drawn in an epoch; the few "no tumour" pictures come repeatedly."""
RANGES = Ranges(
    rotation=20.0,
    zoom=0.2,
    shift=0.08,
    shear=0.1,
    elastic_often=0.2,
    gamma=0.5,
    bias=0.35,
    coarse=2.5,
    coarse_often=0.3,
)

DISGUISE = Disguise()
PLAIN = Disguise(stretch=0.0, repaint_often=0.0, lift_often=0.0, compress_often=0.0)
MILD = Ranges(rotation=10.0, zoom=0.1, elastic_often=0.0, gamma=0.15, bias=0.1, noise=0.01, coarse_often=0.0)
"""Where training and test pictures are alike, what hides their sources only takes time."""


class Examples:
    """Examples of slices at one size; each slice is brought to it once."""

    def __init__(self, size: int, disguise: Disguise = DISGUISE, ranges: Ranges = RANGES) -> None:
        self._size, self._disguise, self._ranges = size, disguise, ranges
        self._squares: dict[str, NDArray[np.uint8]] = {}

    def changed(self, rng: np.random.Generator, member: Member) -> Example:
        """Return a changed slice (size, size, 1) and its answer (2,), one-hot."""
        where = stretch(rng, random_coordinates(rng, self._size, self._size, self._ranges), self._disguise)
        image = coarsen(rng, sample(self._square(member) / np.float32(255), where, 1, 0.0), self._ranges)
        image = vary_unit(rng, disguise_tones(rng, image, self._disguise), self._ranges)
        return compress(rng, image, self._disguise)[..., None], _answer(member)

    def plain(self, _: np.random.Generator, member: Member) -> Example:
        """Return the slice as it is served."""
        return (self._square(member) / np.float32(255))[..., None], _answer(member)

    def _square(self, member: Member) -> NDArray[np.uint8]:
        if member.name not in self._squares:
            square = model.as_input(member.pixels, self._size)[..., 0]
            self._squares[member.name] = (square * 255).round().astype(np.uint8)
        return self._squares[member.name]


def _answer(member: Member) -> NDArray[np.float32]:
    return np.array([member.tumour, not member.tumour], dtype=np.float32)


def drawn(members: Sequence[Member]) -> Callable[[np.random.Generator], list[Member]]:
    """Choose as ``EPOCH`` says, in random order, each kind as evenly as it can be."""
    kinds = {kind: [m for m in members if (m.origin, m.tumour) == kind] for kind in EPOCH}

    def draw(rng: np.random.Generator) -> list[Member]:
        chosen: list[Member] = []
        for kind, of_kind in kinds.items():
            rounds = -(-EPOCH[kind] // len(of_kind)) if of_kind else 0
            order = np.concatenate([np.zeros(0, np.intp), *(rng.permutation(len(of_kind)) for _ in range(rounds))])
            chosen += [of_kind[number] for number in order[: EPOCH[kind]]]
        return [chosen[number] for number in rng.permutation(len(chosen))]

    return draw


def _parts(
    train: list[Member],
    validation: list[Member],
    seed: int,
    split: dict[str, object],
    examples: Callable[[int], Examples] = Examples,
) -> Parts:
    def training(size: int) -> Batches[Member]:
        return Batches(drawn(train), examples(size).changed, batch=BATCH, seed=seed, whole=True)

    def validating(size: int) -> Batches[Member]:
        return Batches(in_order(validation), examples(size).plain, batch=BATCH, seed=seed, whole=False)

    return Parts(training, validating, split)


def pictures_alone(data: Path, seed: int, apart: bool = True) -> Parts:
    """Divide the pictures as ``split_pictures`` does."""
    pictures = split_pictures(data, seed, apart)
    account = _account(pictures, _COPIES[apart])
    return _parts(members_of(pictures.train), members_of(pictures.validation), seed, account)


def as_published(data: Path, seed: int) -> Parts:
    """Divide as ``with_patients``, but keep what Testing shows too: for figures that compare with others', not true."""
    return with_patients(data, seed, apart=False)


def at_random(data: Path, seed: int) -> Parts:
    """Divide all pictures at random, as the source does: its figures can be compared, not believed."""
    pictures = split_at_random(data, seed)
    account = {**_account(pictures, "none are left"), "by": AT_RANDOM}
    examples = partial(Examples, disguise=PLAIN, ranges=MILD)
    return _parts(members_of(pictures.train), members_of(pictures.validation), seed, account, examples)


def with_patients(data: Path, seed: int, apart: bool = True) -> Parts:
    """Add slices of patients from "LGG MRI Segmentation" where it lies beside the pictures; divided by patient."""
    if not (data.parent / PATIENTS).is_dir():
        alone = pictures_alone(data, seed, apart)
        return replace(alone, split={**alone.split, "patients": f"none: no {PATIENTS} beside the pictures"})
    patients = {patient.name: patient for patient in read_patients(data.parent / PATIENTS)}
    people = split_patients({name: site_of(name) for name in patients}, seed)
    pictures = split_pictures(data, seed, apart)
    train = members_of(pictures.train) + [m for name in people.train for m in slices_of(patients[name])]
    validation = members_of(pictures.validation) + [m for n in people.validation for m in slices_of(patients[n], 6)]
    names = {part: " ".join(getattr(people, part)) for part in ("train", "validation", "test")}
    return _parts(train, validation, seed, {**_account(pictures, _COPIES[apart]), "patients": names})


def _account(pictures: Split[LabelledImage], copies: str) -> dict[str, object]:
    counts = {
        f"{part}_{'tumour' if tumour else 'no_tumour'}": sum((i.label != NO_TUMOUR) is tumour for i in images)
        for part, images in (("train", pictures.train), ("validation", pictures.validation))
        for tumour in (True, False)
    }
    return {"by": HOW, COPIES: copies, **counts}


def finish(network: keras.Model, parts: Parts) -> tuple[keras.Model, dict[str, object]]:
    """Fit the temperature on the validation part, choose the operating point on the pictures in it, and warn by it."""
    batches = parts.validation(model.SIZE)
    probabilities = np.concatenate([network.predict_on_batch(batches[index][0]) for index in range(len(batches))])
    tumour = np.array([member.tumour for member in batches.members])
    temperature = fit_temperature(probabilities, np.where(tumour, model.TUMOUR, 1 - model.TUMOUR))
    scores = with_temperature(probabilities, temperature)[:, model.TUMOUR]
    pictures = np.array([member.origin == "picture" for member in batches.members])
    threshold = operating_point(scores[pictures], tumour[pictures])
    alarms = {
        kind: float((scores[of_kind & ~tumour] >= threshold).mean())
        for kind, of_kind in (("pictures", pictures), ("patients' slices", ~pictures))
        if (of_kind & ~tumour).any()
    }
    return network, {"temperature": temperature, "threshold": threshold, "caution": caution(alarms)}


RECIPE = Recipe(
    name=model.NAME,
    version="0.1.0",
    task="detection",
    inputs=(Input(model.SEQUENCES),),
    labels=model.LABELS,
    input_shape=(model.SIZE, model.SIZE, 1),
    network={},
    threshold=0.5,
    stages=(
        Stage(size=96, epochs=12, learning_rate=2e-3),
        Stage(size=model.SIZE, epochs=10, learning_rate=2e-3),
    ),
    build=lambda size: model.build((size, size, 1)),
    protocols={"published": as_published, "patients": with_patients, "random": at_random},
    loss=keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING),
    metrics=("accuracy",),
    average=0.995,
    finish=finish,
    data=f'{PICTURES}; "LGG MRI Segmentation" (Buda et al. 2019; TCGA-LGG on TCIA), JPEG quality 90',
    licence="pictures CC0 as stated by their publisher, figshare part CC BY 4.0; LGG MRI Segmentation CC BY-NC-SA 4.0",
    limits="Trained on single pictures and slices; a series' answer is pooled from them, and how often a healthy "
    "head is taken for one with a tumour was never measured per series: there was none. The pictures without "
    "a tumour come from other sources and contrasts (mostly axial T2, FLAIR and T1) than those with one (T1 "
    "post contrast, all planes); cropping to the head, random tones, compression and patients' slices without "
    "a lesion weaken such shortcuts and do not remove them. The publisher's labels are noisy: among the "
    "pictures without a tumour are some with enhancing masses, ring lesions and white matter lesions, and a "
    "few CT. The patients have lower-grade glioma alone. Testing shares patients with Training by its "
    "publisher's doing.",
)

SOURCE = replace(
    RECIPE,
    network={"source": True},
    stages=(Stage(size=model.SIZE, epochs=8, learning_rate=1e-3),),
    build=lambda size: model.build((size, size, 1), source=True),
    protocols={"pictures": pictures_alone},
    average=0.0,
    data=PICTURES,
    licence="pictures CC0 as stated by their publisher, figshare part CC BY 4.0",
    limits="The source's network, for comparison; not served.",
)
