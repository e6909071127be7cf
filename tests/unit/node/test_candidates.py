"""Candidates as text, for the database and for people."""

from datetime import datetime

from support.records import candidate

from dicom_io.candidate import Candidate
from node.candidates import defective_in, from_text, geometry, recognition, to_text

FULL = candidate(
    part="echo 2 (TE 90 ms)",
    agent="Gadovist",
    timing="SE TR 550 TE 10",
    frame_of_reference_uid="1.9",
    acquired_at=datetime(2025, 3, 1, 8, 30, 12, 250000),
)
REFUSED = Candidate(series_instance_uid="1.2", reason="unreadable: \udce9")


def test_candidates_come_back_as_they_were() -> None:
    assert from_text(to_text([FULL, REFUSED])) == (FULL, REFUSED)


def test_the_text_is_ascii_whatever_headers_say() -> None:
    assert to_text([REFUSED]).isascii()


def test_empty_text_holds_none() -> None:
    assert from_text("") == ()
    assert from_text(to_text([])) == ()


def test_a_volume_is_described_by_sequence_and_geometry() -> None:
    assert recognition(FULL) == "flair 0.90"
    assert geometry(FULL) == "axial 24 x 256 x 256, 5 x 0.9 x 0.9 mm"


def test_what_is_no_volume_has_no_geometry() -> None:
    assert geometry(REFUSED) == ""


def test_which_are_defective_is_kept_beside_them() -> None:
    text = to_text([FULL, REFUSED], [REFUSED])

    assert from_text(text) == (FULL, REFUSED)
    assert defective_in(text) == (REFUSED,)
    assert defective_in(to_text([FULL, REFUSED])) == ()
