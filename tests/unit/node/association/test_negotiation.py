"""What a proposal gets; that pynetdicom would answer the same is compared in integration, byte by byte."""

import pytest
from pynetdicom import AE
from support.acceptors import configure
from support.association import MR, VERIFICATION, item, maximum_length, pdu, proposal

from node.association.errors import AbortedByUser, HandOver
from node.association.negotiation import Negotiator
from node.association.pdu import a_associate_rj

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
MINE = maximum_length(16384) + item(0x52, b"1.2.3.4")


def negotiator(*calling: str) -> Negotiator:
    ae = AE(ae_title="GLIA")
    configure(ae)
    ae.require_calling_aet = list(calling)
    return Negotiator(ae, "GLIA", ae.supported_contexts)


def test_what_is_supported_is_agreed_and_the_rest_refused_in_words() -> None:
    contexts = {
        1: (MR, EXPLICIT, IMPLICIT),
        3: (MR, "1.2.3"),
        5: ("1.2.840.10008.5.1.4.1.1.2", IMPLICIT),
        7: ("1.9", IMPLICIT),
    }

    verdict = negotiator().judge(proposal(contexts, calling=" SCANNER "))

    assert verdict.agreed is not None
    assert (verdict.agreed.calling_ae_title, verdict.agreed.called_ae_title) == ("SCANNER", "GLIA")
    assert set(verdict.agreed.transfer_syntaxes) == {1}
    assert verdict.agreed.transfer_syntaxes[1] in {EXPLICIT, IMPLICIT}
    assert verdict.refused == (
        "1.9: Abstract Syntax Not Supported",
        "CT Image Storage: Abstract Syntax Not Supported",
        "MR Image Storage: Transfer Syntax(es) Not Supported",
    )
    assert verdict.answer[0] == 2


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (proposal(called="OTHER"), (1, 1, 7)),
        (proposal(calling="STRANGER"), (1, 1, 3)),
        (proposal(called="OTHER", calling="STRANGER"), (1, 1, 7)),
        (proposal(version=2), (1, 2, 2)),
    ],
)
def test_a_stranger_is_rejected(asked: bytes, answer: tuple[int, int, int]) -> None:
    verdict = negotiator("SCANNER", "PACS").judge(asked)

    assert verdict.agreed is None
    assert verdict.answer == a_associate_rj(*answer)


def test_the_same_proposal_is_judged_once() -> None:
    judge = negotiator().judge

    assert judge(proposal()) is judge(proposal())
    assert judge(proposal()) is not judge(proposal(calling="OTHER"))


def test_verdicts_do_not_pile_up() -> None:
    judging = negotiator()
    first = judging.judge(proposal())

    for number in range(300):
        judging.judge(proposal(calling=f"CALLER{number}"))

    assert judging.judge(proposal()) is not first


@pytest.mark.parametrize(
    "asked",
    [
        proposal({1: ("1.2.840.10008.1.20.1", IMPLICIT)}),  # storage commitment
        proposal({1: (MR, IMPLICIT), 3: ("1.2.840.10008.5.1.4.1.2.2.1", IMPLICIT)}),  # search
        proposal({}),
        proposal({1: ("", IMPLICIT)}),
        proposal(application_context=b"1.2.3"),
        proposal(user=b""),
        proposal(user=item(0x52, b"1.2.3.4")),
        proposal(user=MINE + maximum_length(5)),
        proposal(user=maximum_length(511)),
        proposal(user=MINE + item(0x53, b"\0\0\0\0")),  # asynchronous operations
        proposal(user=MINE + item(0x54, b"\0\x19" + MR.encode() + b"\1\1")),  # roles
        proposal(user=MINE + item(0x58, b"\1\1\0\4USER\0\0")),  # user identity
        pdu(1, proposal()[6:40]),
        pdu(1, proposal()[6:] + item(0x50, MINE)),
        pdu(1, proposal()[6:] + item(0x10, b"1.2.840.10008.3.1.1.1")),
        pdu(1, proposal()[6:] + item(0x20, b"\1\0\0\0" + item(0x30, VERIFICATION.encode()) + item(0x40, b"1.2"))),
    ],
)
def test_whatever_is_more_or_odd_is_left_to_the_library(asked: bytes) -> None:
    with pytest.raises(HandOver):
        negotiator().judge(asked)


@pytest.mark.parametrize(
    "asked",
    [
        pdu(1, proposal()[6:-3]),
        pdu(1, b""),
        proposal(called=""),
        proposal({2: (MR, IMPLICIT)}),
        proposal({1: (MR,)}),
        pdu(1, proposal()[6:] + item(0x99, b"abc")),
    ],
)
def test_what_cannot_be_read_is_aborted(asked: bytes) -> None:
    with pytest.raises(AbortedByUser):
        negotiator().judge(asked)


def test_a_peer_without_limit_is_served() -> None:
    assert negotiator().judge(proposal(user=maximum_length(0) + item(0x52, b"1.2.3.4"))).agreed
