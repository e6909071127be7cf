"""What a model says of a case (numpy only)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Algorithm:
    """Who says it: the model, its version and its exact weights."""

    name: str
    version: str
    weights_sha256: str

    @property
    def full_version(self) -> str:
        """Version and the first digits of the weights' checksum, as written into results."""
        return f"{self.version}+w{self.weights_sha256[:8]}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One structure of a mask; ``label`` names its codes in dicom_io/codes.py."""

    number: int
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Segments on the grid of exactly one source series.

    Attributes
    ----------
    array
        uint8 (slices, rows, columns): 0 is background, n is segment number n. Read-only.
    series_instance_uid
        The series whose volume has this grid.
    """

    array: NDArray[np.uint8]
    segments: tuple[Segment, ...]
    series_instance_uid: str

    def __post_init__(self) -> None:
        """Make the mask read-only."""
        self.array.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Score:
    """A model's score of one label, between 0 and 1."""

    label: str
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What one model says of one case.

    Attributes
    ----------
    present
        Whether the model found what it looks for; None where it cannot say.
    scores
        One score per label, in the model's order; they need not add up to one.
    summary
        One plain sentence for a reader.
    """

    algorithm: Algorithm
    task: str
    series_instance_uid: str
    present: bool | None
    scores: tuple[Score, ...]
    mask: Mask | None
    summary: str
