"""The spool: instances on stable storage before they are acknowledged, and found again after any end."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from node.errors import StorageUnavailable
from node.spool.disk import Disk, LocalDisk, Octets, failure, reporting
from node.spool.errors import SpoolInUse
from node.spool.log import Log
from node.spool.place import Place
from node.spool.record import check_header, record_size
from node.spool.recovery import Contents, Recovered, Unreadable, read_segment
from node.spool.segment import Segment, parse_name
from node.spool.supply import Limits, Supply
from node.spool.writer import Writer


@dataclass(frozen=True, slots=True)
class State:
    """What an administrator may want to know: segments with instances, segments laid out, bytes free on the disk."""

    segments: int
    ready: int
    free_bytes: int


class Spool:
    """An append-only log of instances in a folder that one process owns; any process may read by Place.

    Call ``recover`` once before anything is written, then ``begin`` or ``keep`` from any number of threads.

    Parameters
    ----------
    folder
        Made if it is not there.
    fresh
        Returns so many random bytes.

    Raises
    ------
    SpoolInUse
        When another process owns the folder.
    StorageUnavailable
        When the folder cannot be made or written to.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits | None = None,
        disk: Disk | None = None,
        fresh: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._folder = folder.absolute()
        self._limits = limits or Limits()
        self._disk: Disk = disk or LocalDisk()
        with reporting(f"use {self._folder}"):
            self._disk.make_folder(self._folder)
        self._lock = self._own()
        try:
            with reporting(f"use {self._folder}"):
                self._supply = Supply(self._disk, self._folder, self._limits, fresh)
                self._earlier = sorted(name for name in self._disk.names(self._folder) if parse_name(name))
        except StorageUnavailable:
            self._disk.close(self._lock)
            raise
        self._log = Log(self._disk, self._supply)

    @property
    def folder(self) -> Path:
        """Where the segments lie: a place's segment is a file in it."""
        return self._folder

    def recover(self, marks: Mapping[str, int]) -> Iterator[Recovered | Unreadable]:
        """Read what earlier runs left behind, from each segment's mark on, and lay out segments from then on.

        Every record that was acknowledged comes, whole; one that was not may come, and is whole too. What lies behind
        the last record of a segment is cut off.

        Parameters
        ----------
        marks
            By segment the offset below which the caller has indexed everything, as ``mark`` gave it; a segment
            without one is read from its beginning.

        Raises
        ------
        StorageUnavailable
            When the disk does not let it be read.
        """
        while self._earlier:
            name = self._earlier[0]
            contents = self._recover(self._folder / name, marks.get(name, 0))
            self._earlier.pop(0)
            yield from contents.records
            yield from contents.unreadable
        self._supply.start()

    def begin(self, size_hint: int = 0) -> Writer:
        """Return a writer for one instance.

        Raises
        ------
        OutOfSpace
            When an instance of that size would take space that must stay free.
        """
        self._log.check(size_hint)
        most_held = min(self._limits.spill_bytes, self._limits.segment_bytes // 2)
        return Writer(self._log, most_held, self._limits.segment_bytes)

    def keep(self, header: bytes, payload: Sequence[Octets]) -> Place:
        """Put an instance that is in memory on stable storage, without copying it; errors as ``Writer.commit``."""
        size = sum(memoryview(part).nbytes for part in payload)
        if size > self._limits.spill_bytes or record_size(size, len(header)) > self._limits.segment_bytes:
            with self.begin(size) as writer:
                writer.append(payload)
                return writer.commit(header)
        check_header(header)
        digest = sha256()
        for part in payload:
            digest.update(part)
        return self._log.keep(header, payload, digest.digest(), size)

    def indexed(self, places: Iterable[Place]) -> None:
        """Note that the caller's index has these instances for good; ``mark`` moves on by it."""
        self._log.indexed(places)

    def mark(self, segment: str, places: Iterable[Place] = ()) -> int:
        """Return what ``recover`` need not read again of a segment, to be kept beside the index.

        Parameters
        ----------
        places
            Instances whose index entries are committed together with the mark; ``indexed`` follows.

        Raises
        ------
        KeyError
            When there is no such segment.
        """
        return self._log.mark(segment, places)

    def segments(self) -> list[str]:
        """Return the names of all segments that hold records or are open for them, those not yet recovered too."""
        return sorted([segment.name for segment in self._log.segments()] + self._earlier)

    def settled(self) -> list[str]:
        """Return the segments to which nothing will be added and in which everything is indexed.

        One in which ``recover`` has found damage is not among them until the next start.
        The index, asked after this, knows all who need them; asked before, it may have missed the last instance.
        """
        return sorted(segment.name for segment in self._log.segments() if segment.settled)

    def free(self, names: Iterable[str]) -> list[str]:
        """Free segments that nobody needs; return the names of those freed once that can no longer be undone.

        One that is not settled stays. The caller forgets a segment's mark only after this has returned its name: until
        then a loss of power may bring the segment back.

        Raises
        ------
        StorageUnavailable
            When the disk does not let it be freed.
        """
        freed = []
        for name in names:
            if segment := self._log.release(name):
                self._free(segment)
                freed.append(name)
        with reporting(f"free segments in {self._folder}"):
            self._disk.sync_folder(self._folder)
        return freed

    def state(self) -> State:
        """Return how much there is and how much there may be."""
        with reporting(f"ask how much is free in {self._folder}"):
            free = self._disk.free_bytes(self._folder)
        return State(len(self.segments()), self._supply.ready, free)

    def close(self) -> None:
        """Let another process have the spool; nobody may be writing. Twice is once."""
        self._supply.stop()
        self._log.close()
        if self._lock >= 0:
            self._disk.close(self._lock)
            self._lock = -1

    def _own(self) -> int:
        path = self._folder / "lock"
        try:
            return self._disk.lock(path)
        except BlockingIOError:
            raise SpoolInUse(f"{self._folder} is in use by another process") from None
        except OSError as error:
            raise failure(f"use {self._folder}", error) from error

    def _recover(self, path: Path, mark: int) -> Contents:
        with reporting(f"read {path}"):
            descriptor = self._disk.open(path)
            try:
                contents = self._read(descriptor, path, mark)
            finally:
                self._disk.close(descriptor)
        if contents.tail or contents.unreadable:
            self._adopt(path, contents)
        else:
            self._supply.give_back(path)
        return contents

    def _read(self, descriptor: int, path: Path, mark: int) -> Contents:
        if mark and mark == self._disk.size(descriptor):
            return Contents((), (), mark, mark)
        # After kill -9 records may be in memory alone; and what a failed sync left there is not what the disk holds.
        self._disk.sync(descriptor)
        self._disk.forget(descriptor)
        contents = read_segment(self._disk, descriptor, path, mark)
        if 0 < contents.tail < contents.size and not contents.unreadable:
            self._disk.truncate(descriptor, contents.tail)
            self._disk.sync(descriptor)
        return contents

    def _adopt(self, path: Path, contents: Contents) -> None:
        parsed = parse_name(path.name)
        assert parsed is not None
        size = min(contents.tail, contents.size)
        segment = Segment(path, parsed[1], size, tail=size, sealed=True, committed=len(contents.records))
        segment.damaged = any(bad.acknowledged or not contents.tail for bad in contents.unreadable)
        self._log.adopt(segment, (record.place.record for record in contents.records))

    def _free(self, segment: Segment) -> None:
        try:
            self._supply.give_back(segment.path)
        except StorageUnavailable:
            self._log.adopt(segment, ())
            raise
