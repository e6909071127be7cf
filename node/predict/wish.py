"""What the user wants predicted, and how the settings say that results are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dicom_io.profile import Profile


@dataclass(frozen=True, slots=True)
class Manner:
    """How the settings say that results are written, cases are built and networks run."""

    profile: Profile
    other_frame: Literal["register", "refuse"]
    precision: Literal["auto", "float32"] = "auto"
    model_bytes: int = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for.

    Attributes
    ----------
    sequences
        ``--sequence``, as written.
    models
        Models to ask; none named means all.
    """

    path: Path
    sequences: Sequence[str]
    models: Sequence[str]
    out: Path
    as_json: bool

    def asked(self, there: Sequence[str]) -> tuple[str, ...]:
        """Return the models to ask, each once, where ``there`` are all that there are."""
        return tuple(dict.fromkeys(self.models or there))
