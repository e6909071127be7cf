"""A PACS of tests: a storage SCP on a loopback port that can refuse, and keeps what it takes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.presentation import AllStoragePresentationContexts, PresentationContext


@dataclass(slots=True)
class Pacs:
    """What arrived, and what to answer next; success when there is no prepared answer."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    """Data sets as they came over the wire, of the requests answered with success or a warning."""
    associations: int = 0

    def on_store(self, event: Event) -> Dataset:
        response = Dataset()
        response.Status = self.answers.pop(0) if self.answers else 0x0000
        if response.Status in (0x0000, 0xB000, 0xB006, 0xB007):
            self.received.append(event.encoded_dataset(include_meta=False))
        else:
            response.ErrorComment = "not now"
        return response

    def on_accepted(self, _: Event) -> None:
        self.associations += 1


@contextmanager
def running_pacs(
    port: int = 0,
    ae_title: str = "PACS",
    contexts: Sequence[PresentationContext] = AllStoragePresentationContexts,
) -> Iterator[Pacs]:
    """Run a PACS until the end of the block."""
    pacs = Pacs()
    ae = AE(ae_title=ae_title)
    ae.require_called_aet = True
    ae.supported_contexts = list(contexts)
    handlers = [(evt.EVT_C_STORE, pacs.on_store), (evt.EVT_ACCEPTED, pacs.on_accepted)]
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    assert server is not None
    pacs.port = server.server_address[1]
    try:
        yield pacs
    finally:
        ae.shutdown()
