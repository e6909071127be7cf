"""The PACS of the demo: a storage SCP that writes what it gets to a folder, or the address of a real one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydicom.uid import UID
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer


@dataclass(frozen=True, slots=True)
class Address:
    """Where an application entity listens."""

    ae_title: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``host:port:AE_TITLE``.

        Raises
        ------
        ValueError
            When it is something else; the message says what is expected.
        """
        host, _, rest = text.partition(":")
        port, _, ae_title = rest.partition(":")
        if not (host and port.isdigit() and 0 < int(port) < 65536 and 0 < len(ae_title) <= 16):
            raise ValueError(f"{text!r} is not host:port:AE_TITLE, such as 127.0.0.1:4242:ORTHANC")
        return cls(ae_title, host, int(port))


class EmbeddedPacs:
    """A storage SCP on a free loopback port; every object becomes ``folder/<SOP Instance UID>.dcm``."""

    def __init__(self, folder: Path, ae_title: str = "DEMO_PACS") -> None:
        """Listen at once."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        entity = AE(ae_title=ae_title)
        entity.supported_contexts = AllStoragePresentationContexts
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._on_store)])
        assert isinstance(server, ThreadedAssociationServer)
        self._server = server
        self.address = Address(ae_title, "127.0.0.1", int(server.server_address[1]))

    def path_of(self, sop_instance_uid: str) -> Path:
        """Return the file of an object."""
        return self._folder / f"{sop_instance_uid}.dcm"

    def stop(self) -> None:
        """Let no one in any more."""
        self._server.shutdown()

    def _on_store(self, event: Event) -> int:
        uid = UID(str(event.request.AffectedSOPInstanceUID))  # type: ignore[union-attr]
        if not uid.is_valid:
            return 0xA900
        self.path_of(uid).write_bytes(event.encoded_dataset())
        return 0x0000
