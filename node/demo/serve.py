"""The node of the demo: ``glia serve`` in a process of its own, on a free port, with a data folder for a moment."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.demo.errors import DemoError
from node.demo.pacs import Address
from node.demo.send import answers

CALLING_AE_TITLE = "GLIA_DEMO"
QUIET_SECONDS = 1.0
WAIT_SECONDS = 3.0
START_SECONDS = 60.0


def database_url(data: Path) -> str:
    """Return the URL of the node's database in its data folder."""
    return f"sqlite:///{data / 'glia.sqlite'}"


@contextmanager
def serving(data: Path, pacs: Address, log: Path) -> Iterator[Address]:
    """Run a node that sends all results to ``pacs``; stop it at the end.

    Raises
    ------
    DemoError
        When it does not answer a C-ECHO in time.
    """
    address = Address("GLIA", "127.0.0.1", _free_port())
    settings = data / "glia.toml"
    settings.write_text(
        f'destinations = [{{ ae_title = "{pacs.ae_title}", host = "{pacs.host}", port = {pacs.port} }}]\n'
        f'rules = [{{ calling_ae_title = "*", model = "*", destinations = ["{pacs.ae_title}"] }}]\n'
        f'[listener]\nport = {address.port}\n[storage]\nfolder = "{data}"\n'
        f"[completion]\nquiet_seconds = {QUIET_SECONDS}\n"
        f"needed_wait_seconds = {WAIT_SECONDS}\noptional_wait_seconds = {WAIT_SECONDS}\n"
    )
    command = [sys.executable, "-m", "node", "serve", "--config", str(settings)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)  # noqa: S603 - our own command line
    try:
        _wait_for(process, address, log)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], address: Address, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers(address, CALLING_AE_TITLE):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DemoError(f"the node did not start; see {log}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
