"""A series that has gone quiet becomes jobs, or the reason why not."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from config import settings
from db import inbox, queue
from db.engine import reading
from db.records import NewJob, SeriesRecord, SeriesState
from dicom_io.errors import DicomInputError
from dicom_io.header import read_header
from node.routing import ModelNeed, models_for, why_none

_log = structlog.get_logger()


class Completion:
    """Looks for complete series; a second look changes nothing.

    ``listening_since`` is when senders could first reach the node: a series that was cut off when it died is not
    quiet before its sender has had the quiet time to go on.
    """

    def __init__(
        self, engine: Engine, policy: settings.Completion, needs: Sequence[ModelNeed], listening_since: datetime
    ) -> None:
        self._engine = engine
        self._quiet = timedelta(seconds=policy.quiet_seconds)
        self._on_release = policy.complete_on_release
        self._needs = tuple(needs)
        self._listening_since = listening_since
        self._out_of_reach: set[str] = set()

    def look(self, now: datetime) -> int:
        """Settle every series that is complete; return how many were."""
        with reading(self._engine) as connection:
            complete = inbox.quiet_series(connection, now, self._quiet, self._on_release, self._listening_since)
        return sum(self._try_to_settle(series, now) for series in complete)

    def _try_to_settle(self, series: SeriesRecord, now: datetime) -> bool:
        uid = series.series_instance_uid
        try:
            settled = self._settle(series, now)
        except OSError as error:  # the files are out of reach for now, of this series only
            if uid not in self._out_of_reach:  # said once: there are several looks a second
                reason = f"cannot read it: {error.strerror}"
                _log.error("series put off", action="complete", series=uid, reason=reason)
            self._out_of_reach.add(uid)
            return False
        self._out_of_reach.discard(uid)
        return settled

    def _settle(self, series: SeriesRecord, now: datetime) -> bool:
        models, reason = self._models(series)
        state = SeriesState.ENQUEUED if models else SeriesState.REFUSED
        uid = series.series_instance_uid
        with self._engine.begin() as connection:
            current = inbox.series(connection, uid)
            if current is None or current.last_received_at != series.last_received_at:
                return False  # an instance arrived since we looked: the series is not quiet after all
            if not inbox.settle(connection, uid, series.generation, state, reason):
                return False
            for model in models:
                queue.enqueue(connection, _new_job(series, model), now)
        log = _log.bind(series=uid, instances=series.instances, generation=series.generation)
        if models:
            log.info("series complete", action="enqueue", models=models)
        else:
            log.info("series complete, nothing to do", action="refuse", reason=reason)
        return True

    def _models(self, series: SeriesRecord) -> tuple[tuple[str, ...], str]:
        """Return the models that want a series; where there are none, the reason."""
        with reading(self._engine) as connection:
            first = inbox.instances(connection, series.series_instance_uid)[0]
        try:
            header = read_header(first.path)
        except DicomInputError as error:
            return (), f"unreadable: {error}"
        models = models_for(header, self._needs)
        return models, "" if models else why_none(header, self._needs)


def _new_job(series: SeriesRecord, model: str) -> NewJob:
    return NewJob(
        model=model,
        study_instance_uid=series.study_instance_uid,
        series_instance_uids=(series.series_instance_uid,),
        generation=series.generation,
        calling_ae_title=series.calling_ae_title,
    )
