"""Where the bytes of an instance lie: a stretch of a segment, to be read by any process."""

import io
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from node.spool.disk import reporting
from node.spool.errors import Corrupt

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a segment, and what its bytes must add up to.

    A segment that was freed has another name from then on, so an old place leads nowhere, never to other bytes.

    Attributes
    ----------
    path
        The segment.
    offset, size
        Of the instance in it, in bytes.
    sha256
        Of the instance, in hexadecimal digits.
    record
        Where the record begins that holds it.
    """

    path: Path
    offset: int
    size: int
    sha256: str
    record: int

    @property
    def segment(self) -> str:
        """The name of the segment, which is all that a mark or a list of what is needed speaks of."""
        return self.path.name

    def open(self) -> BinaryIO:
        """Return the instance as a file to read.

        Raises
        ------
        StorageUnavailable
            When the segment is not there or cannot be read.
        """
        with reporting(f"read {self.path}"):
            return io.BufferedReader(_Stretch(self), _CHUNK)

    def read_bytes(self, *, check: bool = False) -> bytes:
        """Return the bytes of the instance; with ``check`` only when they are those that were kept.

        Raises
        ------
        StorageUnavailable
            When the segment is not there or cannot be read.
        Corrupt
            When bytes are missing, or are others.
        """
        with self.open() as file, reporting(f"read {self.path}"):
            data = file.read()
        if len(data) != self.size:
            raise Corrupt(f"{self.path} ends at {self.offset + len(data)}, within an instance")
        if check and sha256(data).hexdigest() != self.sha256:
            raise Corrupt(f"{self.path} at {self.offset}: not the {self.size} bytes that were kept")
        return data

    def check(self) -> None:
        """Compare the bytes on the disk with what was kept, a piece at a time; errors as ``read_bytes``."""
        found = sha256()
        with self.open() as file, reporting(f"read {self.path}"):
            while piece := file.read(_CHUNK):
                found.update(piece)
        if found.hexdigest() != self.sha256:
            raise Corrupt(f"{self.path} at {self.offset}: not the {self.size} bytes that were kept")


class _Stretch(io.RawIOBase):
    """A stretch of a file as a file."""

    def __init__(self, place: Place) -> None:
        self._descriptor = os.open(place.path, os.O_RDONLY | os.O_CLOEXEC)
        self._start, self._size, self._at = place.offset, place.size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self._size - self._at))
        count = os.preadv(self._descriptor, [memoryview(buffer)[:wanted]], self._start + self._at) if wanted else 0
        self._at += count
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()
