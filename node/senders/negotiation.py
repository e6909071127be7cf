"""What we ask of a peer that is to store instances, and what it answers (PS3.8 9.3.2 to 9.3.4)."""

import struct
from collections.abc import Mapping
from contextlib import suppress

from pydicom.uid import UID
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from pynetdicom._globals import APPLICATION_CONTEXT_NAME
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context

from node.association.pdu import HEADER, PduType
from node.errors import Transient

Contexts = Mapping[tuple[str, str], int]
"""(SOP class, transfer syntax) -> presentation context id."""
Proposed = Mapping[int, tuple[str, str]]
"""The other way round."""

LARGEST_PDU = 131072
_CANNOT_BE_READ = (AssertionError, AttributeError, LookupError, TypeError, ValueError, struct.error)


class NoAssociation(Transient):
    """There is no association, or none any more."""


def request_pdu(ae_titles: tuple[str, str], proposed: Proposed) -> bytes:
    """Return an A-ASSOCIATE-RQ; the titles are ours and theirs."""
    request = A_ASSOCIATE()
    request.application_context_name = UID(APPLICATION_CONTEXT_NAME)
    request.calling_ae_title, request.called_ae_title = ae_titles
    contexts = []
    for number, (sop_class, syntax) in proposed.items():
        context = build_context(sop_class, syntax)
        context.context_id = number
        contexts.append(context)
    request.presentation_context_definition_list = contexts
    length, ours, version = (
        MaximumLengthNotification(),
        ImplementationClassUIDNotification(),
        ImplementationVersionNameNotification(),
    )
    length.maximum_length_received = LARGEST_PDU
    ours.implementation_class_uid = PYNETDICOM_IMPLEMENTATION_UID
    version.implementation_version_name = PYNETDICOM_IMPLEMENTATION_VERSION
    request.user_information = [length, ours, version]
    return A_ASSOCIATE_RQ(request).encode()


def read_answer(pdu_type: int, body: bytes, proposed: Proposed) -> tuple[Contexts, int]:
    """Return what was accepted, and the longest PDU that the peer takes; 0 is any.

    Raises
    ------
    NoAssociation
        With the reason, where the PDU is no A-ASSOCIATE-AC, or one that nobody can read.
    """
    if pdu_type != PduType.A_ASSOCIATE_AC:
        raise NoAssociation(in_words(pdu_type, body))
    pdu = A_ASSOCIATE_AC()
    try:
        pdu.decode(HEADER.pack(pdu_type, len(body)) + body)
        answer = pdu.to_primitive()
    except _CANNOT_BE_READ as error:
        raise NoAssociation(f"its answer to the association request cannot be read: {error}") from error
    if answer.maximum_length_received is None:
        raise NoAssociation("its answer to the association request does not say how long a PDU may be")
    results = answer.presentation_context_definition_results_list
    accepted = {one.context_id: one.transfer_syntax for one in results if one.result == 0}
    contexts = {pair: number for number, pair in proposed.items() if pair[1] in accepted.get(number, ())}
    return contexts, answer.maximum_length_received


def in_words(pdu_type: int, body: bytes) -> str:
    """Say what the peer did, from a PDU that was not the one awaited."""
    whole = HEADER.pack(pdu_type, len(body)) + body
    with suppress(*_CANNOT_BE_READ):
        if pdu_type == PduType.A_ASSOCIATE_RJ:
            rejected = A_ASSOCIATE_RJ()
            rejected.decode(whole)
            return f"it rejected the association: {rejected.to_primitive().reason_str}"
        if pdu_type == PduType.A_ABORT:
            aborted = A_ABORT_RQ()
            aborted.decode(whole)
            return f"it aborted the association: {aborted.reason_str or aborted.source_str}"
    return "it released the association" if pdu_type == PduType.A_RELEASE_RQ else f"it sent a PDU of type {pdu_type}"
