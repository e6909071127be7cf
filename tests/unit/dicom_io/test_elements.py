import struct
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from support.builders import in_transfer_syntax, write_multiframe, write_series

from dicom_io.elements import META_STARTS, Encoding, Value, Walk
from dicom_io.errors import TruncatedInstance

ROWS = 0x00280010


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_element_is_stepped_over_in_every_encoding(tmp_path: Path, syntax: str) -> None:
    part10 = in_transfer_syntax(write_series(tmp_path)[0].read_bytes(), transfer_syntax_uid=syntax)
    _, end_of_meta = Walk(part10, Encoding()).over(META_STARTS, group=2)

    elements, end = Walk(part10, Encoding.of(syntax)).over(end_of_meta, (ROWS,))

    (rows,) = elements.values()
    assert end == len(part10)
    assert struct.unpack_from(f"{Encoding.of(syntax).order}H", part10, rows.start) == (12,)


def test_a_value_of_undefined_length_has_none() -> None:
    items = b"\xfe\xff\x00\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"

    elements, end = Walk(b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + items, Encoding()).over(0, (0x00081115,))

    assert elements == {0x00081115: Value(12, None)}
    assert end == 12 + len(items)


def test_elements_in_items_count_like_all_others(tmp_path: Path) -> None:
    content = write_multiframe(tmp_path / "e.dcm").read_bytes()
    nothing = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + 1000 * b"\x10\x00\x20\x40LO\0\0" + b"\xfe\xff\x0d\xe0\0\0\0\0"
    nested = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + nothing + b"\xfe\xff\xdd\xe0\0\0\0\0"

    assert Walk(nested, Encoding(), most_elements=1004).over(0)[1] == len(nested)
    with pytest.raises(TruncatedInstance, match="more than 1003 elements"):
        Walk(nested, Encoding(), most_elements=1003).over(0)
    assert Walk(content, Encoding()).over(META_STARTS, group=2)[1] < len(content)


def test_data_that_end_within_an_element_are_refused(tmp_path: Path) -> None:
    part10 = write_series(tmp_path)[0].read_bytes()

    with pytest.raises(TruncatedInstance, match="ends 3 bytes beyond the data set"):
        Walk(part10[:-3], Encoding()).over(META_STARTS)
    with pytest.raises(TruncatedInstance, match="within the head of an element"):
        Walk(part10[: META_STARTS + 3], Encoding()).over(META_STARTS)
