"""Candidates as text: for the database, which keeps what a series offers without knowing DICOM, and for people."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dicom_io.candidate import Candidate


def to_text(candidates: Sequence[Candidate]) -> str:
    """Write candidates as JSON; in ASCII, because what a header says need not be text that a database takes."""
    return json.dumps([plain(candidate) for candidate in candidates])


def from_text(text: str) -> tuple[Candidate, ...]:
    """Read what ``to_text`` wrote; none from empty text."""
    return tuple(_candidate(fields) for fields in json.loads(text)) if text else ()


def plain(candidate: Candidate) -> dict[str, object]:
    """Return the fields as JSON knows them."""
    acquired_at = candidate.acquired_at
    return asdict(candidate) | {"acquired_at": acquired_at and acquired_at.isoformat()}


def recognition(candidate: Candidate) -> str:
    """Write which sequence it is and how sure that is, such as "flair 0.95"."""
    return f"{candidate.sequence} {candidate.confidence:.2f}"


def geometry(candidate: Candidate) -> str:
    """Write plane, matrix and spacing, such as "axial 24 x 288 x 288, 6 x 0.799 x 0.799 mm"; empty where it is none."""
    if not all(candidate.shape):
        return ""
    shape, spacing = " x ".join(map(str, candidate.shape)), " x ".join(f"{mm:.3g}" for mm in candidate.spacing)
    return f"{candidate.plane} {shape}, {spacing} mm"


def _candidate(fields: dict[str, Any]) -> Candidate:
    acquired_at = fields["acquired_at"]
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Candidate(**fields | lists | {"acquired_at": acquired_at and datetime.fromisoformat(acquired_at)})
