"""How classify_efficientnetb0 is trained: single pictures of four classes, small ones first."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from inference.card import Input
from inference.models import classify_efficientnetb0 as model
from inference.training.augment import Ranges, coarsen, random_coordinates, sample, vary_unit
from inference.training.batches import Batches, Example, in_order, shuffled
from inference.training.datasets import LabelledImage, read_images
from inference.training.pictures import hold_out, unique_pictures
from inference.training.recipe import Parts, Recipe, Stage

BATCH = 32
RANGES = Ranges()
SMOOTHING = 0.05
USUAL = 0.995
"""The share of held-out pictures that the model answers for."""


class Pictures:
    """Examples of pictures at one size; each picture is brought to it once."""

    def __init__(self, size: int, ranges: Ranges = RANGES) -> None:
        self._size, self._ranges = size, ranges
        self._squares: dict[str, NDArray[np.float16]] = {}

    def changed(self, rng: np.random.Generator, member: LabelledImage) -> Example:
        """Return a changed picture (size, size, 3) and its class (4,), one-hot."""
        where = random_coordinates(rng, self._size, self._size, self._ranges)
        image = coarsen(rng, sample(self._square(member).astype(np.float32), where, 1, 0.0), self._ranges)
        return _three(vary_unit(rng, image, self._ranges)), _one_hot(member)

    def plain(self, _: np.random.Generator, member: LabelledImage) -> Example:
        """Return the picture as it is served."""
        return _three(self._square(member).astype(np.float32)), _one_hot(member)

    def _square(self, member: LabelledImage) -> NDArray[np.float16]:
        if member.name not in self._squares:
            self._squares[member.name] = model.as_input(member.pixels, self._size)[..., 0].astype(np.float16)
        return self._squares[member.name]


def _three(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(image[..., None], 3, axis=-1)


def _one_hot(member: LabelledImage) -> NDArray[np.float32]:
    one_hot: NDArray[np.float32] = np.eye(len(model.LABELS), dtype=np.float32)[member.label]
    return one_hot


def _training(images: Sequence[LabelledImage], size: int, seed: int) -> Batches[LabelledImage]:
    return Batches(shuffled(images), Pictures(size).changed, batch=BATCH, seed=seed, whole=True)


def by_window(data: Path, seed: int) -> Parts:
    """Hold out windows of Cheng's numbering and other pictures from Training, without copies on the other side."""
    unique = unique_pictures(read_images(data, "Training"), lambda image: image.label)
    held_out, unused = hold_out(unique, seed)
    train = [image for name, image in unique.items() if name not in held_out | unused]
    validation = [unique[name] for name in sorted(held_out)]
    return Parts(
        train=lambda size: _training(train, size, seed),
        validation=lambda size: Batches(
            in_order(validation), Pictures(size).plain, batch=BATCH, seed=seed, whole=False
        ),
        everything=lambda size: _training(list(unique.values()), size, seed),
        split={
            "by": "near duplicates in Training removed; held out: windows of 60 figshare numbers (neighbours show one "
            "patient), margins of 20 unused, and 15 % of the pictures without a number, whose patients are not known; "
            "the last stage trains on all of them",
            "train": len(train),
            "validation": len(validation),
            "unused": len(unused),
        },
    )


def finish(network: keras.Model, parts: Parts) -> tuple[keras.Model, dict[str, object]]:
    """Let the network say how novel a slice is, and find the limit that one held-out picture in 200 exceeds."""
    size = network.input_shape[1]
    pooled = keras.Model(network.input, network.get_layer("dropout").input)
    network = model.served(network)
    features, classes = _features(pooled, parts.train(size).members, size)
    novelty = network.get_layer("novelty")
    novelty.fit(features, classes)
    held_out, _ = _features(pooled, parts.validation(size).members, size)
    distances = keras.ops.convert_to_numpy(novelty(held_out))
    return network, {"novelty_limit": round(float(np.quantile(distances, USUAL)), 2)}


def _features(
    pooled: keras.Model, images: Sequence[LabelledImage], size: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the pooled features (n, features) of plain pictures, and their classes."""
    pictures = Pictures(size)
    plain = Batches(in_order(images), pictures.plain, batch=BATCH, seed=0, whole=False)
    found = [pooled.predict_on_batch(plain[index][0]) for index in range(len(plain))]
    return np.concatenate(found).astype(np.float32), np.array([image.label for image in images])


RECIPE = Recipe(
    name=model.NAME,
    version="0.2.0",
    task="classification",
    inputs=(Input(model.SEQUENCES),),
    labels=model.LABELS,
    input_shape=(224, 224, 3),
    network={},
    threshold=0.5,
    stages=(
        Stage(size=96, epochs=20, learning_rate=2e-3),
        Stage(size=128, epochs=20, learning_rate=1.5e-3),
        Stage(size=224, epochs=6, learning_rate=5e-4),
        Stage(size=224, epochs=2, learning_rate=2e-4, everything=True),
    ),
    build=lambda size: model.build((size, size, 3)),
    protocols={"windows": by_window},
    loss=keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING),
    metrics=("accuracy",),
    average=0.99,
    finish=finish,
    data='"Brain Tumor MRI Dataset" (Nickparvar; figshare of Cheng, SARTAJ, Br35H): Training, 5,708 pictures',
    licence="data CC0 as stated by its publisher; figshare part CC BY 4.0",
    limits="From scratch. The data set's 'no tumour' pictures come from other sources and contrasts than its tumours, "
    "so part of what tells them apart is not the tumour. Trained on single pictures, of which a series' answer is "
    "pooled: not validated per patient.",
)
