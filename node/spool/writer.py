"""One instance on its way into the log, piece by piece, of a size that nobody knows before its end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from types import TracebackType
from typing import Self

from node.spool.disk import Octets
from node.spool.log import Log
from node.spool.place import Place
from node.spool.record import BLOCK, HEAD_BYTES, check_header, padding, record_size
from node.spool.segment import Stretch

_PIECE = 1 << 20
_SYNCED_ON_THE_WAY = 16 << 20  # else the sync at the end of a large instance would keep the disk from all others


class Writer:
    """Holds a small instance in memory, to be written at once; a large one goes to a segment set apart for it.

    Of one thread. Leaving it as a context manager without ``commit`` abandons the instance.

    Parameters
    ----------
    most_held
        Bytes in memory after which the instance is a large one.
    segment_bytes
        What a small one must fit in.
    """

    def __init__(self, log: Log, most_held: int, segment_bytes: int) -> None:
        self._log, self._most_held, self._segment_bytes = log, most_held, segment_bytes
        self._held = bytearray()
        self._sha256 = sha256()
        self._size = 0
        self._stretch: Stretch | None = None
        self._written = self._unsynced = 0
        self._ended = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abandon what was not committed."""
        self.abandon()

    def append(self, parts: Sequence[Octets]) -> None:
        """Add the next bytes of the instance; they are copied or written, and the buffers are free again.

        Raises
        ------
        OutOfSpace, StorageUnavailable
            When a large instance cannot be written; the writer has then abandoned it.
        """
        self._must_be_open()
        for part in parts:
            view = memoryview(part).cast("B")
            self._sha256.update(view)
            self._size += len(view)
            for start in range(0, len(view), _PIECE):
                self._held += view[start : start + _PIECE]
                self._spill(self._most_held if self._stretch is None else _PIECE)

    def commit(self, header: bytes) -> Place:
        """Return when the instance and its header are on stable storage.

        Raises
        ------
        OutOfSpace, StorageUnavailable
            When they are not; the instance counts as abandoned, and may yet turn up at recovery.
        Permanent
            When the header is longer than 1 MiB.
        """
        self._must_be_open()
        check_header(header)
        if self._stretch is None and record_size(self._size, len(header)) > self._segment_bytes:
            self._spill(0)
        self._ended = True
        digest = self._sha256.digest()
        if self._stretch is None:
            return self._log.keep(header, [self._held], digest, self._size)
        self._held += header + padding(self._size, len(header))
        self._write(self._stretch, len(self._held))
        return self._log.finish(self._stretch, header, digest, self._size)

    def abandon(self) -> None:
        """Forget the instance; nothing of it will be found. After ``commit`` or a failure this does nothing."""
        if not self._ended:
            self._ended = True
            if self._stretch is not None:
                self._log.withdraw(self._stretch)

    def _spill(self, most: int) -> None:
        """Write whole blocks of what is held once it is more than ``most`` bytes."""
        if len(self._held) <= most:
            return
        if self._stretch is None:
            with self._ending_on_failure():
                self._stretch = self._log.claim()
            self._held[:0] = bytes(HEAD_BYTES)  # the head is written last
        self._write(self._stretch, len(self._held) // BLOCK * BLOCK)

    def _write(self, stretch: Stretch, count: int) -> None:
        with self._ending_on_failure(), self._log.withdrawing(stretch), memoryview(self._held) as held:
            self._log.check_growth(stretch, self._written, count)
            self._log.write(stretch, [held[:count]], self._written)
        self._written += count
        self._unsynced += count
        if self._unsynced >= _SYNCED_ON_THE_WAY:
            with self._ending_on_failure(), self._log.withdrawing(stretch):
                self._log.sync(stretch)
            self._unsynced = 0
        del self._held[:count]

    @contextmanager
    def _ending_on_failure(self) -> Iterator[None]:
        ended, self._ended = self._ended, True
        yield
        self._ended = ended

    def _must_be_open(self) -> None:
        if self._ended:
            raise ValueError("the writer has ended")
