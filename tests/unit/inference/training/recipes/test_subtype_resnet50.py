from pathlib import Path

import numpy as np
import pytest
from support.training_data import PATIENTS, write_lgg

from dicom_io.volume import Geometry
from inference.preprocess.nifti import write_nifti
from inference.training.outcomes import CPM_LABELS
from inference.training.recipes.subtype_resnet50 import CPM_RADPATH, RECIPE, Pictures, read_cpm_gliomas, read_gliomas

GRID = Geometry((0.0, 0.0, 0.0), column_step=(1.0, 0.0, 0.0), row_step=(0.0, 1.0, 0.0), slice_step=(0.0, 0.0, 5.0))


@pytest.fixture(scope="module")
def lgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_lgg(tmp_path_factory.mktemp("lgg"))
    rows = [f"{name[:12]},{number % 3 + 1}" for number, name in enumerate(PATIENTS)]
    (folder / "data.csv").write_text("\n".join(["Patient,histological_type", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def cpm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cpm")
    rng = np.random.default_rng(0)
    lines = ["id,class,age_in_days"]
    for number in range(10):
        name = f"CPM_{number}"
        (folder / name).mkdir()
        lines.append(f"{name},{'AOG'[number % 3]},{20000 + number}")
        for contrast in ("flair", "t1", "t1ce", "t2"):
            array = rng.uniform(50, 100, (6, 32, 32)).astype(np.float32)
            if contrast == "flair":
                array[4, 10:16, 10:16] = 500
            write_nifti(array, GRID, folder / name / f"{name}_{contrast}.nii.gz")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_patients_are_read_with_their_subtype_and_without_t2(lgg: Path) -> None:
    gliomas = read_gliomas(lgg)

    assert [one.label for one in gliomas] == [0, 1, 2, 0]
    assert all(set(one.contrasts) == {"flair", "t1", "t1c"} for one in gliomas)
    assert gliomas[0].area.tolist() == [0, 400, 400, 400]


def test_a_plain_example_is_the_slice_with_the_largest_tumour(lgg: Path) -> None:
    glioma = read_gliomas(lgg)[0]

    seen, truth = Pictures(32).plain(np.random.default_rng(0), glioma)

    np.testing.assert_array_equal(seen, glioma.slice_of(1, 32))
    assert truth.tolist() == [1, 0, 0]
    assert not seen[..., 3].any()


def test_changed_examples_show_tumour_keep_flair_and_sometimes_lack_others(lgg: Path) -> None:
    glioma = read_gliomas(lgg)[0]

    seen = [Pictures(32).changed(np.random.default_rng(seed), glioma)[0] for seed in range(40)]

    assert all(one[..., 0].any() for one in seen)
    assert not any(one[..., 3].any() for one in seen)
    assert 0 < sum(not one[..., 1].any() for one in seen) < 20


def test_the_layout_of_cpm_radpath_has_four_contrasts_and_the_sources_slice(cpm: Path) -> None:
    glioma = read_cpm_gliomas(cpm)[1]

    assert set(glioma.contrasts) == {"flair", "t1", "t1c", "t2"}
    assert int(glioma.area.argmax()) == 4
    assert CPM_LABELS[glioma.label] == "oligodendroglioma"
    assert Pictures(32).plain(np.random.default_rng(0), glioma)[0][..., 3].any()


def test_only_the_layout_with_t2_asks_for_it() -> None:
    asked = [{name for one in recipe.inputs for name in one.any_of} for recipe in (RECIPE, CPM_RADPATH)]

    assert asked == [{"flair", "t1", "t1c"}, {"flair", "t1", "t1c", "t2"}]


def test_a_contrast_on_another_grid_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "labels.csv").write_text("id,class,age\np,A,1\n")
    write_nifti(np.ones((4, 8, 8), np.float32), GRID, tmp_path / "p" / "p_flair.nii.gz")
    write_nifti(np.ones((5, 8, 8), np.float32), GRID, tmp_path / "p" / "p_t2.nii.gz")

    with pytest.raises(ValueError, match="not on the grid of FLAIR"):
        read_cpm_gliomas(tmp_path)


@pytest.mark.parametrize("layout", ["lgg", "cpm"])
def test_a_folds_test_patients_are_not_trained_on(layout: str, request: pytest.FixtureRequest) -> None:
    recipe = {"lgg": RECIPE, "cpm": CPM_RADPATH}[layout]
    assert recipe.folds is not None

    folds = recipe.folds(request.getfixturevalue(layout), 7)

    assert len(folds) == 5
    for parts in folds:
        names = str(parts.split["test"]).split()
        assert [one.name for one in parts.validation(96).members] == names
        assert parts.everything is not None
        assert {one.name for one in parts.everything(96).members}.isdisjoint(names)
