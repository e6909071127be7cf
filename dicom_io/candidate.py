"""What a series offers to models, as its headers tell: a candidate per volume in it, or the reason why it has none."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One volume that a series holds, before any pixel is decoded; plain values, so that it can be kept as JSON.

    Attributes
    ----------
    part
        Which volume of the series, such as "echo 2 (TE 90 ms)"; empty where the series is one volume.
    sequence
        "flair", "t1", "t1c", "t2" or "other".
    confidence
        How sure the recognition is, 0 to 1.
    rules
        The rules that decided, in the order they were asked, in words.
    timing
        How it was acquired, in words: the same for a series repeated after the contrast agent.
    agent
        What the headers say of a contrast agent: its name, or another attribute that only an injection explains;
        empty where nothing does.
    plane
        "axial", "sagittal", "coronal" or "oblique".
    shape
        (slices, rows, columns); (0, 0, 0) where it is not a volume.
    spacing
        In mm along (slice, row, column).
    acquired_at
        When its lowest slice was acquired, without time zone; None where nothing says.
    reason
        Why it is not eligible for any model; empty where it is a volume.
    """

    series_instance_uid: str
    part: str = ""
    series_number: str = ""
    series_description: str = ""
    sequence: str = "other"
    confidence: float = 0.0
    rules: tuple[str, ...] = ()
    timing: str = ""
    agent: str = ""
    plane: str = ""
    shape: tuple[int, int, int] = (0, 0, 0)
    spacing: tuple[float, float, float] = (0.0, 0.0, 0.0)
    frame_of_reference_uid: str = ""
    acquired_at: datetime | None = None
    reason: str = ""

    @property
    def eligible(self) -> bool:
        """Whether it can be given to models."""
        return not self.reason

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        known = (f"series {self.series_number}" if self.series_number else "", self.series_description, self.part)
        return " ".join(filter(None, known)) or f"series {self.series_instance_uid}"
