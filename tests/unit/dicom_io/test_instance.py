from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from support.builders import in_transfer_syntax, make_voxels, write_multiframe, write_series

from dicom_io.errors import InvalidInstance, InvalidUid, MismatchedInstance, TruncatedInstance
from dicom_io.instance import identify

SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
)


@pytest.fixture(scope="module")
def classic(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("classic")
    return write_series(folder, voxels=make_voxels(shape=(1, 12, 10)))[0].read_bytes()


@pytest.fixture(scope="module")
def enhanced(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_multiframe(tmp_path_factory.mktemp("enhanced") / "image.dcm").read_bytes()


def changed(part10: bytes, **attributes: object) -> bytes:
    dataset = pydicom.dcmread(BytesIO(part10))
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            dataset[keyword] = pydicom.DataElement(keyword, dataset[keyword].VR, value, validation_mode=0)
    written = BytesIO()
    pydicom.dcmwrite(written, dataset)
    return written.getvalue()


def complete_length(part10: bytes, syntax: str) -> int:
    # a deflated stream of odd length is followed by one byte that says nothing (PS3.5 A.5)
    return len(part10) - 1 if syntax == DeflatedExplicitVRLittleEndian else len(part10)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("kind", ["classic", "enhanced"])
def test_an_instance_is_identified_in_every_transfer_syntax(
    kind: str, syntax: pydicom.uid.UID, request: pytest.FixtureRequest
) -> None:
    original = request.getfixturevalue(kind)
    dataset = pydicom.dcmread(BytesIO(original))

    identity = identify(in_transfer_syntax(original, transfer_syntax_uid=syntax))

    assert identity.sop_class_uid == dataset.SOPClassUID
    assert identity.sop_instance_uid == dataset.SOPInstanceUID
    assert identity.study_instance_uid == dataset.StudyInstanceUID
    assert identity.series_instance_uid == dataset.SeriesInstanceUID
    assert (identity.modality, identity.series_description) == ("MR", "FLAIR AX")
    assert identity.transfer_syntax_uid == syntax


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_no_cut_of_a_classic_instance_is_accepted(classic: bytes, syntax: pydicom.uid.UID) -> None:
    whole = in_transfer_syntax(classic, transfer_syntax_uid=syntax)

    for length in range(complete_length(whole, syntax)):
        with pytest.raises(InvalidInstance):
            identify(whole[:length])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_cut_of_an_enhanced_instance_is_accepted(enhanced: bytes, data: st.DataObject) -> None:
    syntax = data.draw(st.sampled_from(SYNTAXES))
    whole = in_transfer_syntax(enhanced, transfer_syntax_uid=syntax)
    length = data.draw(st.integers(0, complete_length(whole, syntax) - 1))

    with pytest.raises(InvalidInstance):
        identify(whole[:length])


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0), value=st.integers(0, 255))
def test_a_damaged_instance_is_identified_or_refused(enhanced: bytes, place: int, value: int) -> None:
    damaged = bytearray(enhanced)
    damaged[place % len(damaged)] = value

    with suppress(InvalidInstance):
        identify(bytes(damaged))


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", [None, "", "../../etc", "1", "1..2", "1.2.", "1.2.x", "1." + "2" * 63, "1.2\\1.3"])
def test_a_missing_or_invalid_uid_is_refused(classic: bytes, keyword: str, value: str | None) -> None:
    with pytest.raises(InvalidUid):
        identify(changed(classic, **{keyword: value}))


def test_leading_zeros_in_a_uid_are_tolerated(classic: bytes) -> None:
    identity = identify(changed(classic, StudyInstanceUID="1.02.003"))

    assert identity.study_instance_uid == "1.02.003"


def test_an_instance_other_than_announced_is_refused(classic: bytes) -> None:
    dataset = pydicom.dcmread(BytesIO(classic))
    announced = dataset.SOPInstanceUID.encode()
    other = announced[:-1] + (b"1" if announced[-1:] != b"1" else b"2")

    with pytest.raises(MismatchedInstance, match="SOP Instance UID"):
        identify(classic.replace(announced, other, 1))


def test_another_sop_class_than_announced_is_refused(classic: bytes) -> None:
    announced, other = b"1.2.840.10008.5.1.4.1.1.4\0", b"1.2.840.10008.5.1.4.1.1.2\0"

    with pytest.raises(MismatchedInstance, match="SOP Class UID"):
        identify(classic.replace(announced, other, 1))


def test_an_image_with_fewer_pixels_than_its_matrix_is_refused(classic: bytes) -> None:
    with pytest.raises(TruncatedInstance, match="Pixel Data hold 240 bytes where the image needs 480"):
        identify(changed(classic, Rows=24))


def test_an_image_without_pixels_is_refused(classic: bytes) -> None:
    with pytest.raises(TruncatedInstance, match="Pixel Data"):
        identify(changed(classic, PixelData=None))


def test_bytes_that_are_not_dicom_are_refused() -> None:
    with pytest.raises(InvalidInstance):
        identify(b"GET / HTTP/1.1\r\n" * 20)


def test_sequences_nested_a_thousand_deep_do_not_exhaust_the_stack(classic: bytes) -> None:
    sequence = b"\x99\x00\x01\x00SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"

    with pytest.raises(TruncatedInstance):
        identify(classic + sequence * 5000)


def test_the_series_description_is_read_in_its_character_set(tmp_path: Path) -> None:
    voxels = make_voxels(shape=(1, 4, 4))
    (path,) = write_series(tmp_path, voxels=voxels, SeriesDescription="Schädel", SpecificCharacterSet="ISO_IR 100")

    assert identify(path.read_bytes()).series_description == "Schädel"


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("character_set", [b"I\0O_IR 192", b"ISO_IR 999", b"no set at "])
def test_an_unknown_character_set_costs_no_instance(classic: bytes, character_set: bytes) -> None:
    damaged = classic.replace(b"ISO_IR 192", character_set, 1)

    assert identify(damaged).series_description == "FLAIR AX"
