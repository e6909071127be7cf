import pytest
from pydicom import Dataset

from dicom_io.character_set import chosen, writable


def header(name: str, own: str | None = None, **more: object) -> Dataset:
    made = Dataset()
    if own:
        made.SpecificCharacterSet = own
    made.PatientName = name
    for keyword, value in more.items():
        setattr(made, keyword, value)
    return made


def of(asked: str, made: Dataset) -> object:
    return chosen(asked, made, made["PatientName"])


@pytest.mark.parametrize("own", [None, "ISO_IR 192", "ISO_IR 144"])
def test_nothing_asked_is_the_source_s_own(own: str | None) -> None:
    assert of("", header("Müller", own)) == own


@pytest.mark.parametrize(
    ("asked", "name", "expected"),
    [
        ("ISO_IR 192", "Иванов", "ISO_IR 192"),
        ("ISO_IR 100", "Müller", "ISO_IR 100"),
        ("ISO_IR 100", "Иванов", "ISO_IR 144"),
    ],
)
def test_a_character_set_that_lacks_a_letter_is_not_taken(asked: str, name: str, expected: str) -> None:
    assert of(asked, header(name, "ISO_IR 144")) == expected


def test_every_text_of_the_header_counts() -> None:
    assert of("ISO_IR 100", header("A", "ISO_IR 192", StudyDescription="Голова")) == "ISO_IR 192"
    assert of("ISO_IR 100", header("A", "ISO_IR 192", OtherPatientIDs=["1", "№2"])) == "ISO_IR 192"
    assert of("ISO_IR 100", header("A", "ISO_IR 192", StudyDescription="")) == "ISO_IR 100"


def test_our_own_words_are_ascii_except_in_unicode() -> None:
    assert writable("cm³", "ISO_IR 192") == "cm³"
    assert writable("cm³", "ISO_IR 100") == writable("cm³", None) == "cm?"
