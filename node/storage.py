"""Where files live, and how they come to stay there: write, fsync, rename, fsync the folder."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from node.errors import OutOfSpace, StorageUnavailable

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BYTES_PER_MB = 1_000_000


class Area(StrEnum):
    """The top folders."""

    RESULTS = "results"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file on stable storage."""

    path: Path
    sha256: str
    size: int


class Storage:
    """Files named after their own content, in folders named after a hash: no name is built from input.

    The same bytes kept twice for the same owner are one file, so a sender may repeat itself.

    Parameters
    ----------
    folder
        Made if it is not there.
    minimum_free_mb
        Space in MB (1,000,000 bytes) that stays free on the disk.

    Raises
    ------
    StorageUnavailable
        When the folder cannot be made.
    """

    def __init__(self, folder: Path, minimum_free_mb: int) -> None:
        self._folder = folder.absolute()
        self._minimum_free = minimum_free_mb * _BYTES_PER_MB
        self._durable_folders: set[Path] = set()
        with _reporting(self._folder):
            _make_durable_folder(self._folder)

    def keep(self, data: bytes, area: Area, owner: str) -> Kept:
        """Put bytes on stable storage.

        Parameters
        ----------
        owner
            What the file belongs to, such as a Series Instance UID; any text will do.

        Raises
        ------
        OutOfSpace
            When the disk is full, or would be fuller than allowed.
        StorageUnavailable
            When the file cannot be written for another reason.
        """
        digest = sha256(data).hexdigest()
        name = sha256(owner.encode(errors="surrogatepass")).hexdigest()[:32]
        folder = self._folder / area / name[:2] / name
        path = folder / f"{digest}.dcm"
        self._check_space(len(data))
        with _reporting(folder):
            if folder not in self._durable_folders:
                _make_durable_folder(folder, below=self._folder)
                self._durable_folders.add(folder)
            _write_durably(path, data)
        return Kept(path, digest, len(data))

    def installation(self, fresh: str) -> str:
        """Return the name this folder's installation goes by for ever: ``fresh`` when it has none yet."""
        path = self._folder / "installation"
        with _reporting(self._folder), (self._folder / "installation.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two rooms may start at once, and only the first may choose
            if not path.exists():
                _write_durably(path, fresh.encode())
            return path.read_text()

    def remove_leftovers(self) -> int:
        """Remove files whose writer died half-way, and say how many; files being written are left alone."""
        with _reporting(self._folder):
            return sum(_remove_unless_locked(path) for path in self._folder.rglob("*.part"))

    def _check_space(self, size: int) -> None:
        with _reporting(self._folder):
            free = shutil.disk_usage(self._folder).free
        if free - size < self._minimum_free:
            raise OutOfSpace(
                f"{free // _BYTES_PER_MB} MB free, {self._minimum_free // _BYTES_PER_MB} MB must stay free"
            )


def _write_durably(path: Path, data: bytes) -> None:
    part = path.with_name(f"{uuid.uuid4().hex}.part")  # the name of a moment: it never outlives this call
    try:
        with part.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # tells remove_leftovers that its writer is alive
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
        _sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _remove_unless_locked(path: Path) -> bool:
    with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
        return True
    return False


def _make_durable_folder(folder: Path, below: Path | None = None) -> None:
    """Make a folder and see to it that the names of all new folders on the way are on stable storage.

    Folders under ``below`` are synced even when they exist: another thread may have made them a moment ago
    and not have synced them yet.
    """
    on_the_way = [folder, *folder.parents]
    fresh = [step for step in on_the_way if not step.exists() or (below is not None and below in step.parents)]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # patients' data
    for step in fresh:
        _sync_folder(step.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reporting(folder: Path) -> Iterator[None]:
    """Turn what the operating system says into our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise OutOfSpace(f"no space left: {error.strerror}") from error
        raise StorageUnavailable(f"cannot write to {folder}: {error.strerror}") from error
