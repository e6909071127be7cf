"""The log: where the next record goes, when it is on stable storage, and which segments nobody waits for."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from threading import Lock

from node.errors import OutOfSpace, StorageUnavailable
from node.spool.commit import GroupCommit
from node.spool.disk import Disk, Octets, failure, write_all
from node.spool.place import Place
from node.spool.record import HEAD_BYTES, Head, padding, record_size
from node.spool.segment import Segment, Stretch
from node.spool.supply import Supply

_ROOM_WORTH_SHARING = 4  # a quarter of a segment


class Log:
    """Records in segments: small ones of all writers one after the other in one, a large one apart from the others."""

    def __init__(self, disk: Disk, supply: Supply) -> None:
        self._disk, self._supply = disk, supply
        self._groups: dict[Segment, GroupCommit] = {}
        self._lock = Lock()
        self._current: Segment | None = None
        self._partly: deque[Segment] = deque()
        self._segments: dict[str, Segment] = {}

    def keep(self, header: bytes, payload: Sequence[Octets], digest: bytes, size: int) -> Place:
        """Write one record at once and return when it is on stable storage."""
        with self._lock:
            stretch = self._with_room(record_size(size, len(header))).reserve(record_size(size, len(header)))
        head = _head(stretch, header, digest, size).pack()
        with self.withdrawing(stretch):
            self.write(stretch, [head, *payload, header, padding(size, len(header))], 0)
            self.sync(stretch)
        return self._committed(stretch, digest, size)

    def claim(self) -> Stretch:
        """Set a segment apart for one record of unknown size, which may be written piece by piece."""
        with self._lock:
            return self._take().reserve(0)

    def check(self, size: int) -> None:
        """Refuse an instance of that size when it would take space that must stay free."""
        with self._lock:
            if self._current is not None and not self._current.sealed and self._current.has_room(size):
                return
        self._supply.check(size)

    def check_growth(self, stretch: Stretch, at: int, count: int) -> None:
        """Refuse to write at an offset within a record where that takes space that must stay free."""
        beyond = stretch.offset + at + count - stretch.segment.capacity
        if beyond > 0:
            self._supply.check_disk(min(beyond, count))

    def finish(self, stretch: Stretch, header: bytes, digest: bytes, size: int) -> Place:
        """Write the head of a claimed record, whose payload and header are written; share what is left."""
        with self._lock:
            stretch = stretch.segment.extend(stretch, record_size(size, len(header)))
        with self.withdrawing(stretch):
            self.write(stretch, [_head(stretch, header, digest, size).pack()], 0)
            self.sync(stretch)
        return self._committed(stretch, digest, size)

    def write(self, stretch: Stretch, parts: Sequence[Octets], at: int) -> None:
        """Write at an offset within a record."""
        write_all(self._disk, stretch.segment.descriptor, parts, stretch.offset + at)

    def sync(self, stretch: Stretch) -> None:
        """Return when what was written to a record is on stable storage."""
        self._groups[stretch.segment].wait()

    @contextmanager
    def withdrawing(self, stretch: Stretch) -> Iterator[None]:
        """Give the record up when the block fails, and say why in our words."""
        done = False
        try:
            yield
            done = True
        except OSError as error:
            reason = failure(f"write to {stretch.segment.path}", error)
            if not isinstance(reason, OutOfSpace):
                stretch.segment.condemned = stretch.segment.condemned or str(reason)
            raise reason from error
        finally:
            if not done:
                self.withdraw(stretch)

    def withdraw(self, stretch: Stretch) -> None:
        """Give a record up that was not committed."""
        segment = stretch.segment
        with self._lock:
            segment.withdraw(stretch)
            with suppress(OSError):  # a large one that came to nothing leaves its space at once
                if self._disk.size(segment.descriptor) > max(segment.capacity, segment.tail):
                    self._disk.truncate(segment.descriptor, segment.capacity)
            self._rest(segment)

    def indexed(self, places: Iterable[Place]) -> None:
        """Note that these records are in the caller's index for good."""
        with self._lock:
            for place in places:
                if segment := self._segments.get(place.segment):
                    segment.index(place.record)

    def mark(self, name: str, places: Iterable[Place]) -> int:
        """Return the offset in a segment below which all is indexed once these are."""
        offsets = {place.record for place in places if place.segment == name}
        with self._lock:
            return self._segments[name].mark(offsets)

    def adopt(self, segment: Segment, offsets: Iterable[int]) -> None:
        """Take over a segment of an earlier run, with the records in it that are not indexed yet."""
        with self._lock:
            segment.adopt(offsets)
            self._segments[segment.name] = segment

    def segments(self) -> list[Segment]:
        """Return all segments that hold records or are open for them."""
        with self._lock:
            return list(self._segments.values())

    def release(self, name: str) -> Segment | None:
        """Forget a segment that is settled and return it; None when it is unknown, or not settled."""
        with self._lock:
            segment = self._segments.get(name)
            return self._segments.pop(name) if segment is not None and segment.settled else None

    def close(self) -> None:
        """Close what is open; nobody may be writing."""
        with self._lock:
            for segment in self._segments.values():
                self._close(segment)
            self._segments.clear()
            self._partly.clear()
            self._current = None

    def _with_room(self, size: int) -> Segment:
        while self._current is None or self._current.sealed or not self._current.has_room(size):
            following = self._take()
            full, self._current = self._current, following
            if full is not None:
                full.sealed = True
                self._rest(full)
        return self._current

    def _take(self) -> Segment:
        if self._partly:
            return self._partly.popleft()
        segment = self._supply.take()
        self._segments[segment.name] = segment
        self._groups[segment] = GroupCommit(segment, self._disk.sync)
        return segment

    def _committed(self, stretch: Stretch, digest: bytes, size: int) -> Place:
        segment = stretch.segment
        with self._lock:
            segment.commit(stretch)
            self._rest(segment)
        return Place(segment.path, stretch.offset + HEAD_BYTES, size, digest.hex(), stretch.offset)

    def _rest(self, segment: Segment) -> None:
        """Do with a segment what is due once none of its records waits for the disk."""
        if not segment.idle:
            return
        if not segment.sealed and segment is not self._current:  # claimed for one record, which has ended
            segment.sealed = not segment.has_room(segment.capacity // _ROOM_WORTH_SHARING)
            if not segment.sealed:
                self._partly.append(segment)
        if segment.sealed:
            self._close(segment)
            if not segment.committed:
                self._discard(segment)

    def _close(self, segment: Segment) -> None:
        if segment.descriptor >= 0:
            self._disk.close(segment.descriptor)
            segment.descriptor = -1
            del self._groups[segment]

    def _discard(self, segment: Segment) -> None:
        """Let go of a segment in which nothing was acknowledged; what the disk has failed on is not used again."""
        self._segments.pop(segment.name, None)
        with suppress(OSError, StorageUnavailable):  # the next start finds it empty
            if segment.condemned:
                self._disk.remove(segment.path)
            else:
                self._supply.give_back(segment.path)


def _head(stretch: Stretch, header: bytes, digest: bytes, size: int) -> Head:
    return Head(
        stretch.segment.generation,
        stretch.sequence,
        stretch.durable,
        size,
        len(header),
        digest,
        sha256(header).digest(),
    )
