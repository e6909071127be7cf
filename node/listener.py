"""The application entity that senders call: lets them in, answers them, notices when they have finished."""

import weakref
from collections.abc import Callable
from datetime import datetime
from threading import Lock

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time
from sqlalchemy import Engine

from config import settings
from db import inbox
from db.errors import DatabaseError
from dicom_io.header import MR_IMAGES
from node.completion import Completion
from node.errors import CannotListen
from node.receive import Answer, Receiver, StoreRequest

_ERROR_COMMENT_LENGTH = 64  # (0000,0902) is a LO: PS3.5 6.2

_log = structlog.get_logger()


class Listener:
    """A storage SCP (PS3.4 B) for MR.

    Parameters
    ----------
    wake
        Called when an association is released: it is time to look for complete series.
    now
        Returns the time, aware.
    """

    def __init__(
        self,
        engine: Engine,
        entity: settings.Listener,
        receiver: Receiver,
        completion: Completion,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._entity = entity
        self._receiver = receiver
        self._completion = completion
        self._wake = wake
        self._now = now
        self._lock = Lock()
        self._touched: weakref.WeakKeyDictionary[Association, set[str]] = weakref.WeakKeyDictionary()
        self._ae = self._application_entity()

    def start(self) -> int:
        """Begin to listen; return the port.

        Raises
        ------
        CannotListen
            When the address cannot be had.
        """
        address = (self._entity.host, self._entity.port)
        try:
            server = self._ae.start_server(address, block=False, evt_handlers=self._handlers())
        except OSError as error:
            raise CannotListen(f"cannot listen on {address[0]}:{address[1]}: {error.strerror}") from error
        assert server is not None
        port = int(server.server_address[1])
        _log.info("listening", action="listen", host=address[0], port=port, ae_title=self._entity.ae_title)
        return port

    def stop(self) -> None:
        """Let no one in any more and abort what is open; unanswered senders keep their instances."""
        self._ae.shutdown()

    def look(self) -> bool:
        """Settle the series that are complete; return False, as the next look can wait."""
        try:
            self._completion.look(self._now())
        except DatabaseError as error:
            _log.warning("look for complete series put off", action="complete", reason=str(error))
        return False

    def _application_entity(self) -> AE:
        ae = AE(ae_title=self._entity.ae_title)
        ae.require_called_aet = True
        ae.require_calling_aet = list(self._entity.calling_ae_titles)
        ae.maximum_associations = self._entity.maximum_associations
        ae.maximum_pdu_size = self._entity.maximum_pdu_bytes
        ae.network_timeout = self._entity.network_timeout_seconds
        ae.add_supported_context(Verification)
        for sop_class in MR_IMAGES:
            ae.add_supported_context(sop_class, ALL_TRANSFER_SYNTAXES)
        return ae

    def _handlers(self) -> list[evt.EventHandlerType]:
        return [
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_ACCEPTED, self._on_accepted),
            (evt.EVT_REJECTED, self._on_rejected),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
        ]

    def _on_store(self, event: Event) -> Dataset:
        answer = self._receiver.receive(StoreRequest.of(event), self._now())
        if answer.series_instance_uid:
            with self._lock:
                self._touched.setdefault(event.assoc, set()).add(answer.series_instance_uid)
        return _response(answer)

    def _on_released(self, event: Event) -> None:
        """Note that a sender has finished with its series, but for those another one is still sending."""
        with self._lock:
            series = self._touched.pop(event.assoc, set())
            released = series.difference(*self._touched.values())
        if series:
            _log.info("association released", action="receive", calling_ae_title=_calling(event), series=sorted(series))
        if not released:
            return
        try:
            with self._engine.begin() as connection:
                inbox.release(connection, sorted(released), self._now())
        except DatabaseError as error:  # the series is complete all the same, after its quiet time
            _log.warning("release not noted", action="release", reason=str(error))
        self._wake()

    def _on_aborted(self, event: Event) -> None:
        """Forget the association: a sender that broke off has not finished, so the quiet time decides."""
        with self._lock:
            self._touched.pop(event.assoc, None)
        _log.warning("association aborted", action="receive", calling_ae_title=_calling(event))

    def _on_accepted(self, event: Event) -> None:
        """Say what else the sender has to send: it learns so itself, and asks for nothing that we could answer."""
        contexts = event.assoc.rejected_contexts
        refused = sorted({f"{UID(context.abstract_syntax or '').name}: {context.status}" for context in contexts})
        if refused:
            log = _log.info if event.assoc.accepted_contexts else _log.warning
            log("presentation contexts refused", action="refuse", calling_ae_title=_calling(event), reason=refused)

    def _on_rejected(self, event: Event) -> None:
        request = event.assoc.requestor.primitive
        called = request.called_ae_title if request else ""
        allowed = self._entity.calling_ae_titles
        if called != self._entity.ae_title:
            reason = f"called AE title {called} is not ours, {self._entity.ae_title}"
        elif allowed and _calling(event) not in allowed:
            reason = f"calling AE title is not one of listener.calling_ae_titles: {', '.join(allowed)}"
        else:
            reason = f"more than {self._entity.maximum_associations} associations"
        _log.warning("association rejected", action="refuse", calling_ae_title=_calling(event), reason=reason)


def _calling(event: Event) -> str:
    return event.assoc.requestor.ae_title.strip()


def _response(answer: Answer) -> Dataset:
    """Return the status and, where there is a reason, an Error Comment (PS3.7 C)."""
    response = Dataset()
    response.Status = int(answer.status)
    if answer.reason:
        comment = answer.reason.encode("ascii", "replace").decode().replace("\\", "/")
        response.ErrorComment = comment[:_ERROR_COMMENT_LENGTH]
    return response
