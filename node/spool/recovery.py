"""What a segment holds: its records found again by reading, each checked, and what is damaged between them."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from node.spool.disk import Disk
from node.spool.place import Place
from node.spool.record import BLOCK, HEAD_BYTES, MAGIC, MOST_HEADER_BYTES, Head, may_precede_all, unpack, up_to_block
from node.spool.segment import parse_name

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Recovered:
    """A record as it was committed."""

    header: bytes
    place: Place


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stretch of a segment that holds no valid record although others lie behind it, or a record's head says so.

    Attributes
    ----------
    acknowledged
        Whether the log knows that everything here was once on stable storage, so that a sender may rely on it.
        Otherwise it was being written when the power went, or the process.
    header
        The caller's header, where it can still be read.
    """

    path: Path
    offset: int
    size: int
    reason: str
    acknowledged: bool
    header: bytes | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found in a segment from an offset on.

    Attributes
    ----------
    tail
        Where the last record ends; nothing behind it was acknowledged.
    """

    records: tuple[Recovered, ...]
    unreadable: tuple[Unreadable, ...]
    tail: int
    size: int


def read_segment(disk: Disk, descriptor: int, path: Path, start: int) -> Contents:
    """Find the records of a segment's generation from an offset on, which must be where a record begins or ends."""
    parsed = parse_name(path.name)
    if parsed is None:
        raise ValueError(f"{path.name} is no segment's name")
    return _Reading(disk, descriptor, path, parsed[1]).read(start)


class _Reading:
    def __init__(self, disk: Disk, descriptor: int, path: Path, generation: bytes) -> None:
        self._disk, self._descriptor, self._path, self._generation = disk, descriptor, path, generation
        self._size = disk.size(descriptor)
        self._records: list[Recovered] = []
        self._bad: list[tuple[int, int, str, bytes | None]] = []
        self._failed: set[int] = set()
        self._durable = self._tail = 0

    def read(self, start: int) -> Contents:
        self._tail = start
        if start > self._size:
            self._bad.append((self._size, start - self._size, "the file ends before what was indexed", None))
            self._durable = start
        for offset, head in self._heads(start):
            if offset > self._tail:
                self._bad.append((self._tail, offset - self._tail, "no record begins here", None))
            self._take(offset, head)
            self._tail = offset + head.size
            self._durable = max(self._durable, head.durable)
        if self._tail == 0 and self._size and not may_precede_all(self._get(HEAD_BYTES, 0)):
            self._bad.append((0, BLOCK, "the record that began here is damaged", None))
        return Contents(tuple(self._records), tuple(self._unreadable()), self._tail, self._size)

    def _unreadable(self) -> Iterator[Unreadable]:
        for offset in sorted(self._failed):
            self._bad.append((offset, BLOCK, "the disk cannot read it", None))
        for offset, size, reason, header in self._bad:
            yield Unreadable(self._path, offset, size, reason, offset < self._durable, header)

    def _heads(self, start: int) -> Iterator[tuple[int, Head]]:
        """Go from record to record; where none begins, look at every block for the next one."""
        offset = start
        while offset + HEAD_BYTES <= self._size:
            head = unpack(self._get(HEAD_BYTES, offset), self._generation)
            if head is not None and head.header_size <= MOST_HEADER_BYTES:
                yield offset, head
                offset += head.size
            else:
                offset = self._next_candidate(offset + BLOCK)

    def _next_candidate(self, offset: int) -> int:
        wanted = MAGIC + self._generation
        while piece := self._get(_PIECE, offset):
            for at in range(0, len(piece), BLOCK):
                if piece.startswith(wanted, at):
                    return offset + at
            offset += _PIECE
        return self._size

    def _take(self, offset: int, head: Head) -> None:
        payload = offset + HEAD_BYTES
        header = self._get(head.header_size, payload + head.payload_size)
        if sha256(header).digest() != head.header_sha256:
            self._bad.append((offset, head.size, "the header is not the one that was written", None))
        elif self._digest(payload, head.payload_size) != head.payload_sha256:
            self._bad.append((offset, head.size, "the instance is not the one that was written", header))
        else:
            place = Place(self._path, payload, head.payload_size, head.payload_sha256.hex(), offset)
            self._records.append(Recovered(header, place))

    def _digest(self, offset: int, size: int) -> bytes:
        found = sha256()
        end = offset + size
        while offset < end and (piece := self._get(min(_PIECE, end - offset), offset)):
            found.update(piece)
            offset += len(piece)
        return found.digest()

    def _get(self, size: int, offset: int) -> bytes:
        """Read, with zeros for the blocks that the disk cannot read."""
        try:
            return self._disk.read(self._descriptor, size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        end = min(offset + size, self._size)
        starts = [offset, *range(up_to_block(offset + 1), end, BLOCK)]
        return b"".join(self._get_in_block(start, min(end, up_to_block(start + 1))) for start in starts)

    def _get_in_block(self, start: int, end: int) -> bytes:
        try:
            return self._disk.read(self._descriptor, end - start, start)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._failed.add(start // BLOCK * BLOCK)
            return bytes(end - start)
