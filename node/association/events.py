"""What is told about associations: by our own, and by those that pynetdicom serves, in the same words."""

from collections.abc import Sequence
from typing import Protocol

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from node.association.command import error_comment
from node.association.negotiation import refused_in_words
from node.intake import Answer, Intake, StoreRequest


class Journal(Protocol):
    """Hears of every association. Called by many associations at once; never raises.

    Parameters
    ----------
    association
        The association, whatever it is made of: the same one is the same object in every call.
    """

    def accepted(self, calling_ae_title: str, refused: Sequence[str], *, is_useful: bool) -> None:
        """Note that an association was accepted, and which presentation contexts were not; is any of use."""

    def rejected(self, calling_ae_title: str, called_ae_title: str, reason: str = "") -> None:
        """Note that an association was rejected; without a reason, for its titles or for lack of a place."""

    def answered(self, association: object, answer: Answer) -> None:
        """Note that a C-STORE is about to be answered."""

    def released(self, association: object, calling_ae_title: str) -> None:
        """Note that an association was released by its peer."""

    def aborted(self, association: object, calling_ae_title: str, reason: str) -> None:
        """Note that an association was aborted, by whomever, or that its connection broke."""


class Events:
    """Handlers of pynetdicom's events: the same intake, the same journal."""

    def __init__(self, intake: Intake, journal: Journal) -> None:
        self._intake = intake
        self._journal = journal

    def handlers(self) -> Sequence[evt.EventHandlerType]:
        """Return what is to be bound."""
        return [
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_ACCEPTED, self._on_accepted),
            (evt.EVT_REJECTED, self._on_rejected),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
        ]

    def _on_store(self, event: Event) -> Dataset:
        request = event.request
        assert isinstance(request, C_STORE)
        keeping = self._intake.begin(_store_request(event, request))
        answer = keeping.finish([request.DataSet.getbuffer()] if request.DataSet else [])
        self._journal.answered(event.assoc, answer)
        return _response(answer)

    def _on_accepted(self, event: Event) -> None:
        association = event.assoc
        refused = refused_in_words(association.rejected_contexts)
        self._journal.accepted(_calling(event), refused, is_useful=bool(association.accepted_contexts))

    def _on_rejected(self, event: Event) -> None:
        self._journal.rejected(_calling(event), _called(event))

    def _on_released(self, event: Event) -> None:
        self._journal.released(event.assoc, _calling(event))

    def _on_aborted(self, event: Event) -> None:
        self._journal.aborted(event.assoc, _calling(event), "")


def _store_request(event: Event, request: C_STORE) -> StoreRequest:
    return StoreRequest(
        affected_sop_class_uid=str(request.AffectedSOPClassUID),
        affected_sop_instance_uid=str(request.AffectedSOPInstanceUID),
        transfer_syntax_uid=str(event.context.transfer_syntax),
        calling_ae_title=_calling(event),
        called_ae_title=_called(event),
        priority=request.Priority,
    )


def _calling(event: Event) -> str:
    return event.assoc.requestor.ae_title.strip()


def _called(event: Event) -> str:
    proposal = event.assoc.requestor.primitive
    return (proposal.called_ae_title or "").strip() if proposal else ""


def _response(answer: Answer) -> Dataset:
    """Return the status and, where there is a reason, an Error Comment (PS3.7 C)."""
    response = Dataset()
    response.Status = int(answer.status)
    if answer.reason:
        response.ErrorComment = error_comment(answer.reason)
    return response
