"""The rows of received instances, written behind the spool: in batches, in order, and again from it at every start."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from threading import Condition, Thread
from typing import NamedTuple, TypeAlias

import structlog
from sqlalchemy import Connection, Engine

from db import inbox, segments
from db.engine import reading
from db.errors import DatabaseError
from db.records import Mark, ReceivedInstance
from node.errors import NodeError
from node.received import instance_of
from node.spool.place import Place
from node.spool.recovery import Recovered, Unreadable
from node.spool.spool import Spool

_AT_ONCE = 500
_GATHER_SECONDS = 0.02
"""A commit costs the disk as much for one row as for many."""
_LATE = timedelta(seconds=1)

_log = structlog.get_logger()


class Arrived(NamedTuple):
    """An instance on stable storage."""

    instance: ReceivedInstance
    place: Place

    @property
    def at(self) -> datetime:
        """When it was received."""
        return self.instance.received_at


class Released(NamedTuple):
    """The association that sent to these series was released."""

    series_instance_uids: tuple[str, ...]
    at: datetime


Entry: TypeAlias = Arrived | Released


class Index:
    """Writes rows; while the database is away they wait, and the spool has them all.

    Parameters
    ----------
    released
        Called when the release of an association is committed: there may be complete series.
    most_behind
        How many rows may wait in memory; see ``is_full``.
    retry_seconds
        How long to wait after the database refused.
    """

    def __init__(
        self,
        engine: Engine,
        spool: Spool,
        released: Callable[[], None],
        most_behind: int = 20_000,
        retry_seconds: float = 1.0,
    ) -> None:
        self._engine = engine
        self._spool = spool
        self._released = released
        self._most_behind = most_behind
        self._retry_seconds = retry_seconds
        self._changed = Condition()
        self._waiting: deque[Entry] = deque()
        self._stopped = False
        self._thread = Thread(target=self._run, name="index", daemon=True)

    def recover(self) -> int:
        """Write the rows that earlier runs left behind, and return how many instances were read again.

        Raises
        ------
        DatabaseError, node.errors.StorageUnavailable
            When that cannot be done now; nobody may send before it is.
        """
        with reading(self._engine) as connection:
            marks = {name: mark.indexed_to for name, mark in segments.marks(connection).items()}
        found, count = iter(self._spool.recover(marks)), 0
        while some := list(islice(found, _AT_ONCE)):
            batch = [entry for one in some if (entry := _entry(one))]
            self._write(batch)
            count += len(batch)
        gone = marks.keys() - set(self._spool.segments())
        with self._engine.begin() as connection:
            segments.forget(connection, sorted(gone))
        return count

    def start(self) -> None:
        """Write rows from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, unless the database refuses; the next start finds the rest in the spool."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def is_full(self) -> bool:
        """Whether so many rows wait that no more instances should be taken."""
        return len(self._waiting) >= self._most_behind

    def is_late(self, now: datetime) -> bool:
        """Whether rows have waited for longer than it takes to write them."""
        with self._changed:
            return bool(self._waiting) and now - self._waiting[0].at > _LATE

    def add(self, entry: Entry) -> None:
        """Have a row written, after those before it."""
        with self._changed:
            self._waiting.append(entry)
            self._changed.notify()

    def _run(self) -> None:
        refused = ""
        while batch := self._next():
            try:
                self._write(batch)
            except DatabaseError as error:
                if str(error) != refused:
                    _log.warning("rows put off", action="receive", waiting=len(self._waiting), reason=str(error))
                refused = str(error)
                if not self._pause():
                    return
                continue
            if refused:
                _log.info("rows are written again", action="receive")
                refused = ""
            for _ in batch:
                self._waiting.popleft()
            if any(isinstance(entry, Released) for entry in batch):
                self._released()

    def _next(self) -> list[Entry]:
        """Wait for rows to write and return the next; none when all is written and there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            self._changed.wait_for(lambda: len(self._waiting) >= _AT_ONCE or self._stopped, _GATHER_SECONDS)
            return list(islice(self._waiting, _AT_ONCE))

    def _pause(self) -> bool:
        """Wait before the next attempt; return whether there is to be one."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._stopped, self._retry_seconds)

    def _write(self, batch: Sequence[Entry]) -> None:
        places = [entry.place for entry in batch if isinstance(entry, Arrived)]
        with self._engine.begin() as connection:
            for kind, entries in groupby(batch, type):
                _write_rows(connection, kind, list(entries))
            touched = {place.segment for place in places}
            reached = {name: self._spool.mark(name, places) for name in touched}
            segments.mark(connection, [Mark(segment=name, indexed_to=mark) for name, mark in reached.items()])
        self._spool.indexed(places)


def _write_rows(connection: Connection, kind: type[Entry], entries: Iterable[Entry]) -> None:
    if kind is Arrived:
        inbox.receive_many(connection, [entry.instance for entry in entries if isinstance(entry, Arrived)])
        return
    for entry in entries:
        if isinstance(entry, Released):
            inbox.release(connection, entry.series_instance_uids, entry.at)


def _entry(found: Recovered | Unreadable) -> Arrived | None:
    """Return what was recovered; what cannot be read stays where it is, and that is said."""
    if isinstance(found, Unreadable):
        if found.acknowledged:
            _log.error(
                "instance lost to damage",
                action="quarantine",
                path=str(found.path),
                offset=found.offset,
                size=found.size,
                reason=found.reason,
            )
        return None
    try:
        return Arrived(instance_of(found.header, found.place), found.place)
    except NodeError as error:
        _log.error(
            "instance not indexed",
            action="quarantine",
            path=str(found.place.path),
            offset=found.place.offset,
            reason=str(error),
        )
        return None
