import pytest

from dicom_io.candidate import Candidate


def test_what_has_a_reason_against_it_is_not_eligible() -> None:
    assert Candidate(series_instance_uid="1.2").eligible
    assert not Candidate(series_instance_uid="1.2", reason="a localizer").eligible


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        (
            {"series_number": "3", "series_description": "T2 AX", "part": "echo 2 (90 ms)"},
            "series 3 T2 AX echo 2 (90 ms)",
        ),
        ({"series_number": "3"}, "series 3"),
        ({"series_description": "T2 AX"}, "T2 AX"),
        ({}, "series 1.2"),
    ],
)
def test_it_is_called_by_what_its_headers_say(attributes: dict[str, str], name: str) -> None:
    assert Candidate(series_instance_uid="1.2", **attributes).name == name
