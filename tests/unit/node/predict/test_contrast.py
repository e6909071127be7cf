"""What a file's name or the user says of its sequence."""

from pathlib import Path

import pytest

from node.predict.contrast import contrast_said, is_drawing, sequence_of, told_by_user
from node.predict.errors import InputRefused


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("flair.nii.gz", "flair"),
        ("BraTS-GLI-00001-000-t2f.nii.gz", "flair"),
        ("BraTS-GLI-00001-000-t1n.nii.gz", "t1"),
        ("BraTS20_Training_001_t1ce.nii.gz", "t1c"),
        ("sub-01_ses-2_FLAIR.nii", "flair"),
        ("sub-01_ce-gadolinium_T1w.nii.gz", "t1c"),
        ("sub-01_T1w.nii.gz", "t1"),
        ("T1_Gd.nii", "t1c"),
        ("patient7_T2w.png", "t2"),
    ],
)
def test_names_that_researchers_use_are_understood(name: str, sequence: str) -> None:
    assert contrast_said(name) == sequence


@pytest.mark.parametrize("name", ["scan.nii.gz", "t1_t2.nii", "dwi.nii.gz", "Te-gl_0010.jpg"])
def test_a_name_that_says_nothing_or_two_things_says_nothing(name: str) -> None:
    assert contrast_said(name) is None


def test_a_mask_is_told_by_its_name() -> None:
    assert is_drawing("BraTS20_001_seg.nii.gz")
    assert not is_drawing("BraTS20_001_flair.nii.gz")


def test_the_user_names_the_sequence_of_one_file_or_of_each() -> None:
    assert told_by_user(["t1c"], ["a.nii"]) == {"a.nii": "t1c"}
    assert told_by_user(["a.nii=t1c", "b.nii=t2"], ["a.nii", "b.nii"]) == {"a.nii": "t1c", "b.nii": "t2"}


@pytest.mark.parametrize(
    ("given", "words"),
    [("t1ce", "no sequence that models know"), ("t1", "write it as FILE=t1"), ("c.nii=t1", "there is no file c.nii")],
)
def test_what_the_user_says_is_refused_with_what_to_write(given: str, words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        told_by_user([given], ["a.nii", "b.nii"])


def test_what_the_user_says_goes_before_the_name() -> None:
    assert sequence_of(Path("t1.png"), {"t1.png": "t1c"}) == "t1c"
    assert sequence_of(Path("t1.png"), {}) == "t1"
    with pytest.raises(InputRefused, match="say so with --sequence"):
        sequence_of(Path("x.png"), {})
