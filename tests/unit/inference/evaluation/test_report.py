import pytest

from inference.card import Input, ModelCard, model_names, read_card
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
        "figures": {"volume_dice_mean": 0.77, "testing": {"accuracy": 0.9}},
        "data": "a data set",
        "licence": "its licence",
        "split": {"by": "patient"},
        "seed": 7,
        "command": "python -m x",
        "limits": "few patients",
        "epochs": [{"epoch": 0.0, "loss": 1.25}, {"epoch": 1.0, "loss": 0.5}],
    },
)


def test_a_page_says_what_how_well_on_what_and_where_not() -> None:
    page = render(CARD)

    for words in (
        "# segment_unet2d 0.1.0",
        "**Research use only, not a medical device.**",
        "- input: flair, t1c or t1 (optional), slices of 256 x 256 x 3",
        "- volume dice mean: 0.77",
        "- testing:\n  - accuracy: 0.9",
        "- command: `python -m x`",
        "few patients",
        "| epoch | loss |\n|---|---|\n| 0 | 1.25 |\n| 1 | 0.5 |",
    ):
        assert words in page


@pytest.mark.parametrize("name", model_names())
def test_the_page_of_every_shipped_model_is_up_to_date(name: str) -> None:
    assert (REPORTS_FOLDER / f"{name}.md").read_text() == render(read_card(name))
