"""A series that has gone quiet is surveyed, and its study becomes jobs, a wait, or the reason why not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine

from config import settings
from db import inbox, queue, views
from db.engine import reading
from db.records import Job, NewJob, SeriesRecord, SeriesState
from dicom_io.errors import NotEligible
from dicom_io.stretch import Stretch
from dicom_io.survey import Survey
from node.candidates import to_text
from node.decision import Enqueue, Need, Plan, Refuse, Standing
from node.plan import is_made_of, plan_study
from node.received import file_of

Surveyed = tuple[SeriesRecord, str]
"""A series as it was seen, and what it offers, as text."""

_EVENTS = {
    SeriesState.WAITING: ("series complete, waiting for another", "wait"),
    SeriesState.ENQUEUED: ("series complete", "enqueue"),
    SeriesState.REFUSED: ("series complete, nothing to do", "refuse"),
}

_log = structlog.get_logger()


class Completion:
    """Looks for complete series, and for models that have waited long enough; a second look changes nothing.

    Parameters
    ----------
    survey
        The files of one series -> what it holds; raises OSError when they are out of reach.
    listening_since
        When senders could first reach the node: a series that was cut off when it died is not quiet before its
        sender has had the quiet time to go on.
    report_refusals
        Whether a job is made, only to be reported, where a model lacks something of a study it wanted.
    """

    def __init__(
        self,
        engine: Engine,
        policy: settings.Completion,
        needs: Sequence[Need],
        survey: Callable[[Sequence[Stretch]], Survey],
        listening_since: datetime,
        report_refusals: bool = True,
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._needs = tuple(needs)
        self._survey = survey
        self._listening_since = listening_since
        self._report_refusals = report_refusals
        self._out_of_reach: set[str] = set()

    def look(self, now: datetime) -> int:
        """Settle what can be; return for how many series that made a difference."""
        quiet = timedelta(seconds=self._policy.quiet_seconds)
        on_release = self._policy.complete_on_release
        with reading(self._engine) as connection:
            complete = inbox.quiet_series(connection, now, quiet, on_release, self._listening_since)
            due = inbox.studies_due(connection, now)
        surveyed: dict[str, list[Surveyed]] = {study: [] for study in due}
        for series in complete:  # those of one study are settled together: the first is not always the best
            offer = self._try_to_survey(series)
            if offer is not None:
                surveyed.setdefault(series.study_instance_uid, []).append((series, offer))
        return sum(self._settle(study, found, now) for study, found in surveyed.items())

    def _try_to_survey(self, series: SeriesRecord) -> str | None:
        uid = series.series_instance_uid
        with reading(self._engine) as connection:
            files = [file_of(instance) for instance in inbox.instances(connection, uid)]
        try:
            found = self._survey(files)
        except OSError as error:  # the files are out of reach for now, of this series only
            if uid not in self._out_of_reach:  # said once: there are several looks a second
                reason = f"cannot read it: {error.strerror}"
                _log.error("series put off", action="complete", series=uid, reason=reason)
            self._out_of_reach.add(uid)
            return None
        self._out_of_reach.discard(uid)
        # Files that cannot be read do not tell their series; the inbox does.
        candidates = [replace(one, series_instance_uid=uid) for one in found.candidates]
        refused = zip(candidates[len(found.parts) :], found.refused, strict=True)
        return to_text(candidates, [one for one, why in refused if not isinstance(why.error, NotEligible)])

    def _settle(self, study: str, surveyed: Sequence[Surveyed], now: datetime) -> int:
        """Plan a study, and write down in one transaction where each of its series stands and what is to be done."""
        with self._engine.begin() as connection:
            complete = [inbox.complete(connection, series, offer) for series, offer in surveyed]
            if surveyed and not any(complete):
                return 0  # an instance of each arrived since we looked: none is quiet after all
            rows = {row.series_instance_uid: row for row in views.series_of_study(connection, study)}
            planned = plan_study(tuple(rows.values()), self._needs, self._policy, now)
            enqueued = self._enqueue(connection, planned, rows, now)
            changed = _write_standings(connection, planned, rows)
        for job in enqueued:
            log = _log.bind(series=job.series_instance_uids, generation=job.generation)
            if job.refusal:
                log.warning("failure to be reported", action="refuse", model=job.model, reason=job.refusal)
            else:
                log.info("job enqueued", action="enqueue", model=job.model, reason=job.notes)
        for row, standing in changed:
            event, action = _EVENTS[standing.state]
            log = _log.bind(series=row.series_instance_uid, instances=row.instances, generation=row.generation)
            log.info(event, action=action, reason=standing.reason)
        return len(changed)

    def _enqueue(
        self, connection: Connection, planned: Plan, rows: Mapping[str, SeriesRecord], now: datetime
    ) -> tuple[NewJob, ...]:
        """Add the jobs that are not there yet, and return them."""
        jobs = [
            _new_job(decision, rows)
            for decision in planned.decisions
            if isinstance(decision, Enqueue)
            or (isinstance(decision, Refuse) and decision.reported and self._report_refusals)
        ]
        known = views.jobs_of_study(connection, next(iter(rows.values())).study_instance_uid)
        return tuple(
            job for job in jobs if not _is_known(job, known) and queue.enqueue(connection, job, now) is not None
        )


def _is_known(new: NewJob, known: Sequence[Job]) -> bool:
    """Tell whether a model was asked about one and the same volume before, whatever it was taken for then.

    A T1 may be found to be the one after the contrast agent when the one before it arrives: its pixels stay the same.
    """
    return len(new.inputs) == 1 and any(
        (job.model, job.generation, bool(job.refusal)) == (new.model, new.generation, bool(new.refusal))
        and [one._replace(sequence="") for one in job.inputs] == [new.inputs[0]._replace(sequence="")]
        for job in known
    )


def _new_job(decision: Enqueue | Refuse, rows: Mapping[str, SeriesRecord]) -> NewJob:
    inputs = decision.inputs if isinstance(decision, Enqueue) else decision.reported
    reference = rows[inputs[0].series_instance_uid]
    return NewJob(
        model=decision.model,
        study_instance_uid=reference.study_instance_uid,
        inputs=inputs,
        generation=sum(rows[uid].generation for uid in {one.series_instance_uid for one in inputs}),
        calling_ae_title=reference.calling_ae_title,
        notes=decision.reasons if isinstance(decision, Enqueue) else (),
        refusal=_writable(decision.reason) if isinstance(decision, Refuse) else "",
    )


def _write_standings(
    connection: Connection, planned: Plan, rows: Mapping[str, SeriesRecord]
) -> list[tuple[SeriesRecord, Standing]]:
    """Write down where each complete series stands, and return those that stand elsewhere than before."""
    study = next(iter(rows.values())).study_instance_uid
    jobs = [job for job in views.jobs_of_study(connection, study) if not job.refusal]
    changed = []
    for uid, row in rows.items():
        if row.state is SeriesState.RECEIVING:
            continue
        standing = planned.standing(uid)
        if standing.state is SeriesState.REFUSED and any(is_made_of(job, row) for job in jobs):
            standing = Standing(SeriesState.ENQUEUED)  # a better one came after its job was made
        standing = replace(standing, reason=_writable(standing.reason))
        if standing != Standing(row.state, row.reason, row.waiting_until):
            inbox.settle(connection, uid, row.generation, standing.state, standing.reason, standing.until)
            changed.append((row, standing))
    return changed


def _writable(text: str) -> str:
    """Replace what a header says and no text can hold: a database takes UTF-8 only."""
    return text.encode(errors="replace").decode()
