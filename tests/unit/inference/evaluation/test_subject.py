import json
from pathlib import Path

import pytest

from inference.card import WEIGHTS_FOLDER, read_card
from inference.checkpoint import write_weights
from inference.errors import UnknownModel
from inference.evaluation.subject import load_subject, measured_names, measures_of
from inference.models import segment_unet2d

NAME = "segment_unet2d"
NETWORK = {"filters": 2, "depth": 1}


def small_card(folder: Path) -> None:
    card = json.loads((WEIGHTS_FOLDER / f"{NAME}.json").read_text())
    card["network"] = NETWORK
    (folder / f"{NAME}.json").write_text(json.dumps(card))


def test_every_file_of_measures_is_found_by_its_name() -> None:
    assert {"segment_unet2d", "classify_efficientnetb0"} <= set(measured_names())
    for name in measured_names():
        assert callable(measures_of(name).measure)


def test_a_model_without_measures_is_refused() -> None:
    with pytest.raises(UnknownModel, match="segment_unet2d"):
        measures_of("nothing")


@pytest.mark.parametrize("kind", ["npz", "weights.h5"])
def test_other_weights_are_taken_with_the_card_beside_them(kind: str, tmp_path: Path) -> None:
    small_card(tmp_path)
    network = segment_unet2d.build((None, None, 3), **NETWORK)
    path = tmp_path / f"best.{kind}"
    if kind == "npz":
        write_weights(network, path)
    else:
        network.save_weights(path)

    model = load_subject(NAME, path)

    for ours, theirs in zip(model.network.get_weights(), network.get_weights(), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-6)
    assert model.card.weights_sha256 != read_card(NAME).weights_sha256


def test_without_weights_it_is_the_shipped_model() -> None:
    assert load_subject(NAME).card == read_card(NAME)
