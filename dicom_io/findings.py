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
class Attention:
    """Where in the source series the evidence for one label lies, as an explanation shows it; no segmentation.

    Attributes
    ----------
    array
        float32 (slices, rows, columns) on the grid of the source series, 0 (no evidence) to 1 (the most); 0 on slices
        that were not explained. Read-only.
    label
        Which score it explains.
    method
        How it was made, as a reader is told: "occlusion", "LIME superpixels".
    """

    array: NDArray[np.float32]
    label: str
    method: str
    series_instance_uid: str

    def __post_init__(self) -> None:
        """Make the map read-only."""
        self.array.setflags(write=False)


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
    notes
        What a reader must know of how the model came to it, or how far to trust it, in sentences.
    attention
        Where the evidence lies, for models that explain themselves.
    """

    algorithm: Algorithm
    task: str
    series_instance_uid: str
    present: bool | None
    scores: tuple[Score, ...]
    mask: Mask | None
    summary: str
    notes: tuple[str, ...] = ()
    attention: Attention | None = None
