"""Candidates as text: for the database, which keeps what a series offers without knowing DICOM, and for people."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dicom_io.candidate import Candidate

_DEFECTIVE = "defective"


def to_text(candidates: Sequence[Candidate], defective: Collection[Candidate] = ()) -> str:
    """Write candidates as JSON; in ASCII, because what a header says need not be text that a database takes.

    Parameters
    ----------
    defective
        Those among them that a model would have wanted, were they volumes.
    """
    return json.dumps([plain(one) | ({_DEFECTIVE: True} if one in defective else {}) for one in candidates])


def from_text(text: str) -> tuple[Candidate, ...]:
    """Read what ``to_text`` wrote; none from empty text."""
    return tuple(_candidate(fields) for fields in _listed(text))


def defective_in(text: str) -> tuple[Candidate, ...]:
    """Read which candidates ``to_text`` was told are defective."""
    return tuple(_candidate(fields) for fields in _listed(text) if _DEFECTIVE in fields)


def _listed(text: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(text) if text else []
    return listed


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
    own = {name: value for name, value in fields.items() if name != _DEFECTIVE}
    return Candidate(**own | lists | {"acquired_at": acquired_at and datetime.fromisoformat(acquired_at)})
