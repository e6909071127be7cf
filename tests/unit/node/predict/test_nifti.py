"""NIfTI files become questions; what is no volume, or does not say what it shows, is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicom_io.volume import Geometry
from inference.card import Input
from inference.preprocess.nifti import write_nifti
from node.decision import Need
from node.predict.errors import InputRefused
from node.predict.material import Kind, Material
from node.predict.nifti import nifti_material

GRID = Geometry((10.0, -20.0, 5.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 5.0))
NEEDS = (Need("segment", (Input(("flair",)), Input(("t1c",), optional=True))), Need("grade", (Input(("t2",)),)))


def write(folder: Path, *names: str, shape: tuple[int, int, int] = (4, 40, 36), grid: Geometry = GRID) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [folder / name for name in names]
    for path in paths:
        write_nifti(rng.random(shape, dtype=np.float32), grid, path)
    return paths


def material(path: Path, files: list[Path], *given: str) -> Material:
    return nifti_material(path, files, NEEDS, given, "refuse")


def test_files_of_one_folder_are_contrasts_of_one_case(tmp_path: Path) -> None:
    found = material(tmp_path, write(tmp_path, "a_flair.nii.gz", "a_t1ce.nii.gz", "a_seg.nii.gz"))

    (question,) = found.questions
    case = question.read()
    assert (found.kind, question.inputs) == (Kind.NIFTI, ("FLAIR: a_flair.nii.gz", "T1 post contrast: a_t1ce.nii.gz"))
    assert list(case.volumes) == ["flair", "t1c"]
    assert case.on_reference("t1c") is case.volumes["t1c"].array
    assert case.notes == ()
    assert found.aside == ("a_seg.nii.gz is not used: a mask, by its name",)
    assert [(one.model, one.reason) for one in found.unasked] == [("grade", "lacks T2")]


def test_one_file_is_what_the_user_says(tmp_path: Path) -> None:
    (path,) = write(tmp_path, "scan.nii")

    (question,) = material(path, [path], "flair").questions

    assert question.read().reference.header.sequence == "flair"


def test_files_of_other_grids_share_no_coordinates_that_anyone_told(tmp_path: Path) -> None:
    files = write(tmp_path, "flair.nii") + write(tmp_path, "t1c.nii", grid=replace(GRID, origin=(0.0, 0.0, 0.0)))
    (question,) = material(tmp_path, files).questions

    with pytest.raises(InputRefused, match="not registered"):
        question.read()


def test_two_files_of_one_contrast_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"a_flair.nii and b_flair.nii are both flair"):
        material(tmp_path, write(tmp_path, "a_flair.nii", "b_flair.nii"))


def test_names_that_tell_nothing_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="call them flair, t1, t1c or t2"):
        material(tmp_path, write(tmp_path, "a.nii", "b.nii"))
    with pytest.raises(InputRefused, match="say so with --sequence"):
        material(tmp_path / "a.nii", [tmp_path / "a.nii"])


@pytest.mark.parametrize("shape", [(2, 40, 40), (4, 40, 16)])
def test_what_is_too_small_for_a_head_is_refused(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputRefused, match="at least 3 x 32 x 32 are needed"):
        material(tmp_path, write(tmp_path, "flair.nii", shape=shape))


def test_a_volume_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    write_nifti(np.zeros((4, 40, 40), np.float32), GRID, tmp_path / "flair.nii")

    with pytest.raises(InputRefused, match="the same value in every voxel"):
        material(tmp_path, [tmp_path / "flair.nii"])


@pytest.mark.parametrize(("name", "keep"), [("flair.nii", 3000), ("flair.nii.gz", 3000), ("flair.nii", 100)])
def test_a_file_that_is_cut_off_is_refused_in_one_line(tmp_path: Path, name: str, keep: int) -> None:
    (path,) = write(tmp_path, name)
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(InputRefused) as refused:
        material(path, [path])

    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_where_no_model_can_be_asked_each_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="segment lacks FLAIR; grade lacks T2"):
        material(tmp_path, write(tmp_path, "t1.nii"))
