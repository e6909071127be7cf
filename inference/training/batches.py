"""Batches for Keras: read from the data sets, changed at random, the same for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
from numpy.typing import NDArray

from inference.models.classify_efficientnetb0 import as_input
from inference.preprocess.intensity import CLIP, standardise
from inference.training.augment import Ranges, random_affine, vary_standardised, vary_unit, warp
from inference.training.datasets import LabelledImage, Patient

FILL = CLIP[0] / 2


@dataclass
class SliceBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Slices with their masks for the U-Net: every slice with a lesion, and as many empty ones, each epoch."""

    patients: Sequence[Patient]
    size: int
    batch: int
    seed: int
    augment: bool
    flair_only: float = 0.6
    """How often FLAIR stands in for both T1 contrasts, as in a study that has only FLAIR."""
    epoch: int = 0
    chosen: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Choose the first epoch's slices."""
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=6)
        self._choose()

    def __len__(self) -> int:
        """Return the number of whole batches."""
        return len(self.chosen) // self.batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return slices (batch, size, size, 3) and masks (batch, size, size, 1)."""
        members = self.chosen[index * self.batch : (index + 1) * self.batch]
        rng = np.random.default_rng((self.seed, self.epoch, index))
        pairs = [self._sample(rng, *member) for member in members]
        return np.stack([image for image, _ in pairs]), np.stack([mask for _, mask in pairs])

    def on_epoch_end(self) -> None:
        """Choose other empty slices and another order for the next epoch."""
        self.epoch += 1
        self._choose()

    def _choose(self) -> None:
        rng = np.random.default_rng((self.seed, self.epoch))
        lesion = [(p, int(k)) for p, one in enumerate(self.patients) for k in np.flatnonzero(one.mask.any((1, 2)))]
        empty = [(p, int(k)) for p, one in enumerate(self.patients) for k in np.flatnonzero(~one.mask.any((1, 2)))]
        drawn = [empty[i] for i in rng.choice(len(empty), min(len(empty), len(lesion)), replace=False)]
        both = lesion + drawn
        self.chosen = [both[i] for i in rng.permutation(len(both))]

    def _sample(self, rng: np.random.Generator, p: int, k: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        patient = self.patients[p]
        channels = [standardise(patient.slices[k, ..., c], patient.statistics[c]) for c in range(3)]
        if rng.random() < self.flair_only:
            channels = channels[:1] * 3
        image, mask = np.stack(channels, axis=-1), patient.mask[k].astype(np.float32)
        if self.augment:
            affine = random_affine(rng, image.shape[0], Ranges())
            image, mask = warp(image, affine, 1, FILL), warp(mask, affine, 0, 0.0)
            image = vary_standardised(rng, image, Ranges())
        return _crop(rng, image, mask[..., None], self.size)


def _crop(
    rng: np.random.Generator, image: NDArray[np.float32], mask: NDArray[np.float32], size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cut a random square: a fully convolutional network learns as well from it, and in half the time."""
    top, left = rng.integers(0, image.shape[0] - size + 1, size=2)
    window = np.s_[top : top + size, left : left + size]
    return image[window], mask[window]


@dataclass
class ImageBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Pictures with their classes for a classifier, in another order each epoch."""

    images: Sequence[LabelledImage]
    size: int
    batch: int
    seed: int
    augment: bool
    epoch: int = 0
    order: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Draw the first epoch's order."""
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=6)
        self._choose()

    def __len__(self) -> int:
        """Return the number of batches, the last of which may be short when nothing is changed at random."""
        return len(self.images) // self.batch if self.augment else -(-len(self.images) // self.batch)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return pictures (batch, size, size, 3) and class numbers (batch,)."""
        rng = np.random.default_rng((self.seed, self.epoch, index))
        members = [self.images[i] for i in self.order[index * self.batch : (index + 1) * self.batch]]
        pictures = np.stack([self._sample(rng, member) for member in members])
        return pictures, np.array([member.label for member in members])

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self.epoch += 1
        self._choose()

    def _choose(self) -> None:
        numbers = np.arange(len(self.images))
        if self.augment:
            np.random.default_rng((self.seed, self.epoch)).shuffle(numbers)
        self.order = [int(number) for number in numbers]

    def _sample(self, rng: np.random.Generator, member: LabelledImage) -> NDArray[np.float32]:
        if not self.augment:
            return as_input(member.pixels, self.size)
        image = as_input(member.pixels, self.size)[..., 0]
        image = warp(image, random_affine(rng, image.shape[0], Ranges()), 1, 0.0)
        return np.repeat(vary_unit(rng, image, Ranges())[..., None], 3, axis=-1)
