"""A disk that forgets what was not synced: a folder as programs see it, and what of it would outlast a loss of power.

Every write that no sync covers may be kept, lost or torn, block by block and in any order; every new name that no sync
of its folder covers may be lost. That is more than an ordinary file system does to anyone.
"""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import RLock

from node.spool.disk import LocalDisk, Octets

SECTOR = 512


class PowerLost(BaseException):
    """The power went; whoever sees it does nothing more."""


@dataclass(eq=False)
class _File:
    """What is on stable storage, and in order what was written since (with None for what cuts the file off there)."""

    lasting: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def settle(self, count: int) -> None:
        for offset, data in self.pending[:count]:
            _put(self.lasting, offset, data)
        del self.pending[:count]


@dataclass(frozen=True)
class _Naming:
    """A change of names since the last sync of the folder."""

    file: _File
    old: str | None
    new: str | None


class FragileDisk(LocalDisk):
    """The file system of one folder, whose power can go at any operation.

    Parameters
    ----------
    folder
        What is in it already is on stable storage.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left: int | None = None
        self._guard = RLock()
        self._open: dict[int, _File] = {}
        self._failing: dict[str, int] = {}
        self._namings: list[_Naming] = []
        self._names: dict[str, _File] = {}  # as programs see them
        self.free = 1 << 40
        self.syncs = 0
        if folder.exists():
            self._names = {path.name: _File(bytearray(path.read_bytes())) for path in folder.iterdir()}
        self._lasting_names = dict(self._names)

    def fail(self, operation: str, error: int | None) -> None:
        """Let an operation (the name of a method) fail with an errno from now on; None lets it succeed again."""
        if error is None:
            self._failing.pop(operation, None)
        else:
            self._failing[operation] = error

    def cut(self, after: int = 0) -> None:
        """Take the power away, now or after so many operations."""
        with self._guard:
            self._left = after

    def leave_to(self, folder: Path, chance: Random) -> None:
        """Write into a new folder what a loss of power at this moment might leave."""
        with self._guard:
            names = dict(self._lasting_names)
            _rename_some(names, self._namings, chance)
            folder.mkdir(mode=0o700)
            for name, file in names.items():
                (folder / name).write_bytes(_leave(file, chance))

    # the operations -----------------------------------------------------------------------------------------------

    def make_folder(self, folder: Path) -> None:
        self._spend("make_folder")
        super().make_folder(folder)

    def lock(self, path: Path) -> int:
        return super().lock(path)

    def open(self, path: Path, *, create: bool = False) -> int:
        with self._guard:
            self._spend("open")
            descriptor = super().open(path, create=create)
            if create:
                self._names[path.name] = _File()
                self._namings.append(_Naming(self._names[path.name], None, path.name))
            self._open[descriptor] = self._names[path.name]
            return descriptor

    def close(self, descriptor: int) -> None:
        with self._guard:
            self._open.pop(descriptor, None)
            super().close(descriptor)

    def write(self, descriptor: int, parts: Sequence[Octets], offset: int) -> int:
        with self._guard:
            data = b"".join(parts)
            if descriptor in self._open:  # the write that the power goes in may be there in part
                self._open[descriptor].pending.append((offset, data))
            self._spend("write")
            return os.pwrite(descriptor, data, offset)

    def reserve(self, descriptor: int, size: int) -> None:
        with self._guard:
            self._spend("reserve")
            had = self.size(descriptor)
            super().reserve(descriptor, size)
            self._open[descriptor].pending.append((had, bytes(max(0, size - had))))

    def truncate(self, descriptor: int, size: int) -> None:
        with self._guard:
            self._spend("truncate")
            super().truncate(descriptor, size)
            self._open[descriptor].pending.append((size, None))

    def sync(self, descriptor: int) -> None:
        with self._guard:
            file = self._open[descriptor]
            covered = len(file.pending)
            if "sync" in self._failing:
                del file.pending[:covered]  # as Linux does: the pages count as clean, and are on no disk
            self._spend("sync")
            self.syncs += 1
            file.settle(covered)

    def sync_folder(self, folder: Path) -> None:
        with self._guard:
            self._spend("sync_folder")
            if folder == self._folder:
                self._lasting_names = dict(self._names)
                self._namings.clear()

    def rename(self, old: Path, new: Path) -> None:
        with self._guard:
            self._spend("rename")
            super().rename(old, new)
            file = self._names[new.name] = self._names.pop(old.name)
            self._namings.append(_Naming(file, old.name, new.name))

    def remove(self, path: Path) -> None:
        with self._guard:
            self._spend("remove")
            super().remove(path)
            self._namings.append(_Naming(self._names.pop(path.name), path.name, None))

    def free_bytes(self, folder: Path) -> int:  # noqa: ARG002 - there is one folder
        self._spend("free_bytes")
        return self.free

    def _spend(self, operation: str) -> None:
        with self._guard:
            if self._left is not None:
                if self._left <= 0:
                    raise PowerLost
                self._left -= 1
            if error := self._failing.get(operation):
                raise OSError(error, os.strerror(error))


class NeverSyncs(FragileDisk):
    """A planted fault: a sync does nothing."""

    def sync(self, descriptor: int) -> None:  # noqa: ARG002 - that is the fault
        with self._guard:
            self._spend("sync")


class SyncsLate(FragileDisk):
    """A planted fault: what a sync covers is on stable storage only with the next one; it answers too early."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._owed: dict[int, int] = {}

    def sync(self, descriptor: int) -> None:
        with self._guard:
            self._spend("sync")
            file = self._open[descriptor]
            file.settle(self._owed.pop(descriptor, 0))
            self._owed[descriptor] = len(file.pending)


class NeverSyncsNames(FragileDisk):
    """A planted fault: new names are never brought to stable storage."""

    def sync_folder(self, folder: Path) -> None:  # noqa: ARG002 - that is the fault
        self._spend("sync_folder")


def rotten(path: Path, offset: int, size: int = 1) -> None:
    """Turn over the bits of a stretch of a file, as a disk may that is older than it says."""
    with path.open("r+b") as file:
        file.seek(offset)
        data = file.read(size)
        if len(data) != size:
            raise OSError(errno.EINVAL, "the stretch lies outside the file")
        file.seek(offset)
        file.write(bytes(byte ^ 0xFF for byte in data))


def _rename_some(names: dict[str, _File], namings: Sequence[_Naming], chance: Random) -> None:
    """Let some changes of names be lost, and with each every later one of its file."""
    odds = chance.choice([0.0, 0.5, 1.0])
    lost: set[_File] = set()
    for naming in namings:
        if naming.file in lost or chance.random() >= odds:
            lost.add(naming.file)
            continue
        if naming.old is not None:
            names.pop(naming.old, None)
        if naming.new is not None:
            names[naming.new] = naming.file


def _leave(file: _File, chance: Random) -> bytes:
    """Return what stays of a file: of each write all, nothing, its beginning, or some of its sectors."""
    left = bytearray(file.lasting)
    for offset, data in file.pending:
        fate = chance.choice(["kept", "lost", "cut", "torn"])
        if data is None or fate == "kept":
            if fate != "lost":
                _put(left, offset, data)
        elif fate == "cut":
            _put(left, offset, data[: chance.randrange(0, len(data) + 1, SECTOR)])
        elif fate == "torn":
            for start in range(0, len(data), SECTOR):
                if chance.random() < 0.5:
                    _put(left, offset + start, data[start : start + SECTOR])
    return bytes(left)


def _put(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if data and offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data
