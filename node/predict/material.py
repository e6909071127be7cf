"""What was given, as questions to models: which model is asked about what, and why another one is not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from db.records import JobInput
from dicom_io.candidate import Candidate
from dicom_io.case import Case
from dicom_io.volume import SEQUENCE_TITLES
from node.decision import Decision, Enqueue, Place, Plan, Refuse


class Kind(StrEnum):
    """What sort of input it is; the value is what users call it."""

    DICOM = "DICOM"
    NIFTI = "NIfTI"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One model that is to be asked about one subject.

    Attributes
    ----------
    subject
        A Study Instance UID, or the name of a file or folder.
    inputs
        What the model is given, in words, such as "FLAIR: series 3 FLAIR AX".
    notes
        Why it is given these and not others.
    at
        When the newest of the files was written: an analysis of the same files has the same time.
    read
        Reads the case. Raises `InputRefused` or `dicom_io.errors.DicomInputError` where that cannot be done.
    """

    subject: str
    model: str
    inputs: tuple[str, ...]
    notes: tuple[str, ...]
    at: datetime
    read: Callable[[], Case]


@dataclass(frozen=True, slots=True)
class Unasked:
    """A model that is not asked about a subject, and the reason."""

    subject: str
    model: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All that was given.

    Attributes
    ----------
    aside
        What of it is not used, and why, in sentences.
    """

    kind: Kind
    questions: tuple[Question, ...]
    unasked: tuple[Unasked, ...]
    aside: tuple[str, ...] = ()


Reader = Callable[[tuple[JobInput, ...], str], Case]
"""Inputs and the model they are for -> the case."""


def questions_of(subject: str, plan: Plan, at: Callable[[Decision], datetime], read: Reader) -> list[Question]:
    """Return a question for each model that a plan asks."""
    there = {Place.of(one): one for one in plan.candidates}
    return [
        Question(
            subject=subject,
            model=one.model,
            inputs=_named(one.inputs, there),
            notes=one.reasons,
            at=at(one),
            read=_bound(read, one),
        )
        for one in plan.decisions
        if isinstance(one, Enqueue)
    ]


def unasked_of(subject: str, plan: Plan) -> list[Unasked]:
    """Return why each other model is not asked."""
    return [Unasked(subject, one.model, one.reason) for one in plan.decisions if isinstance(one, Refuse)]


def _bound(read: Reader, decision: Enqueue) -> Callable[[], Case]:
    return lambda: read(decision.inputs, decision.model)


def _named(inputs: Sequence[JobInput], there: Mapping[Place, Candidate]) -> tuple[str, ...]:
    named = []
    for one in inputs:
        candidate = there[Place(one.series_instance_uid, one.part)]
        named.append(f"{SEQUENCE_TITLES.get(one.sequence, one.sequence)}: {candidate.name}")
    return tuple(named)
