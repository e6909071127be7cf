"""A job's files -> case -> findings -> results on disk, or the report that it failed. No database, no network."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from db.records import Job, JobInput, Result
from dicom_io.equipment import Equipment
from dicom_io.errors import ResultMismatch
from dicom_io.findings import Algorithm, Findings
from dicom_io.read import CaseInput, read_case
from dicom_io.results import EncodedResult, Failure, Predecessor, encode, encode_failure
from dicom_io.stretch import InstanceFile
from inference.model import Model
from node.decision import Wanted
from node.errors import Interrupted, StorageUnavailable
from node.routing import Route
from node.storage import Area, Storage


@dataclass(slots=True)
class Steps:
    """Measures the steps of one job, and begins no other one after the process was told to stop.

    Attributes
    ----------
    seconds
        How long each step took, in order.
    """

    stopped: Callable[[], bool]
    clock: Callable[[], float] = time.perf_counter
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step.

        Raises
        ------
        Interrupted
            Instead of beginning it, when the process was told to stop.
        """
        if self.stopped():
            raise Interrupted(f"told to stop before: {name}")
        begun = self.clock()
        yield
        self.seconds[name] = round(self.clock() - begun, 3)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where results are kept, who signs them, and what becomes of a case whose series share no coordinates."""

    storage: Storage
    equipment: Equipment
    other_frame: Literal["register", "refuse"] = "register"


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A job with all that it needs.

    Attributes
    ----------
    files
        The files of each series of the job, by Series Instance UID.
    routes
        Where its results go, and how they are wanted there.
    replaced
        The reports of an earlier analysis that this one replaces.
    """

    job: Job
    files: Mapping[str, Sequence[InstanceFile]]
    routes: tuple[Route, ...]
    replaced: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """Results on disk, and the destinations they are for."""

    results: tuple[Result, ...]
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What became of a job: what the model says, its results on disk, and what a reader should know of the input."""

    findings: Findings
    made: tuple[Made, ...]
    notes: tuple[str, ...]


def analyse(order: Order, model: Model, desk: Desk, steps: Steps) -> Analysis:
    """Run one model on one job, and keep what it found as DICOM objects.

    A second run writes the same bytes to the same files: the time in the results is the job's, not now.

    Raises
    ------
    dicom_io.errors.DicomError, inference.errors.ModelError
        When the files, the model or the result stand in the way: trying again changes nothing.
    node.errors.Transient
        When storage does, or the process was told to stop.
    """
    job = order.job
    with steps.step("read"), _within_reach():
        inputs = case_inputs(job.inputs, order.files, model.card.inputs)
        case = read_case(job.study_instance_uid, inputs, other_frame=desk.other_frame)
    with steps.step("model"):
        findings = model.predict(case)
    with steps.step("encode"), _within_reach():
        replaced = [_predecessor(job, result) for result in order.replaced]
        encoded = {
            route: encode(case, findings, desk.equipment, job.enqueued_at, route.profile, replaced)
            for route in order.routes
        }
    with steps.step("keep"):
        made = _keep_all(encoded, desk.storage)
    return Analysis(findings, made, (*job.notes, *case.notes, *findings.notes))


def case_inputs(
    chosen: Sequence[JobInput], files: Mapping[str, Sequence[InstanceFile]], needed: Sequence[Wanted]
) -> list[CaseInput]:
    """Return the series chosen for a model with their files; what the model does without is optional."""
    optional = {sequence for one in needed if one.optional for sequence in one.any_of}
    return [
        CaseInput(one.sequence, tuple(files[one.series_instance_uid]), one.part, one.sequence in optional)
        for one in chosen
    ]


def report_failure(order: Order, failure: Failure, algorithm: Algorithm, desk: Desk) -> tuple[Made, ...]:
    """Keep a report, for each route, that says why a job has no findings; none where no file of it can be read.

    Raises
    ------
    dicom_io.errors.DicomError
        When the report cannot be made.
    node.errors.Transient
        When storage stands in the way.
    """
    job = order.job
    # The reference first: the report belongs to what the findings would have been about.
    series = dict.fromkeys(one.series_instance_uid for one in job.inputs)
    paths = [path for uid in series for path in order.files[uid]]
    with _within_reach():
        encoded = {
            route: encode_failure(paths, failure, algorithm, desk.equipment, job.enqueued_at, route.profile)
            for route in order.routes
        }
    return _keep_all(encoded, desk.storage)


@contextmanager
def _within_reach() -> Iterator[None]:
    """Wait for files that cannot be read: they were acknowledged, so they belong there."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"cannot read the files: {error.strerror}") from error


def _predecessor(job: Job, result: Result) -> Predecessor:
    return Predecessor(
        study_instance_uid=job.study_instance_uid,
        series_instance_uid=result.series_instance_uid,
        sop_class_uid=result.sop_class_uid,
        sop_instance_uid=result.sop_instance_uid,
    )


def _keep_all(encoded: Mapping[Route, Sequence[EncodedResult]], storage: Storage) -> tuple[Made, ...]:
    """Keep results; what two routes have in common is one file."""
    known: dict[str, EncodedResult] = {}
    for result in (result for results in encoded.values() for result in results):
        same = known.setdefault(result.sop_instance_uid, result)
        if same.data != result.data:
            raise ResultMismatch(f"two {result.kind} of different content have the UID {result.sop_instance_uid}")
    kept = {uid: _keep(result, storage) for uid, result in known.items()}
    return tuple(
        Made(tuple(kept[result.sop_instance_uid] for result in results), route.destinations)
        for route, results in encoded.items()
    )


def _keep(encoded: EncodedResult, storage: Storage) -> Result:
    kept = storage.keep(encoded.data, Area.RESULTS, encoded.series_instance_uid)
    return Result(
        sop_instance_uid=encoded.sop_instance_uid,
        sop_class_uid=encoded.sop_class_uid,
        series_instance_uid=encoded.series_instance_uid,
        kind=encoded.kind,
        path=kept.path,
    )
