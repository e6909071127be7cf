"""Why a model cannot answer. All permanent: trying again changes nothing."""


class ModelError(Exception):
    """Base of all errors of this package."""


class WeightsMissing(ModelError):
    """The weights file of a model is not there."""


class WeightsChanged(ModelError):
    """The weights file is not the one its card describes."""


class UnknownModel(ModelError):
    """No model has this name."""


class MalformedCard(ModelError):
    """A model's card is not as cards are."""


class UnsuitableCase(ModelError):
    """The case lacks what the model needs; the message says what."""
