"""``glia inspect``: the table, the JSON and the exit status."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support.builders import change, write_series

from dicom_io.survey import survey
from inference.card import Input
from node.decision import Need
from node.inspect.command import NO_FOLDER, NOTHING, SOMETHING, inspect_folder

NEEDS = (
    Need("segment_unet2d", (Input(("flair",)),)),
    Need("subtype_resnet50", (Input(("flair",)), Input(("t2",)))),
)


def ask(folder: Path, as_json: bool = False) -> tuple[int, str]:
    console = Console(file=StringIO(), width=100)
    status = inspect_folder(folder, NEEDS, survey, as_json, console)
    assert isinstance(console.file, StringIO)
    return status, console.file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A FLAIR, a T1 with a slice missing, a text and a DICOM file that is cut off."""
    write_series(tmp_path / "flair", SeriesNumber=3, SeriesDescription="FLAIR [ax]")
    gapped = write_series(tmp_path / "t1", sequence="t1", SeriesNumber=4)
    gapped[2].unlink()
    (tmp_path / "notes.txt").write_text("hello")
    change(gapped[0].rename(tmp_path / "lost.dcm"), SeriesInstanceUID=None)
    return tmp_path


def test_each_volume_has_a_row_with_what_it_is_and_who_would_analyse_it(folder: Path) -> None:
    status, text = ask(folder)

    assert status == SOMETHING
    for words in ("3 FLAIR [ax]", "5 files", "axial 5 x 12 x 10", "5 x 0.9 x 1.1 mm", "segment_unet2d"):
        assert words in text
    assert "subtype_resnet50 lacks T2" in text
    assert max(map(len, text.splitlines())) <= 100


def test_what_is_no_volume_says_why_and_what_is_no_dicom_is_named(folder: Path) -> None:
    text = " ".join(ask(folder)[1].split())

    assert {"10.00", "5.00"} <= set(text.split())
    assert "not DICOM: 1 file: notes.txt" in text
    assert "lost.dcm: has no Series Instance UID" in text


def test_many_files_that_are_not_dicom_are_counted(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text("hello")

    assert "not DICOM: 8 files: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 3 more" in ask(tmp_path)[1]


def test_a_program_reads_the_same_as_json(folder: Path) -> None:
    status, text = ask(folder, as_json=True)

    told = json.loads(text)
    assert status == SOMETHING
    assert told["not_dicom"] == [str(folder / "notes.txt")]
    assert told["unusable"] == [{"path": str(folder / "lost.dcm"), "reason": "has no Series Instance UID"}]
    (study,) = told["studies"]
    assert study["lacking"] == {"subtype_resnet50": "lacks T2"}
    flair, t1 = study["series"]
    assert (flair["series_number"], flair["series_description"], flair["files"]) == ("3", "FLAIR [ax]", 5)
    (volume,) = flair["volumes"]
    assert (volume["sequence"], volume["plane"], volume["shape"]) == ("flair", "axial", [5, 12, 10])
    assert (volume["models"], volume["why_not"]) == (["segment_unet2d"], "")
    assert t1["volumes"][0]["models"] == []
    assert "mm apart" in t1["volumes"][0]["why_not"]


def test_a_folder_without_anything_for_a_model_has_its_own_exit_status(tmp_path: Path) -> None:
    write_series(tmp_path, sequence="t1")

    assert ask(tmp_path)[0] == NOTHING


@pytest.mark.parametrize(("name", "words"), [("missing", "there is no such folder"), ("", "there are no files in it")])
def test_a_missing_or_an_empty_folder_is_said_to_be_so(tmp_path: Path, name: str, words: str) -> None:
    status, text = ask(tmp_path / name)

    assert status == NO_FOLDER
    assert words in text


def test_a_damaged_file_is_the_reason_of_its_series(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    data = paths[2].read_bytes()
    paths[2].write_bytes(data[:-30])

    status, text = ask(tmp_path)

    assert status in (SOMETHING, NOTHING)
    assert "study" in text
