"""A model's name -> the model, ready to predict: the only door into ``inference.models``."""

import os
from importlib import import_module

from inference.card import read_card
from inference.errors import UnknownModel
from inference.model import Model

CLASSES = {
    "segment_unet2d": "SegmentUnet2d",
    "classify_efficientnetb0": "ClassifyEfficientNetB0",
    "detect_cnn2d": "DetectCnn2d",
}


def load(name: str) -> Model:
    """Build a model and read its weights. The first call loads TensorFlow.

    Raises
    ------
    inference.errors.ModelError
        When the name is unknown, or its weights are missing or changed.
    """
    card = read_card(name)
    if name not in CLASSES:
        raise UnknownModel(f"the card {name!r} has no model file")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its start-up notes are no log lines of ours
    import_module("inference.device").prepare_device()
    module = import_module(f"inference.models.{name}")
    model: Model = getattr(module, CLASSES[name])(card)
    return model
