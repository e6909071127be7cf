"""What every model is to the rest of the node."""

from typing import Protocol

from dicom_io.case import Case
from dicom_io.findings import Findings
from inference.card import ModelCard


class Model(Protocol):
    """A loaded model: pure, same case in, same findings out."""

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        ...

    def predict(self, case: Case) -> Findings:
        """Analyse a case.

        Raises
        ------
        inference.errors.UnsuitableCase
            When the case lacks what the model needs.
        """
        ...
