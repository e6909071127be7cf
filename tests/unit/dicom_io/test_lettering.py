import pytest

from dicom_io.lettering import UNWRITTEN, font, readable


@pytest.mark.parametrize("text", ["cérébrale", "Łódź".replace("ź", "ž"), "12.5 cm³", "Müller, Ødegård"])
def test_letters_of_the_font_stay(text: str) -> None:
    assert readable(text) == text


def test_a_letter_loses_a_mark_that_the_font_lacks() -> None:
    assert readable("Dvořák, Wiśniewski") == "Dvorák, Wisniewski"


@pytest.mark.parametrize("text", ["Иванов Иван, Иванович", "山田 太郎", "김, 희중"])
def test_a_name_in_another_script_is_said_to_be_one(text: str) -> None:
    assert readable(text) == UNWRITTEN


def test_the_readable_part_of_a_text_stays() -> None:
    assert readable("T2 FLAIR 軸位 5 mm") == f"T2 FLAIR {UNWRITTEN} 5 mm"


def test_control_characters_become_spaces() -> None:
    assert readable("a\nb\0c") == "a b c"


def test_the_font_of_pictures_has_every_letter_that_is_called_readable() -> None:
    face = font(20)
    missing = bytes(face.getmask("\U0010fffd"))

    for letter in map(chr, range(0x21, 0x250)):
        if readable(letter) == letter and letter != "\xad":
            assert bytes(face.getmask(letter)) != missing, letter
