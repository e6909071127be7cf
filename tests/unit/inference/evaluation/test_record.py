import json
from pathlib import Path

import pytest

from inference.card import WEIGHTS_FOLDER
from inference.evaluation.record import record

NAME = "segment_unet2d"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / f"{NAME}.json").write_text((WEIGHTS_FOLDER / f"{NAME}.json").read_text())
    return folder


def test_figures_go_into_the_card_and_onto_its_page(cards: Path, tmp_path: Path) -> None:
    record(NAME, "source_protocol", {"dice": 0.91}, cards, tmp_path / "pages")

    card = json.loads((cards / f"{NAME}.json").read_text())
    assert card["provenance"]["source_protocol"] == {"dice": 0.91}
    assert "### Other weights, on the source's own protocol" in (tmp_path / "pages" / f"{NAME}.md").read_text()


def test_the_rest_of_the_card_stays(cards: Path, tmp_path: Path) -> None:
    before = json.loads((cards / f"{NAME}.json").read_text())

    record(NAME, "figures", {"dice": 0.91}, cards, tmp_path / "pages")

    after = json.loads((cards / f"{NAME}.json").read_text())
    before["provenance"]["figures"] = {"dice": 0.91}
    assert after == before


def test_a_figure_that_is_no_number_does_not_get_into_the_card(cards: Path, tmp_path: Path) -> None:
    before = (cards / f"{NAME}.json").read_text()

    with pytest.raises(ValueError, match="not JSON compliant"):
        record(NAME, "figures", {"dice": float("nan")}, cards, tmp_path / "pages")

    assert (cards / f"{NAME}.json").read_text() == before
