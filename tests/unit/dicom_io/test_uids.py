from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from dicom_io.uids import derive

parts = st.lists(st.text(max_size=80), max_size=5)


@given(parts)
def test_a_derived_uid_is_a_valid_uid_whatever_its_parts(names: list[str]) -> None:
    uid = UID(derive(*names))

    assert uid.is_valid
    assert uid.startswith("2.25.")


@given(parts, parts)
def test_two_uids_are_equal_only_when_all_their_parts_are(one: list[str], other: list[str]) -> None:
    assert (derive(*one) == derive(*other)) == (one == other)


def test_a_uid_is_the_same_on_every_machine_and_in_every_release() -> None:
    assert derive("study", "series") == "2.25.86965497813194657978296058715049291978"


def test_where_one_part_ends_counts() -> None:
    assert derive("ab", "c") != derive("a", "bc") != derive("abc")
