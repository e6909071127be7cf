"""What a worker says of a job it has done; kept with the job as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from dicom_io.findings import Findings


@dataclass(frozen=True, slots=True)
class JobReport:
    """The finding in words and numbers, and how long each step took."""

    algorithm: str
    task: str
    summary: str
    present: bool | None
    scores: Mapping[str, float]
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, findings: Findings, seconds: Mapping[str, float]) -> Self:
        """Write down findings and the seconds of each step."""
        return cls(
            algorithm=f"{findings.algorithm.name} {findings.algorithm.full_version}",
            task=findings.task,
            summary=findings.summary,
            present=findings.present,
            scores={score.label: round(score.value, 4) for score in findings.scores},
            seconds=dict(seconds),
        )

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(**json.loads(text))
