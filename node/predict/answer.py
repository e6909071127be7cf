"""What became of one question: findings, or the reason why there are none; and the same as JSON knows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dicom_io.findings import Findings
from dicom_io.measure import SegmentMeasures
from node.predict.material import Material, Question

DISCLAIMER = "Research use only, not a medical device."
SUCCESS, FAILURE, BAD_INPUT = 0, 1, 2
"""Exit statuses."""


class State(StrEnum):
    """Whether a model answered, could not be given what it needs, or failed."""

    ANALYSED = "analysed"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What became of one question.

    Attributes
    ----------
    reason
        Why there are no findings.
    notes
        What a reader must know: how the input was chosen and built, and what the model says of its answer.
    measures
        Numbers of every segment that has voxels.
    files
        Names of the files written, in the output folder.
    """

    question: Question
    state: State
    reason: str = ""
    findings: Findings | None = None
    notes: tuple[str, ...] = ()
    measures: tuple[SegmentMeasures, ...] = ()
    files: tuple[str, ...] = ()


def exit_status(answers: Sequence[Answer], lacking: Sequence[str]) -> int:
    """Return 1 where an analysis failed, 2 where one was refused or a model named by the user was not asked, else 0.

    Parameters
    ----------
    lacking
        Models that the user named and that were asked about nothing.
    """
    if any(answer.state is State.FAILED for answer in answers):
        return FAILURE
    return BAD_INPUT if lacking or any(answer.state is State.REFUSED for answer in answers) else SUCCESS


def plain(path: str, material: Material, answers: Sequence[Answer], status: int) -> dict[str, Any]:
    """Return everything that was answered, as JSON knows it; docs/predict.md says what is what."""
    return {
        "disclaimer": DISCLAIMER,
        "path": path,
        "kind": material.kind.value,
        "exit_status": status,
        "analyses": [_plain_answer(answer) for answer in answers],
        "not_asked": [{"subject": u.subject, "model": u.model, "reason": u.reason} for u in material.unasked],
        "not_used": list(material.aside),
    }


def plain_refusal(path: str, reason: str) -> dict[str, Any]:
    """Return the reason why nothing was asked, as JSON knows it."""
    return {"disclaimer": DISCLAIMER, "path": path, "exit_status": BAD_INPUT, "reason": reason}


def _plain_answer(answer: Answer) -> dict[str, Any]:
    question = answer.question
    told: dict[str, Any] = {
        "subject": question.subject,
        "model": question.model,
        "state": answer.state.value,
        "inputs": list(question.inputs),
        "notes": list(answer.notes),
    }
    if answer.findings is None:
        return told | {"reason": answer.reason}
    findings = answer.findings
    attention = findings.attention
    return told | {
        "algorithm": f"{findings.algorithm.name} {findings.algorithm.full_version}",
        "task": findings.task,
        "summary": findings.summary,
        "present": findings.present,
        "scores": {score.label: round(score.value, 4) for score in findings.scores},
        "segments": [
            {
                "label": one.label,
                "volume_cm3": round(one.volume_cm3, 3),
                "centre_lps_mm": [round(mm, 1) for mm in one.centre],
                "slices": one.slices,
                "long_axis_mm": round(one.diameters.long_mm, 1),
                "short_axis_mm": round(one.diameters.short_mm, 1),
            }
            for one in answer.measures
        ],
        "attention": {"label": attention.label, "method": attention.method} if attention else None,
        "files": list(answer.files),
    }
