import numpy as np

from dicom_io.lettering import font
from dicom_io.sheet import AMBER, BLUE, WHITE, Bar, Key, Words, sheet, wrapped

PICTURE = np.full((101, 1003, 3), 77, np.uint8)
LONG = "a sentence of many words " * 20


def _rows_of(page: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.flatnonzero((page == colour).all(axis=-1).any(axis=1))


def test_the_picture_stands_whole_between_the_words() -> None:
    page = sheet(PICTURE, Words("found", [Key((0, 200, 0), "segment")], [Bar("glioma", 0.5)], "Scores", ["note"]))

    rows = np.flatnonzero((page == 77).all(axis=-1).sum(axis=1) >= 1003)
    assert len(rows) == 101
    assert _rows_of(page, WHITE).min() < rows.min() < rows.max() < _rows_of(page, (0, 200, 0)).min()
    assert _rows_of(page, AMBER).max() < rows.min()


def test_both_sides_are_even() -> None:
    page = sheet(PICTURE, Words("found"))

    assert [side % 2 for side in page.shape[:2]] == [0, 0]


def test_no_word_touches_an_edge() -> None:
    words = Words(LONG, [Key((0, 200, 0), LONG)], [Bar("x" * 300, 1.0)], LONG, [LONG, "y" * 500])

    page = sheet(PICTURE[:, :200], words)

    for edge in (page[:8], page[-8:], page[:, :8], page[:, -8:]):
        assert not edge.any()


def test_a_bar_is_as_long_as_its_score() -> None:
    lengths = [
        int((sheet(PICTURE, Words("x", bars=[Bar("glioma", value)])) == BLUE).all(axis=-1).sum(axis=1).max())
        for value in (0.0, 0.25, 1.0)
    ]

    assert lengths[0] == 0
    assert lengths[2] / lengths[1] == 261 / 66


def test_lines_are_no_wider_than_allowed_and_lose_no_letter() -> None:
    face = font(17)
    text = f"short {'long' * 60} end"

    lines = wrapped(text, face, 200)

    assert max(face.getlength(line) for line in lines) <= 200
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
