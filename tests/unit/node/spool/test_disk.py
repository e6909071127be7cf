"""What the operating system is asked, and what becomes of what it says."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from node.errors import OutOfSpace, StorageUnavailable
from node.spool.disk import LocalDisk, Octets, reporting, write_all
from node.spool.errors import SpoolInUse


class ShortDisk(LocalDisk):
    """Writes no more than so many bytes at a time, as a system may."""

    def __init__(self, most: int) -> None:
        self._most = most

    def write(self, descriptor: int, parts: Sequence[Octets], offset: int) -> int:
        return super().write(descriptor, [b"".join(parts)[: self._most]], offset)


@pytest.mark.parametrize("most", [1, 3, 4, 7, 1000])
def test_all_parts_are_written_however_little_the_system_takes_at_once(tmp_path: Path, most: int) -> None:
    disk = ShortDisk(most)
    descriptor = disk.open(tmp_path / "file", create=True)

    write_all(disk, descriptor, [b"abc", b"", bytearray(b"defg"), memoryview(b"hi")], 2)

    assert disk.read(descriptor, 100, 0) == b"\0\0abcdefghi"
    disk.close(descriptor)


def test_more_parts_than_one_call_takes_are_written(tmp_path: Path) -> None:
    disk = LocalDisk()
    descriptor = disk.open(tmp_path / "file", create=True)
    parts = [bytes([number % 256]) for number in range(3000)]

    write_all(disk, descriptor, parts, 0)

    assert disk.read(descriptor, 4000, 0) == b"".join(parts)
    disk.close(descriptor)


def test_a_system_that_writes_nothing_is_an_error_not_a_wait_for_ever(tmp_path: Path) -> None:
    disk = ShortDisk(0)
    descriptor = disk.open(tmp_path / "file", create=True)

    with pytest.raises(OSError, match="nothing was written"):
        write_all(disk, descriptor, [b"abc"], 0)
    disk.close(descriptor)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, OutOfSpace),
        (errno.EDQUOT, OutOfSpace),
        (errno.EIO, StorageUnavailable),
        (errno.EROFS, StorageUnavailable),
        (errno.ENOENT, StorageUnavailable),
        (errno.EWOULDBLOCK, SpoolInUse),
    ],
)
def test_errors_of_the_system_become_ours_with_its_words(number: int, kind: type[StorageUnavailable]) -> None:
    with pytest.raises(StorageUnavailable, match=os.strerror(number)) as caught, reporting("write to the disk"):
        raise OSError(number, os.strerror(number))

    assert type(caught.value) is kind
    assert "cannot write to the disk" in str(caught.value)


def test_a_folder_is_for_nobody_elses_eyes(tmp_path: Path) -> None:
    LocalDisk().make_folder(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_a_lock_is_given_once(tmp_path: Path) -> None:
    disk = LocalDisk()
    held = disk.lock(tmp_path / "lock")

    with pytest.raises(BlockingIOError):
        disk.lock(tmp_path / "lock")
    disk.close(held)
    disk.close(disk.lock(tmp_path / "lock"))
