"""Batches for Keras: drawn anew each epoch, changed at random, the same for the same seed."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

Member = TypeVar("Member")
Example = tuple[NDArray[np.generic], NDArray[np.generic]]


class Batches(keras.utils.PyDataset, Generic[Member]):  # type: ignore[misc]
    """Examples of a data set's members, for training in another order and form each epoch.

    Parameters
    ----------
    choose
        Returns the members of an epoch, in order. Called anew for each epoch.
    example
        Returns what the network sees of a member and what it should say, each an array.
    batch
        Examples in one batch.
    whole
        Whether a last batch that would be short is left out.
    """

    def __init__(
        self,
        choose: Callable[[np.random.Generator], Sequence[Member]],
        example: Callable[[np.random.Generator, Member], Example],
        *,
        batch: int,
        seed: int,
        whole: bool,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=6)
        self._choose, self._example = choose, example
        self._batch, self._seed, self._whole = batch, seed, whole
        self.epoch = 0
        self.members = self._draw()

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.members) // self._batch if self._whole else -(-len(self.members) // self._batch)

    def __getitem__(self, index: int) -> Example:
        """Return one batch: what the network sees (n, ...), what it should say (n, ...)."""
        rng = np.random.default_rng((self._seed, self.epoch, index))
        members = self.members[index * self._batch : (index + 1) * self._batch]
        examples = [self._example(rng, member) for member in members]
        return np.stack([seen for seen, _ in examples]), np.stack([truth for _, truth in examples])

    def on_epoch_end(self) -> None:
        """Draw the next epoch's members."""
        self.epoch += 1
        self.members = self._draw()

    def _draw(self) -> Sequence[Member]:
        return self._choose(np.random.default_rng((self._seed, self.epoch)))


def in_order(members: Sequence[Member]) -> Callable[[np.random.Generator], Sequence[Member]]:
    """Choose all members, in the order they have."""
    return lambda _: members


def shuffled(members: Sequence[Member]) -> Callable[[np.random.Generator], Sequence[Member]]:
    """Choose all members, in another order each epoch."""
    return lambda rng: [members[number] for number in rng.permutation(len(members))]
