from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from inference.card import Input, ModelCard, model_names, read_card
from inference.evaluation.png import save
from inference.evaluation.report import REPORTS_FOLDER, render

CARD = ModelCard(
    name="segment_unet2d",
    version="0.1.0",
    task="segmentation",
    inputs=(Input(("flair",)), Input(("t1c", "t1"), optional=True)),
    labels=("flair_abnormality",),
    input_shape=(256, 256, 3),
    network={},
    threshold=0.5,
    weights_file="w.npz",
    weights_sha256="abc",
    provenance={
        "intended_use": "Research use only, not a medical device.",
        "figures": {
            "command": "python -m inference.evaluation segment_unet2d --data DIR --write",
            "volume_dice_mean": 0.77,
            "testing": {"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95},
        },
        "data": "a data set",
        "licence": "its licence",
        "split": {"by": "patient"},
        "seed": 7,
        "command": "python -m x",
        "limits": "few patients",
        "epochs": [{"epoch": 0.0, "loss": 1.25}, {"epoch": 1.0, "loss": 0.5, "val_loss": 2.0}],
    },
)


def test_a_page_says_what_how_well_on_what_and_where_not(tmp_path: Path) -> None:
    page = render(CARD, tmp_path)

    for words in (
        "# segment_unet2d 0.1.0",
        "**Research use only, not a medical device.**",
        "    python -m inference.evaluation segment_unet2d --data DIR --write",
        "| input | flair, t1c or t1 (optional), as 256 x 256 x 3 |",
        "| volume dice mean | 0.77 |",
        "| accuracy | 0.9 (0.8 to 0.95) |",
        "| command | `python -m x` |",
        "| by | patient |",
        "## Limits\n\nfew patients",
        "| epoch | loss | val loss |\n|---|---|---|\n| 0 | 1.25 |  |\n| 1 | 0.5 | 2 |",
    ):
        assert words in page


def test_a_model_s_caution_stands_at_the_head(tmp_path: Path) -> None:
    page = render(replace(CARD, caution="It does not beat chance."), tmp_path)

    assert "**Research use only, not a medical device.** It does not beat chance." in page.splitlines()[2]


def test_every_picture_of_the_model_s_folder_is_shown_with_its_caption(tmp_path: Path) -> None:
    for name in ("roc", "curves"):
        save(Figure(figsize=(1, 1)), tmp_path / CARD.name / f"{name}.png", f"This is {name}.")

    page = render(CARD, tmp_path)

    assert "![roc](segment_unet2d/roc.png)\n\nThis is roc." in page
    assert page.index("curves.png") < page.index("roc.png")


def test_measurements_beside_the_figures_have_a_section_each(tmp_path: Path) -> None:
    provenance = {
        **CARD.provenance,
        "leak_free": {"accuracy": 0.97},
        "baselines": {"cnn2": {"accuracy": 0.9}, "cnn6": {"accuracy": 0.92}},
    }

    page = render(replace(CARD, provenance=provenance), tmp_path)

    assert "### On patients apart\n\n| figure | value |\n|---|---|\n| accuracy | 0.97 |" in page
    assert "### Beside the source's networks" in page
    assert "|  | accuracy |\n|---|---|\n| `segment_unet2d` | 0.9 |\n| cnn2 | 0.9 |\n| cnn6 | 0.92 |" in page


def test_a_measurement_that_nobody_foresaw_has_its_section_too(tmp_path: Path) -> None:
    provenance = {**CARD.provenance, "another_hospital": {"accuracy": 0.4}, "aside": "a word"}

    page = render(replace(CARD, provenance=provenance), tmp_path)

    assert "### Another hospital\n\n| figure | value |\n|---|---|\n| accuracy | 0.4 |" in page
    assert "### Aside\n\na word" in page


@pytest.mark.parametrize("name", model_names())
def test_the_page_of_every_shipped_model_is_up_to_date(name: str) -> None:
    assert (REPORTS_FOLDER / f"{name}.md").read_text() == render(read_card(name))
