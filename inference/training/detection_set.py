"""The slices that a tumour is detected on: pictures without duplicates, and patients' slices, divided for training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from inference.models.detect_cnn2d import HEAD_SHARE
from inference.preprocess.slices import head_slices
from inference.training.datasets import FOLDERS, LabelledImage, Patient, read_images
from inference.training.pictures import hold_out, unique_pictures
from inference.training.splits import Split

CLASSES = tuple(FOLDERS.values())
"""The classes of the pictures, in the order of their numbers."""
NO_TUMOUR = CLASSES.index("no_tumour")
PATIENTS = Path("lgg") / "kaggle_3m"
"""Where "LGG MRI Segmentation" lies beside the folder of pictures."""
SMALLEST_LESION = 200
"""Pixels of a mask (256 x 256) below which a slice is neither: a sliver that one contrast shows and another not."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One slice: uint8 (rows, columns), square pixels; where it is from, and whether it shows a tumour."""

    name: str
    pixels: NDArray[np.uint8]
    tumour: bool
    origin: str = "picture"


def split_pictures(data: Path, seed: int, apart: bool = True) -> Split[LabelledImage]:
    """Divide Training, without duplicates; ``test`` is Testing as it is.

    Of each group of near duplicates the first stays, unless its members disagree, or, with ``apart``, one of the group
    is in Testing too: then nothing that Testing shows is trained on. Held out are windows of Cheng's numbering, so that
    patients do not cross where they are known, and of the pictures without a number as large a share.
    """
    images, testing = read_images(data, "Training"), read_images(data, "Testing")
    kept = unique_pictures(images, lambda image: image.label == NO_TUMOUR, testing if apart else ())
    held_out, unused = hold_out(kept, seed)
    train = tuple(image for name, image in kept.items() if name not in held_out | unused)
    return Split(train, tuple(kept[name] for name in sorted(held_out)), tuple(testing))


def split_at_random(data: Path, seed: int, validation: float = 0.12, test: float = 0.2) -> Split[LabelledImage]:
    """Divide the pictures of Training and Testing at random, without duplicates, each answer in the same shares.

    So the source divides: of a patient with several pictures some are trained on and others tested.
    """
    halves = [
        [replace(i, name=f"{half}/{i.name}") for i in read_images(data, half)] for half in ("Training", "Testing")
    ]
    kept = unique_pictures([image for half in halves for image in half], lambda image: image.label == NO_TUMOUR)
    images = sorted(kept.values(), key=lambda image: image.name)
    rest, tested = _shuffled(images, test, seed)
    trained, held_out = _shuffled(rest, validation / (1 - test), seed)
    return Split(tuple(trained), tuple(held_out), tuple(tested))


def _shuffled(images: Sequence[LabelledImage], share: float, seed: int) -> list[list[LabelledImage]]:
    answers = [image.label == NO_TUMOUR for image in images]
    halves: list[list[LabelledImage]] = train_test_split(
        list(images), test_size=share, random_state=seed, stratify=answers
    )
    return halves


def members_of(images: Sequence[LabelledImage]) -> list[Member]:
    """Return pictures as members."""
    return [Member(image.name, image.pixels, image.label != NO_TUMOUR) for image in images]


def slices_of(patient: Patient, every: int = 1) -> list[Member]:
    """Return the slices that serving would look at, in each contrast, but those with a sliver of lesion.

    A slice without a lesion is "no tumour": of a patient, but the network sees a slice.
    """
    members = []
    for contrast, sequence in enumerate(("flair", "t1", "t1c")):
        volume = patient.slices[..., contrast]
        for k in head_slices(volume.astype(np.float32), HEAD_SHARE, len(volume))[::every]:
            area = int(patient.mask[k].sum())
            if area == 0 or area >= SMALLEST_LESION:
                members.append(Member(f"{patient.name} {k} {sequence}", volume[k].copy(), area > 0, "patient"))
    return members
