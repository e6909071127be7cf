"""Start, watch and end a server process that belongs to one test."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.wait import wait_until


@dataclass(frozen=True, slots=True)
class Server:
    """A process that leads its own process group, and the file its output goes to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        """Whether the first process of the group is alive."""
        return self.process.poll() is None

    def terminate(self, timeout: float = 30.0) -> int:
        """Send SIGTERM to the first process, wait until it has left, and return its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Send SIGKILL to the whole group at once and wait until none of it is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not _living_members(self.process.pid), timeout=30.0, what="the end of the group")


def start_server(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Server:
    """Start a command as the leader of a new process group; its output is added to the log file."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    return Server(process, log)


def free_port() -> int:
    """Return a TCP port on which nothing listens on the loopback interface at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening_addresses(port: int) -> set[str]:
    """Return the local addresses that listen on a port, as /proc/net writes them (hexadecimal)."""
    listening = "0A"
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            address, _, hexadecimal_port = local.partition(":")
            if state == listening and int(hexadecimal_port, 16) == port:
                found.add(address)
    return found


def _living_members(group: int) -> list[int]:
    """Return the processes of a group, zombies left out: nobody may be there to reap an orphan."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, _, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(its_group) == group and state != "Z":
                    members.append(int(entry.name))
    return members
