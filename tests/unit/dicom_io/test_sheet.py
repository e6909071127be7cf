import numpy as np

from dicom_io.lettering import font
from dicom_io.sheet import AMBER, BLUE, WHITE, Bar, Key, Ramp, Words, sheet, wrapped

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


def test_a_ramp_shows_its_colours_between_what_they_mean() -> None:
    colours = np.stack([[100, number, 9] for number in range(120)]).astype(np.uint8)

    page = sheet(PICTURE, Words("found", ramps=[Ramp(colours, "low", "high evidence for glioma")]))

    row = page[int(np.argwhere((page == colours[60]).all(axis=-1))[0][0])]
    (first,) = np.flatnonzero((row == colours[0]).all(axis=-1))
    assert np.array_equal(row[first : first + 120], colours)
    rows = _rows_of(page, tuple(colours[60]))
    written = np.flatnonzero((page[rows] == WHITE).all(axis=-1).any(axis=0))
    assert written.min() < first
    assert written.max() > first + 120


def test_a_long_meaning_of_a_ramp_touches_no_edge() -> None:
    page = sheet(PICTURE[:, :200], Words("found", ramps=[Ramp(np.full((200, 3), 90, np.uint8), "low", LONG)]))

    assert not page[:, -8:].any()
