from pathlib import Path

import numpy as np
import pytest

from inference.training.recipes import grade_cnn3d as recipe
from inference.training.recipes.grade_cnn3d import RECIPE, Glioma, changed, plain


def write_heads(folder: Path, count: int = 10) -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        head = {name: rng.normal(size=(4, 16, 16)).astype(np.float16) for name in ("flair", "t1", "t1c")}
        outline = np.zeros((4, 16, 16), np.float16)
        outline[1:3, 4:10, 4:10] = 1
        np.savez_compressed(folder / f"TCGA_CS_{number:04d}_2000.npz", label=number % 2, outline=outline, **head)
    return folder


def glioma() -> Glioma:
    outline = np.zeros((4, 16, 16), np.float32)
    outline[1:3, 4:10, 4:10] = 1
    ones = np.ones((4, 16, 16), np.float32)
    return Glioma("p", 1, {"flair": ones, "t1": 2 * ones, "t1c": 5 * ones, "outline": outline})


def test_the_plain_example_is_what_is_served() -> None:
    seen, truth = plain(np.random.default_rng(0), glioma())

    assert seen.shape == (4, 16, 16, 5)
    assert seen[0, 0, 0].tolist() == [1, 2, 5, 3, 0]
    assert truth.tolist() == [0, 1]


def test_changed_examples_sometimes_lack_the_t1_contrasts_and_always_have_an_outline() -> None:
    seen = [changed(np.random.default_rng(seed), glioma())[0] for seed in range(60)]

    without_t1c = sum(not one[..., 2].any() for one in seen)
    without_both = sum(not one[..., 1:3].any() for one in seen)
    assert 0 < without_both < without_t1c < 30
    assert all(one[..., 4].any() for one in seen)
    assert all(one[..., 0].any() for one in seen)
    assert not any(one[..., 3].any() for one in seen if not one[..., 2].any())


def test_the_same_seed_changes_alike() -> None:
    first, second = (changed(np.random.default_rng(3), glioma())[0] for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_a_folds_test_patients_are_not_trained_on(tmp_path: Path) -> None:
    folds = recipe.folds(write_heads(tmp_path / "heads"), 7)

    assert len(folds) == recipe.FOLDS * recipe.REPEATS
    for parts in folds:
        names = str(parts.split["test"]).split()
        assert [one.name for one in parts.validation(64).members] == names
        assert parts.everything is not None
        assert {one.name for one in parts.everything(64).members}.isdisjoint(names)


def test_the_shipped_weights_are_trained_on_everybody(tmp_path: Path) -> None:
    parts = RECIPE.protocols["everybody"](write_heads(tmp_path / "heads"), 7)

    assert parts.everything is not None
    assert len(parts.everything(64).members) == 10


def test_a_folder_without_prepared_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no prepared patients"):
        recipe.read_gliomas(tmp_path)


def test_patients_that_are_prepared_are_not_prepared_again(tmp_path: Path) -> None:
    (tmp_path / "data" / "TCGA_CS_0000_2000").mkdir(parents=True)
    (tmp_path / "data" / "data.csv").write_text("Patient,neoplasm_histologic_grade\nTCGA_CS_0000,2\n")
    write_heads(tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / recipe.PREPARED).mkdir()
    (tmp_path / "out" / "TCGA_CS_0000_2000.npz").rename(tmp_path / "out" / recipe.PREPARED / "TCGA_CS_0000_2000.npz")

    folder = recipe.prepare_data(tmp_path / "data", tmp_path / "out")

    assert [one.name for one in recipe.read_gliomas(folder)] == ["TCGA_CS_0000_2000"]
