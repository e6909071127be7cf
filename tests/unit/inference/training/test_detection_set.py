from pathlib import Path

import pytest
from support.copied_pictures import write_copied_pictures
from support.training_data import write_lgg

from inference.training.datasets import read_patients
from inference.training.detection_set import NO_TUMOUR, members_of, slices_of, split_at_random, split_pictures


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_copied_pictures(tmp_path / "brain_tumor_mri")


def test_no_copy_and_nothing_that_testing_shows_is_trained_on(data: Path) -> None:
    split = split_pictures(data, seed=7)

    kept = sorted(image.name for image in split.train + split.validation)
    assert len(kept) == 4 * 9
    assert not [name for name in kept if name.endswith("_0.jpg")]
    assert len([name for name in kept if name.endswith(("_1.jpg", "_copy.jpg"))]) == 4
    assert {image.name for image in split.train}.isdisjoint(image.name for image in split.validation)
    assert len(split.test) == 8
    assert all(member.tumour is ("notumor" not in member.name) for member in members_of(split.train))


def test_what_testing_shows_stays_where_that_is_asked_for(data: Path) -> None:
    split = split_pictures(data, seed=7, apart=False)

    assert len([image for image in split.train + split.validation if image.name.endswith("_0.jpg")]) == 4


def test_pictures_are_divided_at_random_from_both_halves_without_copies(data: Path) -> None:
    split, again = (split_at_random(data, seed=7) for _ in range(2))

    names = [[image.name for image in part] for part in (split.train, split.validation, split.test)]
    assert sum(map(len, names)) == len({name for part in names for name in part}) == 4 * 11
    assert len(names[2]) == 9
    assert {name.split("/")[0] for part in names for name in part} == {"Training", "Testing"}
    assert sum(image.label == NO_TUMOUR for image in split.test) == 2
    assert names[2] == [image.name for image in again.test]


def test_the_seed_alone_decides_who_is_held_out(data: Path) -> None:
    first, again, other = (split_pictures(data, seed).validation for seed in (7, 7, 8))

    assert [image.name for image in first] == [image.name for image in again]
    assert {image.name for image in first} != {image.name for image in other}
    assert any(image.figshare_number is not None for image in first)
    assert any(image.figshare_number is None for image in first)


def test_slices_with_a_sliver_of_lesion_are_left_out(tmp_path: Path) -> None:
    patient = read_patients(write_lgg(tmp_path, ("TCGA_CS_0001_20000101",), slices=5))[0]
    patient.mask[2] = False
    patient.mask[2, 20:22, 24:30] = True

    members = slices_of(patient)

    assert sorted({int(member.name.split()[1]) for member in members}) == [0, 1, 3, 4]
    assert {member.name.split()[2] for member in members} == {"flair", "t1", "t1c"}
    assert all(member.tumour is (member.name.split()[1] != "0") for member in members)
