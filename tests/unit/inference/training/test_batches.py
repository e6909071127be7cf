from pathlib import Path

import numpy as np
from support.training_data import write_brain_tumour_mri, write_lgg

from inference.training.batches import ImageBatches, SliceBatches
from inference.training.datasets import read_images, read_patients


def slice_batches(folder: Path, **settings: object) -> SliceBatches:
    defaults = {"size": 48, "batch": 4, "seed": 1, "augment": True}
    return SliceBatches(read_patients(write_lgg(folder)), **{**defaults, **settings})  # type: ignore[arg-type]


def test_an_epoch_holds_every_slice_with_a_lesion_and_empty_ones_beside(tmp_path: Path) -> None:
    batches = slice_batches(tmp_path)

    assert len(batches.chosen) == 12 + 4
    slices, masks = batches[0]
    assert slices.shape == (4, 48, 48, 3)
    assert masks.shape == (4, 48, 48, 1)


def test_the_same_seed_gives_the_same_batch_and_another_epoch_another(tmp_path: Path) -> None:
    one, other = slice_batches(tmp_path / "a"), slice_batches(tmp_path / "b")

    np.testing.assert_array_equal(one[1][0], other[1][0])
    other.on_epoch_end()
    assert not np.array_equal(one[1][0], other[1][0])


def test_flair_stands_in_for_the_other_contrasts_when_it_is_alone(tmp_path: Path) -> None:
    alone, together = slice_batches(tmp_path / "a", flair_only=1.0), slice_batches(tmp_path / "b", flair_only=0.0)
    plain = {"augment": False}

    slices = slice_batches(tmp_path / "c", flair_only=1.0, **plain)[0][0]
    np.testing.assert_array_equal(slices[..., 0], slices[..., 2])
    assert len(alone) == len(together)
    mixed = slice_batches(tmp_path / "d", flair_only=0.0, **plain)[0][0]
    assert not np.array_equal(mixed[..., 0], mixed[..., 2])


def test_pictures_are_shuffled_for_training_and_in_order_for_validation(tmp_path: Path) -> None:
    images = read_images(write_brain_tumour_mri(tmp_path), "Training")

    shuffled = ImageBatches(images, size=32, batch=5, seed=1, augment=True)
    ordered = ImageBatches(images, size=32, batch=5, seed=1, augment=False)

    assert len(shuffled) == 4
    assert len(ordered) == 5
    assert np.concatenate([ordered[index][1] for index in range(5)]).tolist() == [image.label for image in images]
    assert shuffled.order != ordered.order
    assert shuffled[0][0].shape == (5, 32, 32, 3)
