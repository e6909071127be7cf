from pathlib import Path

import numpy as np
from support.training_data import write_lgg

from inference.training.augment import Ranges
from inference.training.datasets import read_patients
from inference.training.recipes.segment_unet2d import RECIPE, Slices, by_patient, by_slice, held_out_slices

NAMES = tuple(f"TCGA_CS_{number:04d}_20000101" for number in range(20))
STILL = Ranges(coarse_often=0, misplaced_often=0, elastic_often=0)


def test_the_split_names_its_patients_and_trains_on_no_other(tmp_path: Path) -> None:
    parts = by_patient(write_lgg(tmp_path, NAMES, slices=2), 7)

    tests, validations = str(parts.split["test"]).split(), str(parts.split["validation"]).split()
    assert len(tests) == 3
    assert set(tests) | set(validations) < set(NAMES)
    lesions = len(NAMES) - len(tests) - len(validations)
    assert len(parts.train(48).members) == 2 * lesions


def test_the_sources_protocol_shares_patients_but_no_slice(tmp_path: Path) -> None:
    data = write_lgg(tmp_path, NAMES[:4], slices=8)

    parts = by_slice(data, 7)

    trained, validated = set(parts.train(48).members), set(parts.validation(64).members)
    assert trained.isdisjoint(validated)
    assert len(held_out_slices(read_patients(data), 7)) == parts.split["test"]
    assert {p for p, _ in trained} & {p for p, _ in validated}


def test_an_epoch_holds_every_slice_with_a_lesion_and_as_many_empty_ones(tmp_path: Path) -> None:
    slices = Slices(read_patients(write_lgg(tmp_path, slices=5)), 48)
    rng = np.random.default_rng(0)

    members = slices.balanced(slices.every(), rng)

    masks = [slices.patients[p].mask[k].any() for p, k in members]
    assert len(set(members)) == len(members)
    assert sum(masks) == 16
    assert len(masks) - sum(masks) == 4  # no more are empty


def test_a_changed_slice_is_cut_out_with_its_mask(tmp_path: Path) -> None:
    slices = Slices(read_patients(write_lgg(tmp_path)), 48)

    image, mask = slices.changed(np.random.default_rng(1), (0, 1))

    assert image.shape == (48, 48, 3)
    assert mask.shape == (48, 48, 1)
    assert set(np.unique(mask)) <= {0.0, 1.0}


def test_flair_stands_in_for_contrasts_in_some_examples_and_not_in_others(tmp_path: Path) -> None:
    slices = Slices(read_patients(write_lgg(tmp_path)), 48, STILL)
    pictures = [slices.changed(np.random.default_rng(seed), (0, 1))[0] for seed in range(30)]

    alike = {tuple(_correlated(picture[..., 0], picture[..., c]) for c in (1, 2)) for picture in pictures}

    assert alike == {(True, True), (False, True), (False, False)}


def test_validation_sees_every_second_slice_as_if_there_were_flair_alone(tmp_path: Path) -> None:
    slices = Slices(read_patients(write_lgg(tmp_path)), 64)
    rng = np.random.default_rng(0)

    together, alone = slices.plain(rng, (0, 2))[0], slices.plain(rng, (0, 3))[0]

    np.testing.assert_array_equal(alone[..., 0], alone[..., 2])
    assert not np.array_equal(together[..., 0], together[..., 2])


def test_what_is_trained_is_what_the_card_builds() -> None:
    assert RECIPE.build(192).count_params() == RECIPE.build(256).count_params()


def _correlated(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99)
