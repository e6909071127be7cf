"""Segments laid out ahead, so that a sync of a record has nothing but the record to write; and room on the disk."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Lock, Thread

from node.errors import OutOfSpace, StorageUnavailable
from node.spool.disk import Disk, reporting, write_all
from node.spool.record import GENERATION_BYTES
from node.spool.segment import Segment, parse_name, segment_name

UNFINISHED = ".making"
_MEGABYTE = 1_000_000
_PAUSE_SECONDS = 0.005
# Not zeros, which thin provisioned storage keeps as nothing and would have to find room for later.
_FILLING = b"\xa5" * (1 << 20)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large things are, in bytes.

    Attributes
    ----------
    segment_bytes
        A segment; an instance that is larger gets a longer one.
    free_segments
        How many segments are laid out ahead.
    minimum_free
        Space that stays free on the disk.
    spill_bytes
        An instance of which more has come than this is written before its end is known: what one writer holds in
        memory.
    """

    segment_bytes: int = 64 << 20
    free_segments: int = 4
    minimum_free: int = 1 << 30
    spill_bytes: int = 4 << 20


class Supply:
    """Makes segments, gives them out, takes them back.

    Parameters
    ----------
    fresh
        Returns so many random bytes: a generation that no earlier use of a file had and that no sender can guess.
    retry_seconds
        How long after a failure to lay one out it is tried again.
    """

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        limits: Limits,
        fresh: Callable[[int], bytes],
        retry_seconds: float = 1.0,
    ) -> None:
        self._disk, self._folder, self._limits, self._fresh = disk, folder, limits, fresh
        self._retry_seconds = retry_seconds
        self._changed = Condition()
        self._room = Lock()
        self._ready: deque[Segment] = deque()
        self._stopped = False
        names = disk.names(folder)
        self._number = max((parsed[0] for name in names if (parsed := parse_name(name))), default=0)
        for name in names:
            if name.endswith(UNFINISHED):
                disk.remove(folder / name)
        self._maker = Thread(target=self._make_ahead, name="spool", daemon=True)

    def start(self) -> None:
        """Lay out segments from now on. Twice is once."""
        if self._maker.ident is None:
            self._maker.start()

    def stop(self) -> None:
        """Lay out no more; what is ready stays for the next start."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._maker.ident is not None:
            self._maker.join()
        while self._ready:
            self._disk.close(self._ready.pop().descriptor)

    @property
    def ready(self) -> int:
        """How many segments are laid out."""
        return len(self._ready)

    def check(self, size: int) -> None:
        """Refuse an instance of that size when it would take space that must stay free.

        Raises
        ------
        OutOfSpace
            With the numbers.
        """
        laid_out = self._limits.segment_bytes if self._ready else 0
        if size > laid_out:
            self.check_disk(max(size, self._limits.segment_bytes) - laid_out)

    def check_disk(self, size: int) -> None:
        """Refuse to take so many bytes more of the disk when less than the minimum would stay free.

        Raises
        ------
        OutOfSpace
            With the numbers.
        """
        with reporting(f"ask how much is free in {self._folder}"):
            free = self._disk.free_bytes(self._folder)
        if free - size < self._limits.minimum_free:
            raise OutOfSpace(
                f"{free // _MEGABYTE} MB free, {self._limits.minimum_free // _MEGABYTE} MB must stay free: "
                f"no room for {-(-size // _MEGABYTE)} MB more in {self._folder}"
            )

    def take(self) -> Segment:
        """Return an empty segment: one that is laid out or, when they are used up, a new one.

        Raises
        ------
        OutOfSpace, StorageUnavailable
            When none can be made.
        """
        with self._changed:
            self._changed.notify_all()
            if self._ready:
                return self._ready.popleft()
        with reporting(f"make a segment in {self._folder}"):
            return self._make(lay_out=False)

    def give_back(self, path: Path) -> None:
        """Take the file of a segment that nobody needs: it gets another generation, or goes.

        Raises
        ------
        StorageUnavailable
            When the file can be neither renamed nor removed.
        """
        with self._changed:
            wanted = len(self._ready) < self._limits.free_segments and not self._stopped
        with reporting(f"free {path}"), suppress(FileNotFoundError):
            if not (wanted and self._recycle(path)):
                self._disk.remove(path)

    def _recycle(self, path: Path) -> bool:
        descriptor = self._disk.open(path)
        try:
            size = self._disk.size(descriptor)
            if size >= self._limits.segment_bytes:
                segment = self._named(path, descriptor)
                if size > self._limits.segment_bytes:  # only now: under its old name it must be all there or gone
                    self._disk.truncate(descriptor, self._limits.segment_bytes)
                    self._disk.sync(descriptor)
                self._add(segment)
                return True
        except OSError:
            self._disk.close(descriptor)
            raise
        self._disk.close(descriptor)
        return False

    def _make_ahead(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or len(self._ready) < self._limits.free_segments)
                if self._stopped:
                    return
            try:
                with reporting(f"lay out a segment in {self._folder}"):
                    self._add(self._make(lay_out=True))
            except StorageUnavailable:  # whoever needs a segment is told why there is none
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped, self._retry_seconds)

    def _add(self, segment: Segment) -> None:
        with self._changed:
            self._ready.append(segment)

    def _make(self, *, lay_out: bool) -> Segment:
        """Make a file that has its space; laid out, it has its blocks written too, which halves a later sync."""
        path = self._folder / f"{self._next_number():08d}{UNFINISHED}"
        with self._room:  # what is found free is taken before anyone else looks
            self.check_disk(self._limits.segment_bytes)
            descriptor = self._disk.open(path, create=True)
            with self._undoing(descriptor, path):
                self._disk.reserve(descriptor, self._limits.segment_bytes)
        with self._undoing(descriptor, path):
            if lay_out:
                self._fill(descriptor)
            self._disk.sync(descriptor)
            return self._named(path, descriptor)

    @contextmanager
    def _undoing(self, descriptor: int, path: Path) -> Iterator[None]:
        """Remove a file that came to nothing."""
        try:
            yield
        except OSError:
            self._disk.close(descriptor)
            with suppress(OSError):
                self._disk.remove(path)
            raise

    def _fill(self, descriptor: int) -> None:
        for offset in range(0, self._limits.segment_bytes, len(_FILLING)):
            with self._changed:  # the more are ready, the less it presses on those who receive
                if self._changed.wait_for(lambda: self._stopped, _PAUSE_SECONDS * len(self._ready)):
                    raise OSError(0, "stopped")
            piece = memoryview(_FILLING)[: self._limits.segment_bytes - offset]
            write_all(self._disk, descriptor, [piece], offset)
            self._disk.sync(descriptor)  # each piece at once: a record's sync never queues behind a whole segment

    def _named(self, path: Path, descriptor: int) -> Segment:
        """Give a file a new generation; what it held before counts no more from then on, whatever happens."""
        generation = self._fresh(GENERATION_BYTES)
        final = self._folder / segment_name(self._next_number(), generation)
        self._disk.rename(path, final)
        try:
            self._disk.sync_folder(self._folder)
        except OSError:
            with suppress(OSError):
                self._disk.remove(final)
            raise
        return Segment(final, generation, self._limits.segment_bytes, descriptor)

    def _next_number(self) -> int:
        with self._changed:
            self._number += 1
            return self._number
