import pytest
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE

from node.senders.negotiation import NoAssociation, in_words, read_answer, request_pdu

PROPOSED = {1: (str(MRImageStorage), str(ExplicitVRLittleEndian)), 3: ("1.2.3", str(ExplicitVRLittleEndian))}


def proposal() -> A_ASSOCIATE:
    request = A_ASSOCIATE_RQ()
    request.decode(request_pdu(("GLIA", "PACS"), PROPOSED))
    return request.to_primitive()


def accepted(*syntaxes: str) -> bytes:
    """Return an A-ASSOCIATE-AC after its header that accepts a context for each syntax, in their order."""
    answer = proposal()
    contexts = answer.presentation_context_definition_list
    for context, syntax in zip(contexts, syntaxes, strict=False):
        context.result, context.transfer_syntax = 0, [syntax]
    for context in contexts[len(syntaxes) :]:
        context.result = 3
    answer.presentation_context_definition_results_list = contexts
    answer.presentation_context_definition_list = []
    answer.result = 0
    return bytes(A_ASSOCIATE_AC(answer).encode()[6:])


def test_a_request_names_both_titles_and_each_context() -> None:
    request = proposal()

    assert (request.calling_ae_title, request.called_ae_title) == ("GLIA", "PACS")
    contexts = request.presentation_context_definition_list
    assert {c.context_id: (c.abstract_syntax, c.transfer_syntax[0]) for c in contexts} == PROPOSED


def test_what_was_accepted_is_known_and_what_was_not_is_not() -> None:
    contexts, longest = read_answer(2, accepted(ExplicitVRLittleEndian), PROPOSED)

    assert contexts == {PROPOSED[1]: 1}
    assert longest == 131072


def test_a_context_accepted_in_a_syntax_that_was_not_proposed_is_not_used() -> None:
    contexts, _ = read_answer(2, accepted("1.2.840.10008.1.2.4.50", ExplicitVRLittleEndian), PROPOSED)

    assert contexts == {PROPOSED[3]: 3}


@pytest.mark.parametrize("body", [b"", bytes(68), b"\xff" * 90, accepted(ExplicitVRLittleEndian)[:-40]])
def test_an_answer_that_cannot_be_read_is_said(body: bytes) -> None:
    with pytest.raises(NoAssociation, match="its answer to the association request"):
        read_answer(2, body, PROPOSED)


def test_pdus_that_end_an_association_are_put_in_words() -> None:
    assert in_words(3, b"\0\1\1\3") == "it rejected the association: Calling AE title not recognised"
    assert in_words(7, b"\0\0\2\2") == "it aborted the association: Unexpected PDU"
    assert in_words(7, b"\0\0\0\0").startswith("it aborted the association")
    assert in_words(3, b"") == "it sent a PDU of type 3"
    assert in_words(5, bytes(4)) == "it released the association"
