"""The whole node as a test runs it: `glia serve` in its own process group, with its own settings file."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from support.process import Server, free_port, listening_addresses, start_server
from support.require import REPOSITORY
from support.wait import wait_until

AE_TITLE = "GLIA"
Table = Mapping[str, object]

# Short waits, so that a test sees in seconds what a hospital sees in a minute.
QUICK: Mapping[str, Table] = {
    "completion": {
        "quiet_seconds": 2.0,
        "interval_seconds": 0.2,
        "needed_wait_seconds": 3.0,
        "optional_wait_seconds": 3.0,
    },
    "storage": {"segment_mb": 4, "free_segments": 2},
    "worker": {"poll_seconds": 0.2, "retry_seconds": 0.5},
    "sender": {"poll_seconds": 0.2, "first_retry_seconds": 0.5},
}


class NodeProcess:
    """A node with its data in one folder; it can be stopped or killed, and started again on what is left.

    Parameters
    ----------
    folder
        Where the settings, the data and the log of this node go.
    destinations
        AE title and loopback port of each PACS that the node knows.
    tables
        Further settings by table, such as `{"worker": {"lease_seconds": 5}}`; they go before `QUICK`.
    port
        Where it listens; a free port if not given.
    """

    def __init__(
        self,
        folder: Path,
        destinations: Mapping[str, int],
        tables: Mapping[str, Table] | None = None,
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.data = folder / "data"
        self.log = folder / "node.log"
        self._settings = folder / "glia.toml"
        self._settings.write_text(_toml(self._tables(tables or {}), _peers(destinations)))
        self._server: Server | None = None

    def start(self, timeout: float = 60.0) -> None:
        """Start the node and wait until it answers a C-ECHO."""
        server = start_server(
            [sys.executable, "-m", "node", "serve", "--config", str(self._settings)],
            log=self.log,
            environment={"PYTHONPATH": str(REPOSITORY)},
        )
        self._server = server
        wait_until(lambda: not server.running or echo(self.port), timeout, what="the node's C-ECHO")
        assert server.running, self.log_text()

    def stop(self, timeout: float = 90.0) -> int:
        """Ask the node to leave (SIGTERM), wait until it has, and return its exit status."""
        assert self._server is not None, "the node was never started"
        return self._server.terminate(timeout)

    def kill(self) -> None:
        """End every process of the node at once (SIGKILL), as a power cut would; no matter if it has left."""
        if self._server is not None:
            self._server.kill()

    def log_text(self) -> str:
        """Return everything that the node has said, over all its starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _tables(self, given: Mapping[str, Table]) -> dict[str, Table]:
        own: dict[str, Table] = {
            "listener": {"ae_title": AE_TITLE, "host": "127.0.0.1", "port": self.port},
            "storage": {"folder": str(self.data)},
        }
        names = [*own, *QUICK, *given]
        return {name: {**own.get(name, {}), **QUICK.get(name, {}), **given.get(name, {})} for name in names}


def echo(port: int) -> bool:
    """Whether an application entity on a loopback port answers a C-ECHO with success."""
    if not listening_addresses(port):
        return False
    ae = AE()
    ae.add_requested_context(Verification)
    ae.connection_timeout = 5
    association = ae.associate("127.0.0.1", port, ae_title=AE_TITLE)
    if not association.is_established:
        return False
    status = association.send_c_echo()
    association.release()
    return "Status" in status and status.Status == 0x0000


def _peers(destinations: Mapping[str, int]) -> list[Table]:
    return [{"ae_title": title, "host": "127.0.0.1", "port": port} for title, port in destinations.items()]


def _toml(tables: Mapping[str, Table], destinations: Sequence[Table]) -> str:
    """Write settings as TOML; strings, numbers, booleans and lists look the same in JSON."""
    sections = [("[" + name + "]", table) for name, table in tables.items()]
    sections += [("[[destinations]]", table) for table in destinations]
    return "\n".join(
        f"{head}\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for head, table in sections
    )
