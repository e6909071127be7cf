"""A job's files -> case -> findings -> results on disk. No database, no network."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from db.records import Job, Result
from dicom_io.equipment import Equipment
from dicom_io.findings import Findings
from dicom_io.read import CaseInput, read_case
from dicom_io.results import EncodedResult, encode
from inference.model import Model
from node.errors import Interrupted, StorageUnavailable
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
class Analysis:
    """What became of a job: what the model says, its results on disk, and what a reader should know of the input."""

    findings: Findings
    results: tuple[Result, ...]
    notes: tuple[str, ...]


def analyse(job: Job, files: Mapping[str, Sequence[Path]], model: Model, desk: Desk, steps: Steps) -> Analysis:
    """Run one model on one job, and keep what it found as DICOM objects.

    A second run writes the same bytes to the same files: the time in the results is the job's, not now.

    Parameters
    ----------
    files
        The files of each series of the job, by Series Instance UID.

    Raises
    ------
    dicom_io.errors.DicomError, inference.errors.ModelError
        When the files, the model or the result stand in the way: trying again changes nothing.
    node.errors.Transient
        When storage does, or the process was told to stop.
    """
    with steps.step("read"), _within_reach():
        optional = {sequence for one in model.card.inputs if one.optional for sequence in one.any_of}
        inputs = [
            CaseInput(one.sequence, tuple(files[one.series_instance_uid]), one.part, one.sequence in optional)
            for one in job.inputs
        ]
        case = read_case(job.study_instance_uid, inputs, other_frame=desk.other_frame)
    with steps.step("model"):
        findings = model.predict(case)
    with steps.step("encode"), _within_reach():
        encoded = encode(case, findings, desk.equipment, job.enqueued_at)
    with steps.step("keep"):
        results = tuple(_keep(result, desk.storage) for result in encoded)
    return Analysis(findings, results, (*job.notes, *case.notes))


@contextmanager
def _within_reach() -> Iterator[None]:
    """Wait for files that cannot be read: they were acknowledged, so they belong there."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"cannot read the files: {error.strerror}") from error


def _keep(encoded: EncodedResult, storage: Storage) -> Result:
    kept = storage.keep(encoded.data, Area.RESULTS, encoded.series_instance_uid)
    return Result(
        sop_instance_uid=encoded.sop_instance_uid,
        sop_class_uid=encoded.sop_class_uid,
        kind=encoded.kind,
        path=kept.path,
    )
