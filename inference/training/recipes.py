"""How each model is trained: one frozen recipe per model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras

from inference.card import Input
from inference.errors import UnknownModel
from inference.models import classify_efficientnetb0, segment_unet2d
from inference.training.batches import ImageBatches, SliceBatches
from inference.training.datasets import read_images, read_patients, site_of
from inference.training.losses import cross_entropy_and_dice, soft_dice
from inference.training.splits import split_by_number, split_patients


@dataclass(frozen=True, slots=True)
class Stage:
    """A number of epochs at one input size, under one cosine-decayed learning rate."""

    size: int
    epochs: int
    learning_rate: float


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a recipe trains and validates on, and who is in which part (for the card)."""

    train: Callable[[int], keras.utils.PyDataset]
    validation: Callable[[int], keras.utils.PyDataset]
    split: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """Everything that ``fit`` and the card need to know of one model."""

    name: str
    version: str
    task: str
    inputs: tuple[Input, ...]
    labels: tuple[str, ...]
    input_shape: tuple[int, int, int]
    network: Mapping[str, object]
    threshold: float
    stages: tuple[Stage, ...]
    build: Callable[[int], keras.Model]
    parts: Callable[[Path, int], Parts]
    loss: Callable[..., object] | str
    metrics: tuple[Callable[..., object] | str, ...]
    data: str
    licence: str
    limits: str
    weight_decay: float = field(default=1e-4)


def _lgg_parts(data: Path, seed: int) -> Parts:
    patients = {patient.name: patient for patient in read_patients(data)}
    split = split_patients({name: site_of(name) for name in patients}, seed)
    train = [patients[name] for name in split.train]
    validation = [patients[name] for name in split.validation]
    return Parts(
        train=lambda size: SliceBatches(train, size=size, batch=8, seed=seed, augment=True),
        validation=lambda _: SliceBatches(validation, size=256, batch=8, seed=seed, augment=False),
        split={
            "by": "patient, at random within each site",
            "train": len(split.train),
            "validation": " ".join(split.validation),
            "test": " ".join(split.test),
        },
    )


def _brain_tumour_parts(data: Path, seed: int) -> Parts:
    images = {image.name: image for image in read_images(data, "Training")}
    held_out, unused = split_by_number({name: image.figshare_number for name, image in images.items()}, seed)
    train = [image for name, image in images.items() if name not in held_out | unused]
    validation = [images[name] for name in sorted(held_out)]
    return Parts(
        train=lambda size: ImageBatches(train, size=size, batch=32, seed=seed, augment=True),
        validation=lambda size: ImageBatches(validation, size=size, batch=32, seed=seed, augment=False),
        split={
            "by": "windows of 60 figshare numbers (neighbours show one patient), margins of 20 unused; "
            "pictures without a known number are in train",
            "train": len(train),
            "validation": len(validation),
            "unused": len(unused),
        },
    )


SEGMENT_UNET2D = Recipe(
    name=segment_unet2d.NAME,
    version="0.1.0",
    task="segmentation",
    inputs=(Input(("flair",)),),
    labels=(segment_unet2d.LABEL,),
    input_shape=(256, 256, 3),
    network={"filters": 16, "depth": 4},
    threshold=0.5,
    stages=(Stage(size=192, epochs=14, learning_rate=2e-3),),
    build=lambda _: segment_unet2d.build((None, None, 3), filters=16, depth=4),
    parts=_lgg_parts,
    loss=cross_entropy_and_dice,
    metrics=(soft_dice,),
    data='"LGG MRI Segmentation" (Buda et al. 2019; TCGA-LGG on TCIA), 94 of its 110 patients, JPEG quality 90',
    licence="data CC BY-NC-SA 4.0",
    limits="A short first training. Lower-grade glioma before surgery only; no normal brains, no other "
    "lesions; one reader's masks; axial slices of 5 mm or less were not separated from thicker ones. Given FLAIR "
    "alone: with T1 and T1 post contrast beside it the test patients come out better, but in one of two DICOM studies, "
    "where the patient had moved by 4 mm between the series, more healthy brain was marked (by eye 11 cm3 instead of "
    "6 cm3).",
)

CLASSIFY_EFFICIENTNETB0 = Recipe(
    name=classify_efficientnetb0.NAME,
    version="0.1.0",
    task="classification",
    inputs=(Input(classify_efficientnetb0.SEQUENCES),),
    labels=classify_efficientnetb0.LABELS,
    input_shape=(128, 128, 3),
    network={},
    threshold=0.5,
    stages=(Stage(size=128, epochs=10, learning_rate=2e-3), Stage(size=128, epochs=6, learning_rate=1e-3)),
    build=lambda size: classify_efficientnetb0.build((size, size, 3)),
    parts=_brain_tumour_parts,
    loss="sparse_categorical_crossentropy",
    metrics=("accuracy",),
    data='"Brain Tumor MRI Dataset" (Nickparvar; figshare of Cheng, SARTAJ, Br35H): Training, 5,708 pictures',
    licence="data CC0 as stated by its publisher; figshare part CC BY 4.0",
    limits="A short first training, from scratch, on small pictures (128 x 128). The data set's 'no tumour' pictures "
    "come from other sources and contrasts than its tumours, so part of what tells them apart is not the tumour. "
    "Scores are not calibrated. Trained on single pictures, of which a series' answer is pooled: not validated per "
    "patient.",
)

RECIPES = {recipe.name: recipe for recipe in (SEGMENT_UNET2D, CLASSIFY_EFFICIENTNETB0)}


def recipe_of(name: str) -> Recipe:
    """Return the recipe of a model.

    Raises
    ------
    UnknownModel
        When there is none of this name.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise UnknownModel(f"no recipe is named {name!r}; there are: {', '.join(sorted(RECIPES))}") from None
