"""The PACS of the demo: a storage SCP that writes what it gets to a folder, or the address of a real one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

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
    """A storage SCP on a free loopback port; every object becomes a file such as ``folder/SEG-819615.dcm``."""

    def __init__(self, folder: Path, ae_title: str = "DEMO_PACS") -> None:
        """Listen at once."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._names: dict[str, str] = {}
        entity = AE(ae_title=ae_title)
        entity.supported_contexts = AllStoragePresentationContexts
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._on_store)])
        assert isinstance(server, ThreadedAssociationServer)
        self._server = server
        self.address = Address(ae_title, "127.0.0.1", int(server.server_address[1]))

    def name_of(self, sop_instance_uid: str) -> str:
        """Return the file name of an object that was stored, and the UID of one that was not."""
        return self._names.get(sop_instance_uid, sop_instance_uid)

    def stop(self) -> None:
        """Let no one in any more."""
        self._server.shutdown()

    def _on_store(self, event: Event) -> int:
        stored = event.dataset
        name = f"{stored.Modality}-{stored.SOPInstanceUID[-6:]}.dcm"
        (self._folder / name).write_bytes(event.encoded_dataset())
        self._names[str(stored.SOPInstanceUID)] = name
        return 0x0000
