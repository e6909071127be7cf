"""A block device that forgets what was not flushed, under the kernel's own page cache and file system.

A file in a FUSE file system of this program's own, a loop device on that file, ext4 on the loop device: every write of
ext4 arrives here as a write, every flush as an fsync. When the power goes, writes since the last flush are kept, lost
or torn at random. It does what device-mapper's log-writes does, where the kernel has no device mapper; it needs root,
/dev/fuse and a free loop device.
"""

import contextlib
import ctypes
import errno
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from support.power_loss import SECTOR
from support.require import REPOSITORY, require_tool

SIZE = 48 << 20
_NAME = b"disk"
_MOST = 1 << 17  # bytes in one write
_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
_LOOKUP, _FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITE, _STATFS, _RELEASE, _FSYNC = (
    1,
    2,
    3,
    4,
    14,
    15,
    16,
    17,
    18,
    20,
)
_FLUSH, _INIT, _OPENDIR, _RELEASEDIR, _INTERRUPT, _DESTROY, _BATCH_FORGET = 25, 26, 27, 29, 36, 38, 42


@contextlib.contextmanager
def fragile_device(folder: Path) -> Iterator["FragileDevice"]:
    """Run the device with an empty ext4 on it, mounted; skip where the system cannot."""
    if os.geteuid() != 0 or not Path("/dev/fuse").exists() or not Path("/dev/loop-control").exists():
        pytest.skip("needs root, /dev/fuse and loop devices")
    for tool in ("losetup", "mkfs.ext4", "mount", "umount"):
        require_tool(tool)
    device = FragileDevice(folder)
    try:
        device.start()
        yield device
    finally:
        device.stop()


class FragileDevice:
    """The device, the process that serves it, and what is mounted on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.mounted = folder / "mounted"
        self._served = folder / "served"
        self._undo: list[list[str]] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve, make a file system, mount it."""
        self._served.mkdir(parents=True)
        command = [sys.executable, "-m", "support.power_loss_device", str(self._served)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY / "tests", env=_environment()
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"mounted\n":
            pytest.skip("FUSE cannot be mounted here")
        self._undo.append(["umount", "--lazy", str(self._served)])
        self._mount(self._served / _NAME.decode(), self.mounted, make=True)

    def lose_power(self, seed: int) -> Path:
        """Take the power away now; return an image of what is left on the disk."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        image = self._folder / "left"
        self._process.stdin.write(f"{seed} {image}\n".encode())
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"cut\n"
        return image

    def mount_again(self, image: Path) -> Path:
        """Mount an image, whose journal the kernel plays back, and return where."""
        where = self._folder / "again"
        self._mount(image, where, make=False)
        return where

    def stop(self) -> None:
        """Undo every mount and end the process."""
        for command in reversed(self._undo):
            subprocess.run(command, check=False, capture_output=True)
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _mount(self, file: Path, where: Path, *, make: bool) -> None:
        where.mkdir()
        loop = _run("losetup", "--find", "--show", str(file))
        self._undo.append(["losetup", "--detach", loop])
        if make:
            _run("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", loop)
        _run("mount", "-t", "ext4", loop, str(where))
        self._undo.append(["umount", "--lazy", str(where)])


class _Server:
    """Answers the kernel: a folder with one file, every write of which is remembered until the next fsync."""

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._lasting = bytearray(SIZE)
        self._seen = bytearray(SIZE)
        self._pending: list[tuple[int, bytes]] = []
        self._dead = False

    def answer_one(self) -> bool:
        """Read one request and answer it; False when the file system was unmounted."""
        try:
            request = os.read(self._channel, _MOST + 8192)
        except OSError as error:
            return error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT)
        _, operation, unique, node, *_ = _IN.unpack_from(request)
        if operation in (_FORGET, _BATCH_FORGET, _INTERRUPT):
            return True
        answer = self._answer(operation, node, request[_IN.size :])
        failed, body = (answer, b"") if isinstance(answer, int) else (0, answer)
        with contextlib.suppress(FileNotFoundError):  # the one who asked has been interrupted
            os.write(self._channel, _OUT.pack(_OUT.size + len(body), -failed, unique) + body)
        return operation != _DESTROY

    def cut(self, chance: Random) -> bytes:
        """Take no more writes and return what is left."""
        self._dead = True
        left = bytearray(self._lasting)
        for offset, data in self._pending:
            fate = chance.choice(["kept", "lost", "torn"])
            for start in range(0, len(data), SECTOR):
                if fate == "kept" or (fate == "torn" and chance.random() < 0.5):
                    left[offset + start : offset + start + SECTOR] = data[start : start + SECTOR]
        return bytes(left)

    def _answer(self, operation: int, node: int, body: bytes) -> bytes | int:
        if operation == _INIT:
            return struct.pack("<IIIIHHIIHHII7I", 7, 31, 0, 1 << 5, 16, 12, _MOST, 1, 0, 0, 0, 0, *[0] * 7)[:64]
        if operation == _LOOKUP:
            return (
                struct.pack("<QQQQII", 2, 0, 60, 60, 0, 0) + _attributes(2) if body == _NAME + b"\0" else errno.ENOENT
            )
        if operation in (_GETATTR, _SETATTR):
            return struct.pack("<QII", 60, 0, 0) + _attributes(node)
        if operation in (_OPEN, _OPENDIR):
            return struct.pack("<QII", 1, 1 if operation == _OPEN else 0, 0)  # 1: no page cache above us
        if operation == _STATFS:
            return struct.pack("<QQQQQIIII6I", SIZE >> 12, 0, 0, 2, 0, 4096, 255, 4096, 0, *[0] * 6)
        return self._transfer(operation, body)

    def _transfer(self, operation: int, body: bytes) -> bytes | int:
        if operation in (_RELEASE, _RELEASEDIR, _FLUSH, _DESTROY):
            return b""
        if operation in (_WRITE, _FSYNC) and self._dead:
            return errno.EIO
        if operation == _FSYNC:
            for offset, data in self._pending:
                self._lasting[offset : offset + len(data)] = data
            self._pending.clear()
            return b""
        return self._copy(operation, body) if operation in (_READ, _WRITE) else errno.ENOSYS

    def _copy(self, operation: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        if operation == _READ:
            return bytes(self._seen[offset : offset + size])
        data = body[40 : 40 + size]
        self._seen[offset : offset + size] = data
        self._pending.append((offset, data))
        return struct.pack("<II", size, 0)


def _attributes(node: int) -> bytes:
    mode, size = (0o40700, 0) if node == 1 else (0o100600, SIZE)
    return _ATTRIBUTES.pack(node, size, size >> 9, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'tests'}"}


def _run(*command: str) -> str:
    done = subprocess.run([require_tool(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


def _serve(where: str) -> None:
    import select  # noqa: PLC0415 - the serving process alone needs it

    channel = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={channel},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"power_loss", where.encode(), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), f"cannot mount on {where}")
    server = _Server(channel)
    os.write(1, b"mounted\n")
    while True:
        ready, _, _ = select.select([channel, 0], [], [])
        if 0 in ready:
            seed, _, path = os.read(0, 4096).decode().strip().partition(" ")
            if not path:
                return
            Path(path).write_bytes(server.cut(Random(int(seed))))
            os.write(1, b"cut\n")
        elif not server.answer_one():
            return


if __name__ == "__main__":
    _serve(sys.argv[1])
