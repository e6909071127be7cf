"""A model's name -> the model, ready to predict: the only door into ``inference.models``."""

import os
from collections.abc import Callable
from functools import partial
from importlib import import_module

from dicom_io.case import Case
from dicom_io.findings import Findings
from inference.card import read_card
from inference.errors import UnknownModel
from inference.model import Model

CLASSES = {
    "segment_unet2d": "SegmentUnet2d",
    "classify_efficientnetb0": "ClassifyEfficientNetB0",
    "detect_cnn2d": "DetectCnn2d",
    "grade_cnn3d": "GradeCnn3d",
    "subtype_resnet50": "SubtypeResnet50",
}
OUTLINED_BY = {"grade_cnn3d": "segment_unet2d", "subtype_resnet50": "segment_unet2d"}
"""The models that must be told where the tumour is -> the model that tells them."""


def load(name: str, other: Callable[[str], Model] | None = None, precision: str = "auto") -> Model:
    """Build a model and read its weights. The first call loads TensorFlow.

    Parameters
    ----------
    other
        Where a model that this one asks is from, at each case; None: it is loaded for this one alone.
    precision
        "auto", or "float32" also where the processor calculates in bfloat16.

    Raises
    ------
    inference.errors.ModelError
        When the name is unknown, or its weights are missing or changed.
    """
    card = read_card(name)
    if name not in CLASSES:
        raise UnknownModel(f"the card {name!r} has no model file")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its start-up notes are no log lines of ours
    device, module = import_module("inference.device"), import_module(f"inference.models.{name}")
    device.prepare_device()
    asked = {"segmentation": _predicts(OUTLINED_BY[name], other, precision)} if name in OUTLINED_BY else {}
    policy = partial(device.find_policy, precision=precision)
    model: Model = getattr(module, CLASSES[name])(card, policy=policy, **asked)
    return model


def _predicts(name: str, other: Callable[[str], Model] | None, precision: str) -> Callable[[Case], Findings]:
    """Return a model's ``predict``, of the model that ``other`` gives at the time of asking."""
    return (lambda case: other(name).predict(case)) if other else load(name, precision=precision).predict
