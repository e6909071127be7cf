"""Storage SCPs to measure beside one another: ours and other people's, each on a free loopback port."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from support import container
from support.node_process import NodeProcess
from support.orthanc import orthanc_settings, running_orthanc
from support.process import free_port, listening_addresses, start_server
from support.require import REPOSITORY, require_tool
from support.wait import wait_until

AE_TITLE = "GLIA"
Receiver = Callable[[Path], AbstractContextManager[int]]
"""A folder for what arrives -> the port to send to."""


@contextmanager
def glia(folder: Path) -> Iterator[int]:
    """Run the whole node; nothing is analysed, as a series goes quiet after an hour."""
    node = NodeProcess(folder, {}, {"completion": {"quiet_seconds": 3600}})
    node.start()
    try:
        yield node.port
        node.stop()
    finally:
        node.kill()


@contextmanager
def orthanc(folder: Path) -> Iterator[int]:
    """Run the Orthanc of this machine's Debian as it comes: it syncs what it stores."""
    with running_orthanc(folder, node_port=free_port(), ae_title=AE_TITLE) as server:
        yield server.dicom_port


@contextmanager
def orthanc_in_container(folder: Path) -> Iterator[int]:
    """Run the Orthanc of docker/orthanc as it comes."""
    image = container.build(REPOSITORY / "docker" / "orthanc", "glia-orthanc")
    dicom_port, http_port = free_port(), free_port()
    inside = "/var/lib/orthanc/measured"
    settings = orthanc_settings(dicom_port, http_port, Path(inside), AE_TITLE)
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with container.running(image, f"{inside}/orthanc.json", volumes={folder: inside}, user="root"):
        wait_until(lambda: bool(listening_addresses(dicom_port)), timeout=60.0, what="Orthanc in a container")
        yield dicom_port


@contextmanager
def storescp(folder: Path) -> Iterator[int]:
    """Run DCMTK's, in its fastest form: a process for each association, bytes as they come, nothing synced."""
    yield from _server([require_tool("storescp"), "--fork", "+B", "--max-pdu", "131072", "-od", str(folder)], folder)


@contextmanager
def pynetdicom_storescp(folder: Path) -> Iterator[int]:
    """Run pynetdicom's own application."""
    command = [sys.executable, "-m", "pynetdicom", "storescp", "--output-directory", str(folder), "--max-pdu", "131072"]
    yield from _server(command, folder)


def _server(command: list[str], folder: Path) -> Iterator[int]:
    port = free_port()
    server = start_server([*command, str(port)], log=folder.with_suffix(".log"), environment={"TCP_NODELAY": "1"})
    try:
        wait_until(lambda: bool(listening_addresses(port)) or not server.running, timeout=30.0, what=command[0])
        assert server.running, server.log.read_text(errors="replace")
        yield port
    finally:
        server.kill()


RECEIVERS: Mapping[str, Receiver] = {
    "glia": glia,
    "orthanc": orthanc,
    "orthanc in a container": orthanc_in_container,
    "storescp": storescp,
    "pynetdicom": pynetdicom_storescp,
}
