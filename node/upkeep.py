"""Forgets what nobody needs any more: the instances of studies that are settled, and the segments they lay in."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from db import retention, segments
from db.engine import reading
from db.errors import DatabaseError
from db.records import ReceivedInstance
from node.errors import StorageUnavailable
from node.spool.spool import Spool

_STUDIES_AT_ONCE = 20

_log = structlog.get_logger()


class Upkeep:
    """Runs in the process that owns the spool.

    Parameters
    ----------
    every
        How long it rests between two looks.
    keep
        How long a study stays after everything about it was delivered; None keeps all for ever.
    now
        Returns the time, aware.
    """

    def __init__(
        self, engine: Engine, spool: Spool, every: timedelta, keep: timedelta | None, now: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._spool = spool
        self._every = every
        self._keep = keep
        self._now = now
        self._next: datetime | None = None

    def step(self) -> bool:
        """Forget a few studies and free segments, when it is time to; return whether there may be more to forget."""
        now = self._now()
        if self._next is not None and self._next - self._every <= now < self._next:  # and the clock was not set back
            return False
        self._next = now + self._every
        try:
            forgotten = self._forget_studies(now - self._keep) if self._keep is not None else 0
            self._free_segments()
        except (DatabaseError, StorageUnavailable) as error:
            _log.warning("upkeep put off", action="forget", reason=str(error))
            return False
        if forgotten == _STUDIES_AT_ONCE:
            self._next = now
        return forgotten == _STUDIES_AT_ONCE

    def _forget_studies(self, before: datetime) -> int:
        with reading(self._engine) as connection:
            studies = retention.settled_studies(connection, before, _STUDIES_AT_ONCE)
        for study in studies:
            with self._engine.begin() as connection:
                gone = retention.forget(connection, study, before)
            if gone:
                _log.info("study forgotten", action="forget", study=study, instances=len(gone))
            self._remove_files(gone)
        return len(studies)

    def _free_segments(self) -> None:
        """Free the segments of which no instance has a row: those that are settled get no further ones."""
        settled = self._spool.settled()
        with reading(self._engine) as connection:
            live = {path.name for path in segments.live(connection, [self._spool.folder / name for name in settled])}
        freed = self._spool.free([name for name in settled if name not in live])
        if freed:
            with self._engine.begin() as connection:
                segments.forget(connection, freed)
            _log.info("segments freed", action="forget", segments=len(freed))

    def _remove_files(self, gone: tuple[ReceivedInstance, ...]) -> None:
        """Remove files that were instances of their own, as they were before there was a spool."""
        for instance in gone:
            if instance.path.parent != self._spool.folder:
                with suppress(OSError):
                    instance.path.unlink()
