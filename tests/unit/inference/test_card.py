import hashlib

import pytest

from inference.card import model_names, read_card
from inference.errors import UnknownModel


@pytest.mark.parametrize("name", ["segment_unet2d", "classify_efficientnetb0"])
def test_every_shipped_model_has_a_card_whose_weights_are_there_and_unchanged(name: str) -> None:
    card = read_card(name)

    assert hashlib.sha256(card.weights_path.read_bytes()).hexdigest() == card.weights_sha256
    assert card.sequences
    assert card.labels


@pytest.mark.parametrize("name", ["segment_unet2d", "classify_efficientnetb0"])
@pytest.mark.parametrize("field", ["data", "licence", "split", "seed", "command", "limits", "figures"])
def test_every_card_states_where_its_weights_come_from(name: str, field: str) -> None:
    provenance = read_card(name).provenance

    assert provenance[field]
    assert provenance["intended_use"] == "Research use only, not a medical device."


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownModel, match="segment_unet2d"):
        read_card("segment_unet9d")


def test_all_shipped_models_are_listed() -> None:
    assert model_names() == ("classify_efficientnetb0", "segment_unet2d")
