"""The application entity that senders call: lets them in, answers them, notices when they have finished."""

import weakref
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock

import structlog
from pynetdicom import ALL_TRANSFER_SYNTAXES
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time

from config import settings
from db.errors import DatabaseError
from dicom_io.header import MR_IMAGES
from node.association.server import Entity, Server
from node.completion import Completion
from node.errors import CannotListen
from node.index import Index, Released
from node.intake import Answer, Intake
from node.upkeep import Upkeep

_log = structlog.get_logger()


class Listener:
    """A storage SCP (PS3.4 B) for MR.

    Parameters
    ----------
    intake
        Keeps what arrives.
    index
        Writes its rows; it learns here which associations were released.
    now
        Returns the time, aware.
    """

    def __init__(
        self,
        entity: settings.Listener,
        intake: Intake,
        index: Index,
        completion: Completion,
        upkeep: Upkeep,
        now: Callable[[], datetime],
    ) -> None:
        self._entity = entity
        self._intake = intake
        self._index = index
        self._completion = completion
        self._upkeep = upkeep
        self._now = now
        self._lock = Lock()
        self._touched: weakref.WeakKeyDictionary[object, set[str]] = weakref.WeakKeyDictionary()
        self._server: Server | None = None

    def start(self) -> int:
        """Write the rows that an earlier run left behind, then listen; return the port.

        Raises
        ------
        CannotListen
            When the address cannot be had.
        DatabaseError, node.errors.StorageUnavailable
            When those rows cannot be written now.
        """
        recovered = self._index.recover()
        if recovered:
            _log.info("instances found in the spool", action="recover", instances=recovered)
        self._index.start()
        address = (self._entity.host, self._entity.port)
        try:
            self._server = server = self._application_entity().listen(address, self._intake, self)
        except OSError as error:
            raise CannotListen(f"cannot listen on {address[0]}:{address[1]}: {error.strerror}") from error
        _log.info("listening", action="listen", host=address[0], port=server.port, ae_title=self._entity.ae_title)
        return server.port

    def stop(self) -> None:
        """Let no one in any more and abort what is open; unanswered senders keep their instances."""
        if self._server:
            self._server.stop()
            self._index.stop()

    def look(self) -> bool:
        """Settle the series that are complete, forget what nobody needs; return False, as the next look can wait."""
        if not self._index.is_late(self._now()):  # else a series may seem quiet whose instances wait for their rows
            try:
                self._completion.look(self._now())
            except DatabaseError as error:
                _log.warning("look for complete series put off", action="complete", reason=str(error))
        self._upkeep.step()
        return False

    def accepted(self, calling_ae_title: str, refused: Sequence[str], *, is_useful: bool) -> None:
        """Say what else the sender has to send: it learns so itself, and asks for nothing that we could answer."""
        if refused:
            log = _log.info if is_useful else _log.warning
            log(
                "presentation contexts refused",
                action="refuse",
                calling_ae_title=calling_ae_title,
                reason=list(refused),
            )

    def rejected(self, calling_ae_title: str, called_ae_title: str, reason: str = "") -> None:
        """Say why a sender was not let in."""
        reason = reason or self._why_rejected(calling_ae_title, called_ae_title)
        _log.warning("association rejected", action="refuse", calling_ae_title=calling_ae_title, reason=reason)

    def answered(self, association: object, answer: Answer) -> None:
        """Note the series, to know at the end which ones the association had a part in."""
        if answer.series_instance_uid:
            with self._lock:
                self._touched.setdefault(association, set()).add(answer.series_instance_uid)

    def released(self, association: object, calling_ae_title: str) -> None:
        """Note that a sender has finished with its series, but for those another one is still sending."""
        with self._lock:
            series = self._touched.pop(association, set())
            released = series.difference(*self._touched.values())
        if series:
            _log.info(
                "association released", action="receive", calling_ae_title=calling_ae_title, series=sorted(series)
            )
        if released:
            self._index.add(Released(tuple(sorted(released)), self._now()))

    def aborted(self, association: object, calling_ae_title: str, reason: str) -> None:
        """Forget the association: a sender that broke off has not finished, so the quiet time decides."""
        with self._lock:
            self._touched.pop(association, None)
        words = {"reason": reason} if reason else {}
        _log.warning("association aborted", action="receive", calling_ae_title=calling_ae_title, **words)

    def _why_rejected(self, calling_ae_title: str, called_ae_title: str) -> str:
        allowed = self._entity.calling_ae_titles
        if called_ae_title != self._entity.ae_title:
            return f"called AE title {called_ae_title} is not ours, {self._entity.ae_title}"
        if allowed and calling_ae_title not in allowed:
            return f"calling AE title is not one of listener.calling_ae_titles: {', '.join(allowed)}"
        return f"more than {self._entity.maximum_associations} associations"

    def _application_entity(self) -> Entity:
        entity = Entity(self._entity.ae_title, self._entity.maximum_associations)
        entity.require_called_aet = True
        entity.require_calling_aet = list(self._entity.calling_ae_titles)
        entity.maximum_pdu_size = self._entity.maximum_pdu_bytes
        entity.network_timeout = self._entity.network_timeout_seconds
        entity.add_supported_context(Verification)
        for sop_class in MR_IMAGES:
            entity.add_supported_context(sop_class, ALL_TRANSFER_SYNTAXES)
        return entity
