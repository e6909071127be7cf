import hashlib
import json
from pathlib import Path

import pytest

from inference.card import WEIGHTS_FOLDER, Input, model_names, read_card
from inference.errors import MalformedCard, UnknownModel
from inference.registry import CLASSES


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_shipped_model_has_a_card_whose_weights_are_there_and_unchanged(name: str) -> None:
    card = read_card(name)

    assert hashlib.sha256(card.weights_path.read_bytes()).hexdigest() == card.weights_sha256
    assert card.inputs
    assert card.labels


@pytest.mark.parametrize("name", sorted(CLASSES))
@pytest.mark.parametrize("field", ["data", "licence", "split", "seed", "command", "limits", "figures"])
def test_every_card_states_where_its_weights_come_from(name: str, field: str) -> None:
    provenance = read_card(name).provenance

    assert provenance[field]
    assert provenance["intended_use"] == "Research use only, not a medical device."


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownModel, match="segment_unet2d"):
        read_card("segment_unet9d")


def test_all_shipped_models_are_listed() -> None:
    assert set(model_names()) == set(CLASSES)


def write_card(folder: Path, inputs: object) -> None:
    card = json.loads((WEIGHTS_FOLDER / "segment_unet2d.json").read_text()) | {"inputs": inputs}
    (folder / "m.json").write_text(json.dumps(card))


def test_inputs_are_read_in_their_order(tmp_path: Path) -> None:
    write_card(tmp_path, [{"any_of": ["flair"]}, {"any_of": ["t1c", "t1"], "optional": True}])

    assert read_card("m", tmp_path).inputs == (Input(("flair",)), Input(("t1c", "t1"), optional=True))


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (None, "inputs must be a list of at least one input, not None"),
        ([], "inputs must be a list of at least one input"),
        ("flair", "inputs must be a list"),
        (["flair"], "an input must be .* not 'flair'"),
        ([{"any_of": []}], "an input must be"),
        ([{"any_of": "flair"}], "an input must be"),
        ([{"any_of": ["flair", 1]}], "an input must be"),
        ([{"any_of": ["flair"], "optional": "no"}], "an input must be"),
        ([{"any_of": ["flair"], "needed": True}], "an input must be"),
        ([{"any_of": ["flair"], "optional": True}], "the first input, flair, must not be optional"),
        ([{"any_of": ["t1"]}, {"any_of": ["t2", "t1"]}], "t1 in two places of inputs"),
    ],
)
def test_malformed_inputs_are_refused_with_the_card_and_the_reason(inputs: object, reason: str, tmp_path: Path) -> None:
    write_card(tmp_path, inputs)

    with pytest.raises(MalformedCard, match=f"^m.json: {reason}"):
        read_card("m", tmp_path)
