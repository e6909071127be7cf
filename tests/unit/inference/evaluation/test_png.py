from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from inference.evaluation.png import caption_of, save


def line() -> Figure:
    figure = Figure(figsize=(2, 2))
    figure.add_subplot().plot([0, 1], [0, 1])
    return figure


def test_a_picture_carries_its_caption_and_no_trace_of_when_or_with_what_it_was_made(tmp_path: Path) -> None:
    save(line(), tmp_path / "new" / "a.png", "A line.")

    assert caption_of(tmp_path / "new" / "a.png") == "A line."
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert set(picture.info) & {"Software", "Creation Time", "date"} == set()


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save(line(), tmp_path / name, "A line.")

    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_picture_without_a_caption_is_called_as_its_file_is(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "pointing_game.png")

    assert caption_of(tmp_path / "pointing_game.png") == "Pointing game."
