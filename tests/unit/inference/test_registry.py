import subprocess
import sys

import pytest

from inference import registry
from inference.card import model_names
from inference.errors import UnknownModel


def test_every_card_has_its_model_file() -> None:
    assert set(registry.CLASSES) == set(model_names())


def test_a_loaded_model_carries_its_card() -> None:
    assert registry.load("segment_unet2d").card.name == "segment_unet2d"


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UnknownModel, match="segment_unet9d"):
        registry.load("segment_unet9d")


def test_looking_through_the_door_does_not_load_tensorflow() -> None:
    code = "import sys, inference.registry; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
