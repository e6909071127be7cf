"""The output folder: written as told, and without an older answer beside a newer one."""

import json
from pathlib import Path

import pytest

from node.predict.errors import InputRefused
from node.predict.keep import LIST, Keeper


def test_files_of_an_older_answer_are_removed_and_others_left_alone(tmp_path: Path) -> None:
    older = Keeper(tmp_path / "out")
    older.path("old.png").write_text("old")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    older.finish({"analyses": [{"files": ["old.png", "never.png"]}, {"state": "refused"}]})

    Keeper(tmp_path / "out").clear()

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_list_that_somebody_else_wrote_removes_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LIST).write_text(json.dumps({"analyses": [{"files": ["../precious", 7]}]}))

    Keeper(tmp_path / "out").clear()

    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"analyses": 3}', "no JSON"])
def test_a_list_that_is_none_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / LIST).write_text(text)

    Keeper(tmp_path).clear()

    assert not (tmp_path / LIST).exists()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputRefused, match="cannot be made"):
        Keeper(tmp_path / "file" / "out").path("a.png")
    with pytest.raises(InputRefused, match="cannot be"):
        Keeper(tmp_path / "file").finish({})
