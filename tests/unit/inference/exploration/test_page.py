from pathlib import Path

from matplotlib.figure import Figure

from inference.evaluation.png import save
from inference.exploration.page import render


def test_a_page_says_what_the_data_is_where_from_what_is_in_it_and_how_it_was_made(tmp_path: Path) -> None:
    save(Figure(figsize=(1, 1)), tmp_path / "lgg" / "areas.png", "Areas of lesions.")

    page = render("lgg", "LGG", "From somewhere.", {"all": {"x": {"patients": 94}}}, tmp_path)

    for words in (
        "# LGG\n",
        "Research use only",
        "From somewhere.",
        "    python -m inference.exploration lgg --data DIR --write",
        "### All\n\n|  | patients |\n|---|---|\n| x | 94 |",
        "![areas](lgg/areas.png)\n\nAreas of lesions.",
    ):
        assert words in page
