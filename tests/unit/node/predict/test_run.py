"""One wish from path to exit status, with models that do as they are told."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support.builders import write_series
from support.fakes import FakeModel, fake_card

from dicom_io.profile import DEFAULT
from inference.card import read_card
from inference.errors import WeightsMissing
from inference.model import Model
from node.predict.answer import BAD_INPUT, DISCLAIMER, FAILURE, SUCCESS
from node.predict.run import predict_path
from node.predict.wish import Manner, Wish

SEGMENT, CLASSIFY = "segment_unet2d", "classify_efficientnetb0"


def load(name: str) -> Model:
    return FakeModel(fake_card(name, read_card(name).inputs))


def predict(path: Path, *models: str, as_json: bool = False, load=load) -> tuple[int, str]:
    console = Console(file=StringIO(), width=120)
    wish = Wish(path, (), models, path.parent / "out", as_json)
    status = predict_path(wish, Manner(DEFAULT, "register"), load, console)
    assert isinstance(console.file, StringIO)
    return status, console.file.getvalue()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_series(tmp_path / "in", SeriesDescription="FLAIR AX")
    return tmp_path / "in"


def test_a_study_is_analysed_and_shown(study: Path) -> None:
    status, text = predict(study, SEGMENT)

    assert status == SUCCESS
    assert "a box in the middle" in text
    assert DISCLAIMER in text
    assert (study.parent / "out" / f"{SEGMENT}.png").is_file()


def test_a_program_reads_on_the_screen_what_is_kept_in_the_folder(study: Path) -> None:
    status, text = predict(study, SEGMENT, as_json=True)

    assert status == SUCCESS
    assert json.loads(text) == json.loads((study.parent / "out" / "findings.json").read_text())


def test_two_runs_leave_the_same_bytes(study: Path) -> None:
    def bytes_of_all() -> dict[str, bytes]:
        predict(study, SEGMENT)
        return {path.name: path.read_bytes() for path in (study.parent / "out").iterdir()}

    assert bytes_of_all() == bytes_of_all()


def test_a_named_model_that_is_not_asked_is_bad_input_but_not_one_that_nobody_named(study: Path) -> None:
    status, text = predict(study, SEGMENT, CLASSIFY)

    assert status == BAD_INPUT
    assert f"{CLASSIFY} was not asked: lacks T1 post contrast or T1" in text
    assert predict(study)[0] == SUCCESS


def test_an_analysis_that_fails_is_told_apart_from_bad_input(study: Path) -> None:
    def broken(name: str) -> Model:
        raise WeightsMissing(f"the weights of {name} are missing")

    status, text = predict(study, SEGMENT, load=broken)

    assert status == FAILURE
    assert "failed: the weights of segment_unet2d are missing" in " ".join(text.split())


def test_bad_input_is_one_sentence_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = predict(tmp_path / "nowhere", SEGMENT)

    assert (status, text) == (BAD_INPUT, "")
    assert capsys.readouterr().err == f"{tmp_path / 'nowhere'}: there is no such file or folder\n"


def test_bad_input_is_json_for_programs(tmp_path: Path) -> None:
    status, text = predict(tmp_path / "nowhere", SEGMENT, as_json=True)

    told = json.loads(text)
    assert (status, told["exit_status"], told["reason"]) == (BAD_INPUT, BAD_INPUT, "there is no such file or folder")


def test_a_model_that_there_is_not_is_bad_input(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(study, "segment_unet9d")[0] == BAD_INPUT
    assert "no model is named 'segment_unet9d'" in capsys.readouterr().err
