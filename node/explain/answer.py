"""Why each series of a received study was or was not analysed by each model (pure)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from db.records import Delivery, DeliveryState, Job, JobState, SeriesRecord, SeriesState
from dicom_io.candidate import Candidate
from node.decision import Decision, Plan, Refuse, Wait
from node.plan import is_made_of
from node.report import JobReport


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one volume with one model.

    Attributes
    ----------
    status
        One or two words for machines: "analysed", "analysing", "queued", "held", "cancelled", "superseded", "failed",
        "skipped", "waiting", "due", "lacking", "not chosen" or "not eligible".
    sentence
        The same for people, with what is behind it.
    deliveries
        The results of a job and where they went.
    """

    model: str
    status: str
    sentence: str
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeAnswers:
    """One volume of a series, or what of it is none, and what became of it with each model."""

    candidate: Candidate
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class SeriesAnswers:
    """One series; ``receiving`` is empty when it is complete."""

    record: SeriesRecord
    receiving: str
    volumes: tuple[VolumeAnswers, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """What is known of a study, read at one moment."""

    series: tuple[SeriesRecord, ...]
    jobs: tuple[Job, ...]
    deliveries: tuple[Delivery, ...]


def explain(study: Study, planned: Plan, quiet_seconds: float, now: datetime) -> tuple[SeriesAnswers, ...]:
    """Answer for every series, in the order in which they came.

    Parameters
    ----------
    planned
        The plan of the same study.
    now
        The time; times are written in its zone.
    """
    return tuple(_series(record, study, planned, quiet_seconds, now) for record in study.series)


def _series(record: SeriesRecord, study: Study, planned: Plan, quiet_seconds: float, now: datetime) -> SeriesAnswers:
    receiving = ""
    if record.state is SeriesState.RECEIVING:
        last = _when(record.last_received_at, now)
        receiving = (
            f"receiving: {record.instances} instances so far, the last at {last}; "
            f"complete after {quiet_seconds:g} s of quiet"
        )
    mine = [one for one in planned.candidates if one.series_instance_uid == record.series_instance_uid]
    volumes = (VolumeAnswers(one, tuple(_answers(one, record, study, planned, now))) for one in mine)
    return SeriesAnswers(record, receiving, tuple(volumes))


def _answers(
    candidate: Candidate, record: SeriesRecord, study: Study, planned: Plan, now: datetime
) -> Iterator[Answer]:
    """Yield what each model has done with a volume, or why it has done nothing."""
    place = (candidate.series_instance_uid, candidate.part)
    decisions = {decision.model: decision for decision in planned.decisions}
    done = [job for job in study.jobs if place in [(one.series_instance_uid, one.part) for one in job.inputs]]
    for model in dict.fromkeys([*decisions, *(job.model for job in done)]):
        # What is no volume was given to nobody; that it was missed may have been reported.
        jobs = [job for job in done if job.model == model and (candidate.eligible or job.refusal)]
        for job in jobs:
            yield _of_job(job, record, study.deliveries, now)
        decision = decisions.get(model)
        if decision and (not jobs or (isinstance(decision, Wait) and decision.takes(candidate))):
            yield _of_decision(decision, candidate, planned)


def _of_decision(decision: Decision, candidate: Candidate, planned: Plan) -> Answer:
    model = decision.model
    if not candidate.eligible:
        return Answer(model, "not eligible", f"not eligible: {candidate.reason}")
    if not decision.takes(candidate):
        wanted = any(candidate.sequence in need.sequences for need in planned.needs if need.model == model)
        status = "not chosen" if wanted else "not eligible"
        return Answer(model, status, f"{status}: {decision.about(candidate).removeprefix(f'{model}: ')}")
    if isinstance(decision, Wait):
        return Answer(model, "waiting", f"still waiting for {decision.what_for}")
    if isinstance(decision, Refuse):
        return Answer(model, "lacking", f"not analysed: {decision.reason}")
    return Answer(model, "due", "fits, but has no job yet: the node is not running, or the model was switched on later")


def _of_job(job: Job, record: SeriesRecord, deliveries: Sequence[Delivery], now: datetime) -> Answer:
    mine = tuple(delivery for delivery in deliveries if delivery.job_id == job.id)
    older = "" if is_made_of(job, record) else ", before the last instances came"
    status, told = _told(job, older, now)
    if job.state is JobState.DONE:
        went = [*_delivered(mine, now)] or ["no destination: the results stay here"]
        told = "; ".join([f"{told}: {JobReport.from_json(job.report).summary}", *went])
    elif job.state is JobState.FAILED:
        went = [*_delivered(mine, now)] or ["nobody was told"]
        told = "; ".join([f"{told}: {job.reason}", *went])
    elif job.state.closed:
        told = ": ".join(filter(None, (told, job.reason)))
    else:
        told = ": ".join(filter(None, (told, job.refusal or job.failure, job.reason)))
    return Answer(job.model, status, told, mine)


def _told(job: Job, older: str, now: datetime) -> tuple[str, str]:
    """Say where a job stands, in a word and in words."""
    name = f"job {job.id}"
    if job.state is JobState.DONE:
        return "analysed", f"analysed ({name}, done {_when(job.finished_at, now)}{older})"
    if job.state.closed:
        status = "skipped" if job.state is JobState.FAILED and job.refusal else str(job.state)
        said = "not analysed" if status == "skipped" else status
        return status, f"{said} ({name}, {_when(job.finished_at, now)}{older})"
    if job.refusal:
        return "skipped", f"not analysed, to be reported ({name}, since {_when(job.enqueued_at, now)}{older})"
    if job.failure:
        return "failed", f"failed, to be reported ({name}, since {_when(job.started_at, now)}{older})"
    if job.state is JobState.RUNNING:
        return "analysing", f"analysing ({name}, attempt {job.attempts}, since {_when(job.started_at, now)}{older})"
    status, said = ("held", "held") if job.state is JobState.HELD else ("queued", "waiting for a worker")
    return status, f"{said} ({name}, since {_when(job.enqueued_at, now)}{older})"


def _delivered(deliveries: Sequence[Delivery], now: datetime) -> Iterator[str]:
    """Say for each destination which results it has, and where the others stand."""
    groups: dict[tuple[str, str, str], list[Delivery]] = {}
    for one in deliveries:
        groups.setdefault((one.destination, one.state, one.reason), []).append(one)
    for (destination, state, reason), together in groups.items():
        there = f"{', '.join(one.result.kind for one in together)} to {destination} {state}"
        if state == DeliveryState.DELIVERED:
            last = max((one.delivered_at for one in together if one.delivered_at), default=None)
            yield f"{there} {_when(last, now)}"
        else:
            yield there + (f" ({reason})" if reason else "")


def _when(time: datetime | None, now: datetime) -> str:
    """Write a time in the zone of ``now``, with its date where that is another day."""
    if time is None:
        return "at an unknown time"
    there = time.astimezone(now.tzinfo)
    return f"{there:%H:%M:%S}" if there.date() == now.date() else f"{there:%Y-%m-%d %H:%M:%S}"
