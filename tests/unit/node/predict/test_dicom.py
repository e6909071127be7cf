"""DICOM becomes questions as the node would ask them."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.builders import write_series

from dicom_io.survey import survey
from inference.card import Input
from node.decision import Need
from node.inspect.folder import contents
from node.predict.dicom import DicomReader, newest
from node.predict.errors import InputRefused
from node.predict.material import Kind, Material

NEEDS = (Need("segment", (Input(("flair",)),)), Need("subtype", (Input(("flair",)), Input(("t2",), optional=True))))


def material(folder: Path) -> Material:
    return DicomReader(survey, "register").material(contents(folder), NEEDS)


def test_a_question_reads_the_case_that_its_model_needs(tmp_path: Path) -> None:
    write_series(tmp_path / "flair", SeriesDescription="FLAIR AX")
    write_series(tmp_path / "t2", sequence="t2")

    found = material(tmp_path)

    segment, subtype = found.questions
    assert (found.kind, segment.model, subtype.model) == (Kind.DICOM, "segment", "subtype")
    assert list(segment.read().volumes) == ["flair"]
    assert list(subtype.read().volumes) == ["flair", "t2"]


def test_an_analysis_has_the_time_of_the_newest_file(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    for number, path in enumerate(paths):
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))

    assert newest(paths) == datetime.fromtimestamp(1_000_000_000 + len(paths) - 1, UTC)
    assert material(tmp_path).questions[0].at == newest(paths)


def test_where_no_model_can_be_asked_the_reason_is_that_of_the_volumes(tmp_path: Path) -> None:
    paths = write_series(tmp_path, SeriesNumber=4, SeriesDescription="FLAIR AX")
    paths[2].unlink()

    with pytest.raises(InputRefused, match=r"series 4 FLAIR AX: .* mm apart.*glia inspect"):
        material(tmp_path)


def test_where_the_sequence_is_of_no_use_each_model_says_what_it_lacks(tmp_path: Path) -> None:
    write_series(tmp_path, sequence="t1")

    with pytest.raises(InputRefused, match="segment lacks FLAIR; subtype lacks FLAIR"):
        material(tmp_path)


def test_files_that_are_not_used_are_said_to_be_so(tmp_path: Path) -> None:
    write_series(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")

    assert material(tmp_path).aside == ("1 file is not used: not DICOM",)


def test_a_file_that_is_gone_when_it_is_to_be_read_is_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    question, _ = material(tmp_path).questions
    paths[0].unlink()

    with pytest.raises(InputRefused, match=paths[0].name):
        question.read()
