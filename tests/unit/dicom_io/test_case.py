from pathlib import Path

import pytest
from support.builders import write_series

from dicom_io.case import Case
from dicom_io.read import read_volume


def test_the_first_of_the_preferred_sequences_is_returned(tmp_path: Path) -> None:
    volumes = {name: read_volume(write_series(tmp_path / name, sequence=name)) for name in ("t1", "t2")}
    case = Case("1.2.3", volumes)

    assert case.first("flair", "t2", "t1") is volumes["t2"]


def test_a_case_without_any_of_the_sequences_says_what_it_has(tmp_path: Path) -> None:
    case = Case("1.2.3", {"t1": read_volume(write_series(tmp_path, sequence="t1"))})

    with pytest.raises(KeyError, match="none of flair, t2 among t1"):
        case.first("flair", "t2")


def test_an_empty_case_says_that_it_is_empty() -> None:
    with pytest.raises(KeyError, match="no volumes"):
        Case("1.2.3", {}).first("flair")
