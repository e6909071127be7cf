"""PDUs as bytes: the same as pynetdicom's, and nothing read beyond what is there."""

import pytest
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, P_DATA_TF
from pynetdicom.pdu import A_RELEASE_RP as LIBRARY_RELEASE
from support import association as wire

from node.association.errors import AbortedByProvider
from node.association.pdu import A_RELEASE_RP, Pdv, a_abort, a_associate_rj, p_data, pdvs


def body(*values: bytes) -> memoryview:
    return memoryview(b"".join(values))


def test_what_we_send_is_what_pynetdicom_reads() -> None:
    rejection, abort, data = A_ASSOCIATE_RJ(), A_ABORT_RQ(), P_DATA_TF()

    rejection.decode(a_associate_rj(2, 3, 1))
    abort.decode(a_abort(2))
    data.decode(p_data(5, b"command"))

    assert (rejection.result, rejection.source, rejection.reason_diagnostic) == (2, 3, 1)
    assert (abort.source, abort.reason_diagnostic) == (2, 0)
    (value,) = data.presentation_data_value_items
    assert (value.presentation_context_id, value.presentation_data_value) == (5, b"\3command")
    assert LIBRARY_RELEASE().encode() == A_RELEASE_RP
    assert data.encode() == p_data(5, b"command")


def test_values_are_cut_out_without_a_copy() -> None:
    whole = bytearray(wire.pdv(1, 0, b"abc") + wire.pdv(3, 0xFF, b"") + wire.pdv(5, 1, b"d"))

    first, second, third = pdvs(memoryview(whole))

    assert first == Pdv(1, is_command=False, is_last=False, fragment=memoryview(b"abc"))
    assert second == Pdv(3, is_command=True, is_last=True, fragment=memoryview(b""))
    assert third == Pdv(5, is_command=True, is_last=False, fragment=memoryview(b"d"))
    whole[6] = ord("x")
    assert bytes(first.fragment) == b"xbc"


def test_a_pdu_may_hold_no_value() -> None:
    assert pdvs(body()) == []


@pytest.mark.parametrize(
    "values",
    [
        [wire.pdv(1, 3, b"abc", length=0)],
        [wire.pdv(1, 3, b"abc", length=1)],
        [wire.pdv(1, 3, b"abc", length=6)],
        [wire.pdv(1, 3, b"abc", length=2**32 - 1)],
        [b"\0\0\0\0", wire.pdv(1, 3, b"abc")],
        [b"\0\0\0\1\1", wire.pdv(1, 3, b"abc")],
        [wire.pdv(1, 3, b"abc"), b"\0"],
        [wire.pdv(1, 3, b"abc"), b"\0\0\0\2\1"],
    ],
)
def test_lengths_that_do_not_add_up_end_the_association(values: list[bytes]) -> None:
    with pytest.raises(AbortedByProvider, match="presentation data value"):
        pdvs(body(*values))
