"""A file of the spool, the records reserved in it, and what is still to be waited for before it may go."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path

from node.spool.record import GENERATION_BYTES

_SUFFIX = ".segment"


@dataclass(slots=True, eq=False)
class Segment:
    """A file of records of one generation; whoever changes it holds the log's lock.

    Attributes
    ----------
    capacity
        Bytes laid out; one large instance may grow the file beyond it.
    tail
        Where the next record would begin.
    sealed
        No record will be added.
    condemned
        Why nothing more is believed about its unsynced records, once a sync has failed: the system may have
        dropped them and would call the next sync a success.
    damaged
        Instances in it cannot be read that a sender relies on: it is kept, for whoever may still get something out.
    """

    path: Path
    generation: bytes
    capacity: int
    descriptor: int = -1
    tail: int = 0
    sequence: int = 0
    committed: int = 0
    sealed: bool = False
    condemned: str = ""
    damaged: bool = False
    _unsynced: set[int] = field(default_factory=set)
    _unindexed: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def idle(self) -> bool:
        """Whether no record in it waits for the disk."""
        return not self._unsynced

    @property
    def settled(self) -> bool:
        """Whether nothing will be added and everything is indexed: the index alone knows who needs it."""
        return self.sealed and self.idle and not self._unindexed and not self.damaged

    def mark(self, also_indexed: Set[int] = frozenset()) -> int:
        """Return the offset below which every record is indexed or was never acknowledged."""
        end = max(self.capacity, self.tail) if self.sealed else self.tail
        return min(self._unindexed - also_indexed, default=end)

    def has_room(self, size: int) -> bool:
        """Say whether a record of that size fits in what is laid out."""
        return self.tail + size <= self.capacity

    def reserve(self, size: int) -> "Stretch":
        """Set bytes apart for one record."""
        durable = min(self._unsynced, default=self.tail)
        stretch = Stretch(self, self.tail, size, self.sequence, durable)
        self._unsynced.add(self.tail)
        self._unindexed.add(self.tail)
        self.tail += size
        self.sequence += 1
        return stretch

    def extend(self, stretch: "Stretch", size: int) -> "Stretch":
        """Give the last record its size, which was not known before."""
        self.tail = stretch.offset + size
        return Stretch(self, stretch.offset, size, stretch.sequence, stretch.durable)

    def commit(self, stretch: "Stretch") -> None:
        """Note that a record is on stable storage."""
        self._unsynced.discard(stretch.offset)
        self.committed += 1

    def withdraw(self, stretch: "Stretch") -> None:
        """Give a record up: the next one takes its place, or, where others follow it, no more are added."""
        self._unsynced.discard(stretch.offset)
        self._unindexed.discard(stretch.offset)
        if self.condemned or self.tail != stretch.offset + stretch.size:
            self.sealed = True  # a hole that later records call durable would be taken for damage at recovery
        else:
            self.tail = stretch.offset
            self.sequence -= 1

    def adopt(self, offsets: Iterable[int]) -> None:
        """Note records of an earlier run that are not indexed yet."""
        self._unindexed.update(offsets)

    def index(self, offset: int) -> None:
        """Note that a record is in the index."""
        self._unindexed.discard(offset)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The bytes set apart for a record; sequence and durable are for its head."""

    segment: Segment
    offset: int
    size: int
    sequence: int
    durable: int


def segment_name(number: int, generation: bytes) -> str:
    """Return the name of the file; it alone says which records in the file count."""
    return f"{number:08d}-{generation.hex()}{_SUFFIX}"


def parse_name(name: str) -> tuple[int, bytes] | None:
    """Return number and generation, or None when it is no segment's name."""
    number, _, generation = name.removesuffix(_SUFFIX).partition("-")
    if not name.endswith(_SUFFIX) or not number.isdecimal() or len(generation) != 2 * GENERATION_BYTES:
        return None
    try:
        return int(number), bytes.fromhex(generation)
    except ValueError:
        return None
