"""What a worker says of a job it has done; kept with the job as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from dicom_io.findings import Findings


@dataclass(frozen=True, slots=True)
class JobReport:
    """The finding in words and numbers, how long each step took, and what a reader should know of the input."""

    algorithm: str
    task: str
    summary: str
    present: bool | None
    scores: Mapping[str, float]
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, findings: Findings, seconds: Mapping[str, float], notes: Sequence[str] = ()) -> Self:
        """Write down findings, the seconds of each step and what was said of the case."""
        return cls(
            algorithm=f"{findings.algorithm.name} {findings.algorithm.full_version}",
            task=findings.task,
            summary=findings.summary,
            present=findings.present,
            scores={score.label: round(score.value, 4) for score in findings.scores},
            seconds=dict(seconds),
            notes=tuple(notes),
        )

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote."""
        fields = json.loads(text)
        return cls(**fields | {"notes": tuple(fields["notes"])})
