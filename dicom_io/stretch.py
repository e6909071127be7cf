"""Where the bytes of one instance are: a file of its own, or a stretch of a file that holds many."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """``size`` bytes of a file, from ``offset`` on: one instance in the DICOM File Format (PS3.10)."""

    path: Path
    offset: int
    size: int

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.path.name} at byte {self.offset}" if self.offset else self.path.name


InstanceFile: TypeAlias = Path | Stretch


def size_of(file: InstanceFile) -> int:
    """Return how many bytes an instance has.

    Raises
    ------
    OSError
        When the file is out of reach.
    """
    return file.size if isinstance(file, Stretch) else file.stat().st_size


@contextmanager
def opened(file: InstanceFile) -> Iterator[io.BufferedIOBase]:
    """Open an instance to read it from its first byte to its last.

    Raises
    ------
    OSError
        When the file is out of reach, or ends before the instance does.
    """
    if not isinstance(file, Stretch):
        with file.open("rb") as whole:
            yield whole
        return
    with file.path.open("rb") as holder, io.BufferedReader(_Window(holder, file)) as window:
        yield window


class _Window(io.RawIOBase):
    """The bytes of a stretch as a file of their own."""

    def __init__(self, holder: io.BufferedIOBase, stretch: Stretch) -> None:
        self._holder, self._stretch, self._at = holder, stretch, 0

    @property
    def name(self) -> str:
        return self._stretch.name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stretch.size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the type of typeshed is 3.12's
        left = max(0, self._stretch.size - self._at)
        self._holder.seek(self._stretch.offset + self._at)
        data = self._holder.read(min(len(buffer), left))
        if left and len(buffer) and not data:
            raise OSError(f"{self._stretch.path.name} ends {left} bytes before {self._stretch.name} does")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
