from pathlib import Path

import numpy as np
import pytest
from support.copied_pictures import picture, write_copied_pictures
from support.training_data import write_lgg

from inference.models.detect_cnn2d import as_input, build
from inference.training.detection_set import Member
from inference.training.recipes.detect_cnn2d import (
    EPOCH,
    RECIPE,
    SOURCE,
    Examples,
    as_published,
    drawn,
    finish,
    pictures_alone,
    with_patients,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_copied_pictures(tmp_path / "brain_tumor_mri")


def test_patients_are_added_where_they_lie_beside_the_pictures(data: Path) -> None:
    alone = with_patients(data, 7)
    names = tuple(f"TCGA_CS_{number:04d}_20000101" for number in range(12))
    write_lgg(data.parent / "lgg" / "kaggle_3m", names, slices=4)

    both = with_patients(data, 7)

    assert str(alone.split["patients"]).startswith("none")
    assert alone.split["train_tumour"] == both.split["train_tumour"] == pictures_alone(data, 7).split["train_tumour"]
    patients = both.split["patients"]
    assert isinstance(patients, dict)
    parts = {part: set(patients[part].split()) for part in ("train", "validation", "test")}
    assert set().union(*parts.values()) == set(names)
    trained = {member.name.split()[0] for member in both.train(32).members if member.origin == "patient"}
    assert trained <= parts["train"]
    held_out = {member.name.split()[0] for member in both.validation(32).members if member.origin == "patient"}
    assert held_out <= parts["validation"]


def test_a_split_tells_whether_copies_of_testing_were_kept(data: Path) -> None:
    assert with_patients(data, 7).split["copies_of_testing"] == "removed"
    assert as_published(data, 7).split["copies_of_testing"] == "kept"


def test_an_epoch_has_so_many_of_each_kind_and_few_ones_come_equally_often() -> None:
    pixels = np.zeros((4, 4), np.uint8)
    members = [Member(f"{origin} {tumour} {n}", pixels, tumour, origin) for origin, tumour in EPOCH for n in range(300)]

    chosen = drawn(members)(np.random.default_rng(0))

    assert len(chosen) == sum(EPOCH.values())
    few = [member.name for member in chosen if member.name.startswith("picture False")]
    times = {few.count(name) for name in set(few)}
    assert max(times) - min(times) <= 1


def test_a_plain_slice_is_what_is_served_and_a_changed_one_is_not() -> None:
    member = Member("a", np.asarray(picture(3)), True)
    examples = Examples(32)

    plain, answer = examples.plain(np.random.default_rng(0), member)
    changed, same = examples.changed(np.random.default_rng(0), member)

    np.testing.assert_allclose(plain, as_input(member.pixels, 32), atol=1 / 255)
    assert changed.shape == plain.shape == (32, 32, 1)
    assert np.abs(changed - plain).max() > 0.1
    assert answer.tolist() == same.tolist() == [1, 0]


def test_finishing_fits_temperature_and_operating_point_on_the_validation_part(data: Path) -> None:
    network = build((150, 150, 1), filters=3)

    served, fields = finish(network, pictures_alone(data, 7))

    assert served is network
    assert set(fields) == {"temperature", "threshold", "caution"}
    assert 0.25 <= float(str(fields["temperature"])) <= 4.0
    assert 0.01 <= float(str(fields["threshold"])) <= 0.99


def test_both_recipes_build_networks_of_two_answers() -> None:
    assert RECIPE.build(40).output_shape == SOURCE.build(150).output_shape == (None, 2)
    assert SOURCE.network == {"source": True}
