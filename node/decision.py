"""What a model needs, what was decided for it, and where that leaves each series of its study (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, Self

from db.records import JobInput, SeriesState
from dicom_io.candidate import Candidate
from dicom_io.volume import SEQUENCE_TITLES


class Wanted(Protocol):
    """One input of a model: any one of some sequences, the preferred one first (`inference.card.Input`)."""

    @property
    def any_of(self) -> tuple[str, ...]:
        """The sequences."""
        ...

    @property
    def optional(self) -> bool:
        """Whether the model can do without."""
        ...


@dataclass(frozen=True, slots=True)
class Need:
    """A model that is switched on, and its inputs.

    Findings lie on the grid of the first; no sequence is in two inputs.
    """

    model: str
    inputs: tuple[Wanted, ...]

    @property
    def sequences(self) -> frozenset[str]:
        """Every sequence it can use."""
        return frozenset(sequence for wanted in self.inputs for sequence in wanted.any_of)

    @property
    def in_words(self) -> str:
        """What it wants, such as "flair, t1c or t1, t2 (optional)"."""
        return ", ".join(" or ".join(w.any_of) + (" (optional)" if w.optional else "") for w in self.inputs)


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is for a study, and how long its models wait for what has not come.

    Attributes
    ----------
    last_received_at
        When the last instance of the study came.
    needed, optional
        How long after it a model waits for what it cannot do without, and for what it can.
    """

    now: datetime
    last_received_at: datetime
    needed: timedelta
    optional: timedelta

    def until(self, wait: timedelta) -> datetime:
        """Return when a wait is over, in the time zone of ``now``."""
        return (self.last_received_at + wait).astimezone(self.now.tzinfo)


class Place(NamedTuple):
    """Where a volume is found."""

    series_instance_uid: str
    part: str

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        """Say where a candidate is found."""
        return cls(candidate.series_instance_uid, candidate.part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of one model.

    Attributes
    ----------
    inputs
        What there is for it, in the order of its inputs.
    left_out
        Why it is not given each of the other volumes.
    """

    model: str
    inputs: tuple[JobInput, ...] = ()
    left_out: Mapping[Place, str] = field(default_factory=dict)

    def uses(self, series_instance_uid: str) -> bool:
        """Whether a volume of the series is among the inputs."""
        return any(one.series_instance_uid == series_instance_uid for one in self.inputs)

    def takes(self, candidate: Candidate) -> bool:
        """Whether this volume is among the inputs."""
        return Place.of(candidate) in [(one.series_instance_uid, one.part) for one in self.inputs]

    def about(self, candidate: Candidate) -> str:
        """Say why the model is not asked about a volume, or not yet."""
        return f"{self.model}: {self.left_out.get(Place.of(candidate), '')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueue(Decision):
    """It is asked about its inputs; ``reasons`` say why these."""

    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Decision):
    """It waits for what is missing."""

    missing: tuple[str, ...]
    until: datetime

    @property
    def what_for(self) -> str:
        """What it waits for and how long, such as "T2 until 12:30 UTC"."""
        return f"{' and '.join(self.missing)} until {in_words(self.until)}"

    @property
    def sentence(self) -> str:
        """What an operator reads."""
        return f"{self.model} waits for {self.what_for}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Decision):
    """It is not asked.

    Attributes
    ----------
    reported
        What of the study it would have been asked about, where a report is to say that it was not: some of what it
        needs is missing or is no volume. Empty where it wanted nothing of the study.
    """

    reason: str
    reported: tuple[JobInput, ...] = ()

    def about(self, candidate: Candidate) -> str:
        """Say why the model is not asked about a volume."""
        left_out = self.left_out.get(Place.of(candidate))
        return f"{self.model}: {left_out}" if left_out else f"{self.model} {self.reason}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a complete series stands; ``until`` is when a model that waits decides."""

    state: SeriesState
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The candidates of a study, T1 before and after the agent told apart, and what becomes of each model."""

    candidates: tuple[Candidate, ...]
    needs: tuple[Need, ...]
    decisions: tuple[Decision, ...]

    def standing(self, series_instance_uid: str) -> Standing:
        """Say where a complete series stands: waiting if any model waits with it, else enqueued if any uses it."""
        using = [decision for decision in self.decisions if decision.uses(series_instance_uid)]
        waits = [decision for decision in using if isinstance(decision, Wait)]
        if waits:
            reason = "; ".join(wait.sentence for wait in waits)
            return Standing(SeriesState.WAITING, reason, min(wait.until for wait in waits))
        if any(isinstance(decision, Enqueue) for decision in using):
            return Standing(SeriesState.ENQUEUED)
        return Standing(SeriesState.REFUSED, self._why_refused(series_instance_uid))

    def users(self, candidate: Candidate) -> tuple[str, ...]:
        """Name the models that are asked about a volume."""
        enqueued = [decision for decision in self.decisions if isinstance(decision, Enqueue)]
        return tuple(decision.model for decision in enqueued if decision.takes(candidate))

    def why_not(self, candidate: Candidate) -> str:
        """Say why no model is asked about a volume."""
        if not candidate.eligible:
            return candidate.reason
        if not self.needs:
            return "no model is switched on"
        decisions = zip(self.needs, self.decisions, strict=True)
        fitting = [decision for need, decision in decisions if candidate.sequence in need.sequences]
        if not fitting:
            wants = "; ".join(f"{need.model} wants {need.in_words}" for need in self.needs)
            return f"the sequence is {candidate.sequence}; {wants}"
        return "; ".join(decision.about(candidate) for decision in fitting)

    def _why_refused(self, series_instance_uid: str) -> str:
        mine = [one for one in self.candidates if one.series_instance_uid == series_instance_uid]
        told = [one for one in mine if one.eligible] or mine
        reasons = [f"{one.part}: " * bool(one.part and len(mine) > 1) + self.why_not(one) for one in told]
        return "; ".join(dict.fromkeys(reasons)) or "there is no volume in it"


def in_words(time: datetime) -> str:
    """Write a time of day, with seconds only where it has any, such as "12:30 UTC"."""
    return f"{time:%H:%M:%S}".removesuffix(":00") + f" {time:%Z}"


def name_of(sequence: str) -> str:
    """Write a sequence as radiologists do."""
    return SEQUENCE_TITLES.get(sequence, sequence)
