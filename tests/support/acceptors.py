"""Two acceptors to compare: ours, and pynetdicom's own, with the same contexts, limits and answers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from pydicom import Dataset
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time
from structlog.testing import capture_logs
from support.association import AE_TITLE, MAXIMUM_LENGTH

from node.association.server import Entity, Server
from node.intake import Answer, Buffer, StoreRequest
from node.status import Status

FULL = b"FULL"
"""A data set that begins with this is refused: the disk is full."""


def answer_to(data_set: bytes) -> Answer:
    """Return what both acceptors answer."""
    if data_set.startswith(FULL):
        return Answer(
            Status.OUT_OF_RESOURCES, "the disk is full: 3 MB\\4 MB, \N{LATIN SMALL LETTER E WITH ACUTE}" + 60 * "x"
        )
    return Answer(Status.SUCCESS, series_instance_uid="1.2.3.4")


@dataclass(slots=True)
class FakeIntake:
    """Keeps what it is given in memory; ``before`` runs before each answer."""

    before: Callable[[], None] = lambda: None
    kept: list[tuple[StoreRequest, bytes]] = field(default_factory=list)
    largest_part: int = 0
    added: int = 0
    dropped: int = 0

    def begin(self, request: StoreRequest) -> "_FakeKeeping":
        return _FakeKeeping(self, request)


class _FakeKeeping:
    def __init__(self, intake: FakeIntake, request: StoreRequest) -> None:
        self._intake, self._request, self._data = intake, request, b""

    def add(self, parts: Sequence[Buffer]) -> None:
        self._intake.added += 1
        self._take(parts)

    def finish(self, parts: Sequence[Buffer]) -> Answer:
        self._take(parts)
        self._intake.before()
        self._intake.kept.append((self._request, self._data))
        return answer_to(self._data)

    def drop(self) -> None:
        self._intake.dropped += 1

    def _take(self, parts: Sequence[Buffer]) -> None:
        joined = b"".join(parts)
        self._intake.largest_part = max(self._intake.largest_part, len(joined))
        self._data += joined


@dataclass(slots=True)
class FakeJournal:
    """Notes what it hears, as words."""

    lines: list[tuple[str, ...]] = field(default_factory=list)
    associations: list[object] = field(default_factory=list)
    _lock: Any = field(default_factory=Lock)

    def accepted(self, calling_ae_title: str, refused: Sequence[str], *, is_useful: bool) -> None:
        self._note("accepted", calling_ae_title, *refused, *(() if is_useful else ("useless",)))

    def rejected(self, calling_ae_title: str, called_ae_title: str, reason: str = "") -> None:
        self._note("rejected", calling_ae_title, called_ae_title, reason)

    def answered(self, association: object, answer: Answer) -> None:
        self._note("answered", f"{answer.status:04X}", association=association)

    def released(self, association: object, calling_ae_title: str) -> None:
        self._note("released", calling_ae_title, association=association)

    def aborted(self, association: object, calling_ae_title: str, reason: str) -> None:
        self._note("aborted", calling_ae_title, reason, association=association)

    def heard(self, word: str) -> list[tuple[str, ...]]:
        with self._lock:
            return [line[1:] for line in self.lines if line[0] == word]

    def _note(self, *line: str, association: object = None) -> None:
        with self._lock:
            self.lines.append(line)
            if association:
                self.associations.append(association)


def configure(ae: AE, network_timeout: float = 60.0, acse_timeout: float = 30.0) -> None:
    """Give an application entity what both acceptors have."""
    ae.require_called_aet = True
    ae.maximum_pdu_size = MAXIMUM_LENGTH
    ae.network_timeout, ae.acse_timeout = network_timeout, acse_timeout
    ae.add_supported_context(Verification)
    for sop_class in (MRImageStorage, EnhancedMRImageStorage):
        ae.add_supported_context(sop_class, ALL_TRANSFER_SYNTAXES)


@contextmanager
def our_acceptor(
    intake: FakeIntake, journal: FakeJournal, places: int = 100, calling: Sequence[str] = (), **timeouts: float
) -> Iterator[Server]:
    """Run our acceptor on a free port."""
    entity = Entity(AE_TITLE, places)
    configure(entity, **timeouts)
    entity.require_calling_aet = list(calling)
    with capture_logs() as lines:
        server = entity.listen(("127.0.0.1", 0), intake, journal)
        try:
            yield server
        finally:
            server.stop()
    assert not lines, lines


@contextmanager
def library_acceptor(
    kept: list[tuple[str, str, bytes]], places: int = 100, calling: Sequence[str] = (), **timeouts: float
) -> Iterator[int]:
    """Run pynetdicom's own acceptor, which notes sender, instance UID and data set; return its port."""

    def on_store(event: Event) -> Dataset:
        data_set = event.request.DataSet.getvalue()
        kept.append((event.assoc.requestor.ae_title, str(event.request.AffectedSOPInstanceUID), data_set))
        answer, response = answer_to(data_set), Dataset()
        response.Status = int(answer.status)
        if answer.reason:
            response.ErrorComment = answer.reason.encode("ascii", "replace").decode().replace("\\", "/")[:64]
        return response

    ae = AE(ae_title=AE_TITLE)
    configure(ae, **timeouts)
    ae.maximum_associations = places
    ae.require_calling_aet = list(calling)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)])
    assert server is not None
    try:
        yield int(server.server_address[1])
    finally:
        ae.shutdown()
