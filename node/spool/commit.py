"""Group commit: one sync of a segment covers every record that was written to it before the sync began."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from node.spool.segment import Segment

_Failure = tuple[int, str]


class GroupCommit:
    """Whoever comes first syncs at once; whoever comes meanwhile shares the next sync.

    A lone caller waits for its own sync, anyone else for at most two. A sync wakes those whose records it covered, and
    one more, which leads the next. Each segment has a group of its own: a large instance holds up no small ones.

    Parameters
    ----------
    sync
        Brings a file to stable storage, given its descriptor.
    """

    def __init__(self, segment: Segment, sync: Callable[[int], None]) -> None:
        self._segment, self._sync = segment, sync
        self._lock = Lock()
        self._waiting: list[_Waiter] = []
        self._busy = False

    def wait(self) -> None:
        """Return when all that was written to the segment before the call is on stable storage.

        Raises
        ------
        OSError
            When the sync failed, or an earlier one.
        """
        me = _Waiter()
        with self._lock:
            self._waiting.append(me)
            leads, self._busy = not self._busy, True
            if leads:
                me.batch, self._waiting = self._waiting, []
        if not leads:
            me.woken.acquire()
        if me.batch:
            self._lead(me.batch)
        if me.failure is not None:
            raise OSError(*me.failure)

    def _lead(self, batch: "list[_Waiter]") -> None:
        failure: _Failure | None = (0, "the sync did not end")
        try:
            failure = self._sync_once()
        finally:
            for waiter in batch:
                waiter.failure = failure
            self._hand_over()
            for waiter in batch[1:]:
                waiter.woken.release()

    def _sync_once(self) -> _Failure | None:
        if self._segment.condemned:
            return 0, self._segment.condemned
        try:
            self._sync(self._segment.descriptor)
        except OSError as error:
            # The system reports it once, and has perhaps thrown the bytes away: syncing again would prove nothing.
            self._segment.condemned = f"a sync of {self._segment.name} failed: {error.strerror or error}"
            return error.errno or 0, self._segment.condemned
        return None

    def _hand_over(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
            self._busy = bool(batch)
        if batch:
            batch[0].batch = batch
            batch[0].woken.release()


@dataclass(slots=True, eq=False)
class _Waiter:
    """A caller; ``batch`` is given to the one that leads."""

    woken: Lock = field(default_factory=Lock)
    batch: "list[_Waiter]" = field(default_factory=list)
    failure: _Failure | None = None

    def __post_init__(self) -> None:
        self.woken.acquire()
