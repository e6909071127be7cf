"""What is in "Brain Tumor MRI Dataset": classes, sizes, grey values and duplicates."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.evaluation.plots import Panel, histogram_picture, montage_picture
from inference.exploration.distribution import counts, spread
from inference.exploration.repeats import repeats_across, repeats_within
from inference.models.classify_efficientnetb0 import LABELS, as_input
from inference.training.datasets import LabelledImage, read_images
from inference.training.duplicates import WITHIN, hash_pictures

TITLE = "Brain Tumor MRI Dataset"
ORIGIN = (
    "M. Nickparvar, Kaggle, doi 10.34740/kaggle/dsv/2645886: figshare (Cheng), SARTAJ and Br35H put together; here "
    "Training and half of Testing. CC0 as stated by its publisher; the figshare part is CC BY 4.0."
)
PARTS = ("Training", "Testing")
SIDE = 128

Images = Sequence[LabelledImage]


def explore(data: Path, folder: Path) -> Mapping[str, object]:
    """Return the data set's figures and draw them into a folder: histograms and means, none of its pictures.

    Parameters
    ----------
    data
        The folder with ``Training`` and ``Testing``.
    """
    parts = {part: read_images(data, part) for part in PARTS}
    _draw([image for images in parts.values() for image in images], folder)
    hashes = {part: hash_pictures([image.pixels for image in images]) for part, images in parts.items()}
    labels = {part: _labels(images) for part, images in parts.items()}
    return {
        "pictures": {part: _balance(images) for part, images in parts.items()},
        "matched_to_figshare": {
            part: _balance([i for i in images if i.figshare_number]) for part, images in parts.items()
        },
        "sizes": counts("x".join(map(str, image.pixels.shape)) for images in parts.values() for image in images),
        "mean_grey_value": _by_class(parts, lambda image: float(image.pixels.mean())),
        "brightest_grey_value": _by_class(parts, lambda image: float(image.pixels.max())),
        "share_of_black": _by_class(parts, lambda image: float((image.pixels < 8).mean())),
        "duplicates": {
            "hash": f"perceptual, up to {WITHIN} of 255 bits apart, mirror images too",
            "within": {part: repeats_within(hashes[part], labels[part]) for part in PARTS},
            "testing_in_training": repeats_across(hashes["Testing"], hashes["Training"], labels["Testing"], LABELS),
        },
    }


def _labels(images: Images) -> NDArray[np.int64]:
    return np.array([image.label for image in images], dtype=np.int64)


def _balance(images: Images) -> Mapping[str, int]:
    numbers = np.bincount(_labels(images), minlength=len(LABELS))
    return {label: int(number) for label, number in zip(LABELS, numbers, strict=True)} | {"all": len(images)}


def _by_class(parts: Mapping[str, Images], value: Callable[[LabelledImage], float]) -> Mapping[str, object]:
    """Return the spread of a value of pictures, for each class of all parts together."""
    images = [image for part in parts.values() for image in part]
    return {label: spread([value(one) for one in images if one.label == n]) for n, label in enumerate(LABELS)}


def _draw(images: Images, folder: Path) -> None:
    histogram_picture(
        {label: [float(one.pixels.mean()) for one in images if one.label == n] for n, label in enumerate(LABELS)},
        "mean grey value",
        folder / "grey_values.png",
        "Mean grey value of the pictures of each class, of 0 to 255: where classes differ in it, a network can tell "
        "them apart without looking at a tumour.",
    )
    means = [_mean(label, [one for one in images if one.label == n]) for n, label in enumerate(LABELS)]
    montage_picture([means], folder / "means.png", "The mean of all pictures of each class.")


def _mean(label: str, images: Images) -> Panel:
    squares = [as_input(image.pixels, SIDE)[..., 0] for image in images]
    mean = np.mean(squares, axis=0) if squares else np.zeros((SIDE, SIDE))
    return mean, None, None, f"{label.replace('_', ' ')}, {len(images)}"
