"""What we answer to a proposal: accept it, reject it, or leave it to the library (PS3.8 9.3.2 to 9.3.4)."""

import struct
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_items import ApplicationContextItem, PresentationContextItemRQ, UserInformationItem
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor
from pynetdicom.service_class import ServiceClass, StorageServiceClass, VerificationServiceClass
from pynetdicom.sop_class import uid_to_service_class

from node.association.errors import AbortedByUser, HandOver
from node.association.exchange import Agreed
from node.association.pdu import a_associate_rj

LIMIT_EXCEEDED = a_associate_rj(2, 3, 2)
_CALLED_NOT_RECOGNIZED = a_associate_rj(1, 1, 7)
_CALLING_NOT_RECOGNIZED = a_associate_rj(1, 1, 3)
_VERSION_NOT_SUPPORTED = a_associate_rj(1, 2, 2)
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_KNOWN = {MaximumLengthNotification, ImplementationClassUIDNotification, ImplementationVersionNameNotification}
_SHORTEST_PDU = 512  # holds every response in one piece
_CACHED_PROPOSALS = 256
# Whatever a hostile proposal makes the library's decoder raise.
_CANNOT_BE_READ = (AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proposal gets.

    Attributes
    ----------
    answer
        The A-ASSOCIATE-AC or A-ASSOCIATE-RJ.
    agreed
        What is agreed; nothing when it is rejected.
    refused
        The refused presentation contexts, in words: SOP class and reason.
    reason
        Why it is rejected, when it is not for the titles.
    """

    answer: bytes
    calling_ae_title: str
    called_ae_title: str
    agreed: Agreed | None = None
    refused: tuple[str, ...] = ()
    reason: str = ""


class Negotiator:
    """Answers proposals of storage and verification as pynetdicom would, with its own classes.

    Parameters
    ----------
    ae
        Whose title, limits and implementation are offered, and who may call.
    contexts
        What is supported.
    """

    def __init__(self, ae: AE, ae_title: str, contexts: Sequence[PresentationContext]) -> None:
        self._ae = ae
        self._ae_title = ae_title.strip()
        self._contexts = list(contexts)
        self._verdicts: dict[bytes, Verdict] = {}

    def judge(self, pdu: bytes) -> Verdict:
        """Return what an A-ASSOCIATE-RQ gets. A sender proposes the same every time: verdicts are remembered.

        Raises
        ------
        HandOver
            When it is for the library to answer.
        AbortedByUser
            When it cannot be read (PS3.8 table 9-10, AA-1).
        """
        if verdict := self._verdicts.get(pdu):
            return verdict
        if len(self._verdicts) >= _CACHED_PROPOSALS:
            self._verdicts.clear()
        verdict = self._verdicts[pdu] = self._judge(pdu)
        return verdict

    def _judge(self, pdu: bytes) -> Verdict:
        request = A_ASSOCIATE_RQ()
        try:
            request.decode(pdu)
            proposal = request.to_primitive()
        except _CANNOT_BE_READ as error:
            raise AbortedByUser(f"a proposal that cannot be read: {type(error).__name__}") from error
        calling, called = proposal.calling_ae_title or "", proposal.called_ae_title or ""
        if request.protocol_version != 1:
            return Verdict(_VERSION_NOT_SUPPORTED, calling, called, reason="another protocol version")
        _check(request, proposal)
        if self._ae.require_called_aet and called != self._ae_title:
            return Verdict(_CALLED_NOT_RECOGNIZED, calling, called)
        allowed = [title.strip() for title in self._ae.require_calling_aet]
        if allowed and calling not in allowed:
            return Verdict(_CALLING_NOT_RECOGNIZED, calling, called)
        return self._accept(proposal, calling, called)

    def _accept(self, proposal: A_ASSOCIATE, calling: str, called: str) -> Verdict:
        results, _ = negotiate_as_acceptor(proposal.presentation_context_definition_list, self._contexts)
        accepted = [context for context in results if context.result == 0]
        rejected = [context for context in results if context.result != 0]
        answer = A_ASSOCIATE()
        answer.application_context_name = UID(_APPLICATION_CONTEXT)
        answer.calling_ae_title = calling
        answer.called_ae_title = called
        answer.result = 0
        answer.result_source = 1
        answer.presentation_context_definition_results_list = accepted + rejected
        self._introduce(answer)
        syntaxes = {context.context_id or 0: str(context.transfer_syntax[0]) for context in accepted}
        return Verdict(
            A_ASSOCIATE_AC(answer).encode(),
            calling,
            called,
            Agreed(calling, called, syntaxes),
            refused_in_words(rejected),
        )

    def _introduce(self, answer: A_ASSOCIATE) -> None:
        """Say who we are and what we take."""
        length = MaximumLengthNotification()
        length.maximum_length_received = self._ae.maximum_pdu_size
        implementation = ImplementationClassUIDNotification()
        implementation.implementation_class_uid = self._ae.implementation_class_uid
        answer.user_information = [length, implementation]
        if self._ae.implementation_version_name:
            version = ImplementationVersionNameNotification()
            version.implementation_version_name = self._ae.implementation_version_name
            answer.user_information.append(version)


def refused_in_words(contexts: Collection[PresentationContext]) -> tuple[str, ...]:
    """Return SOP class and reason of refused presentation contexts."""
    return tuple(sorted({f"{UID(context.abstract_syntax or '').name}: {context.status}" for context in contexts}))


def _check(request: A_ASSOCIATE_RQ, proposal: A_ASSOCIATE) -> None:
    """Hand over what is more than storage and verification, or not quite as the standard has it."""
    items = Counter(type(item) for item in request.variable_items)
    if items.pop(PresentationContextItemRQ, 0) < 1 or items != {ApplicationContextItem: 1, UserInformationItem: 1}:
        raise HandOver("items of unusual kind or number")
    if proposal.application_context_name != _APPLICATION_CONTEXT:
        raise HandOver("another application context")
    contexts = proposal.presentation_context_definition_list
    if len({context.context_id for context in contexts}) < len(contexts):
        raise HandOver("a presentation context ID twice")
    if not all(context.transfer_syntax for context in contexts):
        raise AbortedByUser("a presentation context without transfer syntax")
    if not all(_is_simple(context) for context in contexts):
        raise HandOver("more than storage and verification")
    told = Counter(type(item) for item in proposal.user_information)
    if not told.keys() <= _KNOWN or max(told.values(), default=0) > 1 or MaximumLengthNotification not in told:
        raise HandOver("extended negotiation")
    lengths = [item for item in proposal.user_information if isinstance(item, MaximumLengthNotification)]
    if 0 < lengths[0].maximum_length_received < _SHORTEST_PDU:
        raise HandOver("a very short maximum length")


def _is_simple(context: PresentationContext) -> bool:
    """Whether a context is one of storage or verification, or of no service known to anyone (so it is refused)."""
    if not (context.context_id and context.abstract_syntax):
        return False
    service = uid_to_service_class(context.abstract_syntax)
    return service is ServiceClass or issubclass(service, StorageServiceClass | VerificationServiceClass)
