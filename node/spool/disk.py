"""What the spool asks of the operating system, one call a method, so that a test can lose power between any two."""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from node.errors import OutOfSpace, StorageUnavailable
from node.spool.errors import SpoolInUse

Octets = bytes | bytearray | memoryview
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_MOST_PARTS = 512  # in one system call; Linux takes 1024


class Disk(Protocol):
    """Files, folders and what makes them last; every method raises OSError as the system does."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder and its parents, their names on stable storage; one that exists is left as it is."""

    def lock(self, path: Path) -> int:
        """Take the lock of a file for this process and return its descriptor, or raise BlockingIOError."""

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder."""

    def open(self, path: Path, *, create: bool = False) -> int:
        """Return a descriptor to read and write; ``create`` makes a file that must not exist."""

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""

    def size(self, descriptor: int) -> int:
        """Return the length of a file in bytes."""

    def write(self, descriptor: int, parts: Sequence[Octets], offset: int) -> int:
        """Write at an offset and return how many bytes were written, which may be fewer than given."""

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read at most ``size`` bytes at an offset."""

    def reserve(self, descriptor: int, size: int) -> None:
        """Give a file its length and the space for it."""

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file off."""

    def sync(self, descriptor: int) -> None:
        """Bring what was written to a file, and its length, to stable storage."""

    def sync_folder(self, folder: Path) -> None:
        """Bring the names in a folder to stable storage."""

    def forget(self, descriptor: int) -> None:
        """Drop what memory holds of a file, so that the next read tells what the disk holds."""

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name in the same folder."""

    def remove(self, path: Path) -> None:
        """Remove a file."""

    def free_bytes(self, folder: Path) -> int:
        """Return how many bytes the disk of a folder still takes."""


class LocalDisk:
    """The file system of this machine."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder and its parents, for this user's eyes only: it holds patients' data."""
        fresh = [step for step in folder.parents if not step.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for step in (folder, *fresh):  # the folder even when it was there: whoever made it may not have come so far
            self.sync_folder(step.parent)

    def lock(self, path: Path) -> int:
        """Take the lock; it ends with the process, however that ends."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder."""
        return os.listdir(folder)  # noqa: PTH208 - names are wanted, not paths

    def open(self, path: Path, *, create: bool = False) -> int:
        """Return a descriptor to read and write."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0), 0o600)

    def close(self, descriptor: int) -> None:
        """Close a descriptor."""
        os.close(descriptor)

    def size(self, descriptor: int) -> int:
        """Return the length of a file in bytes."""
        return os.fstat(descriptor).st_size

    def write(self, descriptor: int, parts: Sequence[Octets], offset: int) -> int:
        """Write with one pwritev."""
        return os.pwritev(descriptor, parts, offset)

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """Read with one pread."""
        return os.pread(descriptor, size, offset)

    def reserve(self, descriptor: int, size: int) -> None:
        """Allocate."""
        os.posix_fallocate(descriptor, 0, size)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file off."""
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Sync the data and what is needed to find it again."""
        os.fdatasync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Sync the names."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, descriptor: int) -> None:
        """Drop clean pages."""
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def rename(self, old: Path, new: Path) -> None:
        """Rename."""
        old.rename(new)

    def remove(self, path: Path) -> None:
        """Unlink."""
        path.unlink()

    def free_bytes(self, folder: Path) -> int:
        """Return what is free to an ordinary user."""
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize


def write_all(disk: Disk, descriptor: int, parts: Sequence[Octets], offset: int) -> None:
    """Write every byte of the parts one after the other, in one call where the system takes them in one."""
    waiting = [view for part in parts if len(view := memoryview(part).cast("B"))]
    while waiting:
        written = disk.write(descriptor, waiting[:_MOST_PARTS], offset)
        if not written:
            raise OSError(errno.EIO, "nothing was written")
        offset += written
        while waiting and written >= len(waiting[0]):
            written -= len(waiting.pop(0))
        if written:
            waiting[0] = waiting[0][written:]


@contextmanager
def reporting(what: str) -> Iterator[None]:
    """Turn what the operating system says into our errors; ``what`` names what could not be done."""
    try:
        yield
    except OSError as error:
        raise failure(what, error) from error


def failure(what: str, error: OSError) -> StorageUnavailable:
    """Return our error for one of the operating system."""
    reason = f"cannot {what}: {error.strerror or error}"
    if isinstance(error, BlockingIOError):
        return SpoolInUse(reason)
    return OutOfSpace(reason) if error.errno in _NO_SPACE else StorageUnavailable(reason)
