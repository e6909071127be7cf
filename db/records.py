"""Rows as the rest of the node sees them: frozen, plain strings, paths and times."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class SeriesState(StrEnum):
    """Where a series stands."""

    RECEIVING = "receiving"
    WAITING = "waiting"
    """Complete; a model that wants it waits for another series of its study."""
    ENQUEUED = "enqueued"
    REFUSED = "refused"


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    HELD = "held"
    """A person keeps it from being claimed."""
    DONE = "done"
    FAILED = "failed"
    """Given up, with the reason: the dead letters, from which a person may requeue it."""
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    """Further instances came, and a job of a later generation takes its place: its results may not leave."""

    @property
    def closed(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self not in (JobState.WAITING, JobState.RUNNING, JobState.HELD)


class Action(StrEnum):
    """What a person does to a job."""

    HOLD = "hold"
    RELEASE = "release"
    CANCEL = "cancel"
    REQUEUE = "requeue"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedInstance:
    """One instance as it came over the wire: Part 10, data set as sent, ``size`` bytes at ``offset`` of ``path``."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    modality: str
    series_description: str
    path: Path
    size: int
    sha256: str
    received_at: datetime
    offset: int = 0
    """0 where the file is the instance and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRecord:
    """A series as received so far."""

    series_instance_uid: str
    study_instance_uid: str
    calling_ae_title: str
    modality: str
    sop_class_uid: str
    series_description: str
    instances: int
    first_received_at: datetime
    last_received_at: datetime
    released_at: datetime | None
    """When the last association that sent to it was released; None while it is open."""
    generation: int
    """0 for the first completion, raised when instances arrive after it."""
    state: SeriesState
    reason: str
    candidates: str
    """What its headers offer to models, as the node has written it down; empty while it is receiving."""
    waiting_until: datetime | None
    """When a model that waits for another series decides without it; None where none waits."""


class JobInput(NamedTuple):
    """One volume that a model is given."""

    sequence: str
    """What it is given as: "flair", "t1", "t1c" or "t2"."""
    series_instance_uid: str
    part: str = ""
    """Which volume of the series; empty where the series is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What completion asks the queue for."""

    model: str
    study_instance_uid: str
    inputs: tuple[JobInput, ...]
    """In the order of the model's card: findings lie on the grid of the first."""
    generation: int
    """The sum over its series: it grows whenever one of them does."""
    calling_ae_title: str
    """Who sent the first input."""
    notes: tuple[str, ...] = ()
    """Why these series and not others, in sentences."""
    refusal: str = ""
    """Why it is not to be analysed but only reported as skipped; empty where it is to be analysed."""
    priority: int = 0
    """0 is routine; each step more lets it overtake what came up to an hour before it (`queue.STEP`)."""

    @property
    def series_instance_uids(self) -> tuple[str, ...]:
        """The series it is made of, each once."""
        return tuple(sorted({one.series_instance_uid for one in self.inputs}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A model's work on volumes of one study."""

    id: int
    model: str
    study_instance_uid: str
    inputs: tuple[JobInput, ...]
    series_instance_uids: tuple[str, ...]
    """The series of the inputs, each once, sorted."""
    generation: int
    calling_ae_title: str
    notes: tuple[str, ...]
    refusal: str
    """Why it is not analysed but only reported as skipped; empty where it is analysed."""
    failure: str
    """Why it is not analysed any more but only reported as failed; empty where that is not so, or not yet known."""
    state: JobState
    attempts: int
    reason: str
    enqueued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    report: str
    """JSON written by the worker when it is done: finding, scores and seconds per step; empty before."""
    priority: int = 0
    superseded_by: int | None = None
    """The job of a later generation that takes its place; it may still be running all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """What a person did to a job."""

    id: int
    job_id: int
    action: Action
    person: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A DICOM object made of findings, on disk."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    kind: str
    """What it is among the objects of an analysis: "SEG", "SR", "MEASUREMENTS", "KEY IMAGE" or "PDF"."""
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A result owed to a destination."""

    id: int
    job_id: int
    result: Result
    destination: str
    state: DeliveryState
    attempts: int
    not_before: datetime
    delivered_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far a segment of the spool has been indexed: what lies before ``indexed_to`` has its rows."""

    segment: str
    """Its name, which a segment that is used again does not keep."""
    indexed_to: int
    """Bytes from its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many rows there are; every state is named."""

    instances: int
    series: Mapping[SeriesState, int]
    jobs: Mapping[JobState, int]
    deliveries: Mapping[DeliveryState, int]
