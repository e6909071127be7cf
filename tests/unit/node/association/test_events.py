"""The associations that pynetdicom serves: the same intake, the same words."""

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation
from support.acceptors import FULL, FakeIntake, FakeJournal, our_acceptor
from support.association import MR, item, maximum_length, peer, proposal, store
from support.wait import wait_until

from node.intake import StoreRequest

# Whoever asks for this is handed over.
ASYNCHRONOUS = item(0x53, b"\0\0\0\0")
USER = maximum_length(16384) + item(0x52, b"1.2.3.4") + ASYNCHRONOUS


def test_an_instance_is_kept_and_answered_as_by_our_own() -> None:
    intake, journal = FakeIntake(), FakeJournal()
    with our_acceptor(intake, journal) as server, peer(server.port) as ours, peer(server.port) as theirs:
        said = []
        for caller, user in ((ours, USER.removesuffix(ASYNCHRONOUS)), (theirs, USER)):
            caller.associate(proposal(user=user))
            for content in (b"abc" * 10000, FULL):
                caller.send(b"".join(store(content)))
                said.append(caller.read())

    assert said[:2] == said[2:]
    first, second, third, fourth = intake.kept
    assert (first, second) == (third, fourth)
    assert first == (StoreRequest(MR, "1.2.3", ExplicitVRLittleEndian, "SCANNER", "GLIA", 0), b"abc" * 10000)
    assert journal.heard("answered") == [("0000",), ("A700",)] * 2


def test_its_associations_are_noted_from_beginning_to_end() -> None:
    journal = FakeJournal()
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 5
    ae = AE(ae_title="SCANNER")
    ae.add_requested_context(MRImageStorage)
    ae.add_requested_context(CTImageStorage)
    with our_acceptor(FakeIntake(), journal) as server:
        for called in ("GLIA", "GLIA", "OTHER"):
            association = ae.associate("127.0.0.1", server.port, ae_title=called, ext_neg=[window])
            association.abort() if journal.heard("released") else association.release()
            wait_until(lambda: journal.heard("released"), what="the release")
        wait_until(lambda: journal.heard("aborted") and journal.heard("rejected"), what="the end")

    assert [line for line in journal.lines if line[0] != "accepted"] == [
        ("released", "SCANNER"),
        ("aborted", "SCANNER", ""),
        ("rejected", "SCANNER", "OTHER", ""),
    ]
    assert journal.heard("accepted")[0] == ("SCANNER", "CT Image Storage: Abstract Syntax Not Supported")
