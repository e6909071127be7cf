import logging
import warnings
from pathlib import Path

import pytest
from pydicom import Dataset
from support.source_series import FRAME_OF_REFERENCE, classic_volume, enhanced_volume, position

from dicom_io.sources import read_sources


def _drop(*keywords: str):
    def edit(header: Dataset) -> None:
        for keyword in keywords:
            delattr(header, keyword)

    return edit


def _set(**values):
    def edit(header: Dataset) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for keyword, value in values.items():
                setattr(header, keyword, value)

    return edit


def _first(folder: Path, edit) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        volume = classic_volume(folder, edit=edit)
        return read_sources(volume).headers[0]


def test_there_is_one_header_per_slice_in_the_order_of_the_volume(tmp_path) -> None:
    volume = classic_volume(tmp_path)

    headers = read_sources(volume).headers

    assert [h.SOPInstanceUID for h in headers] == [s.sop_instance_uid for s in volume.sources]
    assert [list(h.ImagePositionPatient) for h in headers] == [position(k) for k in range(5)]


@pytest.mark.parametrize("all_per_frame", [False, True])
def test_frames_of_a_multiframe_image_are_told_in_the_order_of_the_volume(tmp_path, all_per_frame: bool) -> None:
    headers = read_sources(enhanced_volume(tmp_path, all_per_frame=all_per_frame)).headers

    assert [list(h.ImagePositionPatient) for h in headers] == [position(k) for k in range(5)]
    assert {tuple(h.PixelSpacing) for h in headers} == {(0.75, 0.5)}
    assert {tuple(h.ImageOrientationPatient) for h in headers} == {(0.8, 0.6, 0.0, -0.36, 0.48, -0.8)}


def test_missing_type_2_attributes_are_there_and_empty(tmp_path) -> None:
    header = _first(tmp_path, _drop("PatientID", "PatientBirthDate", "StudyDate", "StudyID", "AccessionNumber"))

    assert [header[k].value or "" for k in ("PatientID", "PatientBirthDate", "StudyDate", "StudyID")] == [""] * 4
    assert header.AccessionNumber == ""


@pytest.mark.parametrize(
    ("keyword", "odd"),
    [("PatientSex", "0000"), ("PatientBirthDate", "00000000"), ("StudyDate", "yesterday"), ("StudyTime", "99")],
)
def test_a_value_that_is_none_of_those_allowed_is_left_empty(tmp_path, keyword: str, odd: str) -> None:
    assert not _first(tmp_path, _set(**{keyword: odd}))[keyword].value


def test_sound_values_stay_as_they_are(tmp_path) -> None:
    header = _first(tmp_path, _set(PatientWeight="72.5", PatientAge="045Y"))

    assert (header.PatientSex, header.StudyDate) == ("O", "20260110")
    assert (header.PatientWeight, header.PatientAge) == (72.5, "045Y")


@pytest.mark.parametrize("bad", [b"FD\x06\x00abcdef", b"SQ\x00\x00\x02\x00\x00\x00ef", b"DS\x06\x00abcdef"])
def test_an_attribute_whose_bytes_cannot_be_read_is_dropped(tmp_path, bad: bytes) -> None:
    volume = classic_volume(tmp_path, edit=_set(PatientComments="abcdef"))
    for source in volume.sources:
        sound = source.path.read_bytes()
        assert sound.count(b"LT\x06\x00abcdef") == 1
        source.path.write_bytes(sound.replace(b"LT\x06\x00abcdef", bad))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = read_sources(volume).headers[0]

    assert "PatientComments" not in header
    assert header.PatientID == "PHANTOM"


def test_slice_spacing_comes_from_the_positions_and_not_from_the_header(tmp_path) -> None:
    header = _first(tmp_path, _set(SpacingBetweenSlices="-1"))

    assert header.SpacingBetweenSlices == 5.0


def test_a_series_without_frame_of_reference_gets_one_of_its_own(tmp_path) -> None:
    volume = classic_volume(tmp_path, edit=_drop("FrameOfReferenceUID"), frame_of_reference="")
    first, *others = read_sources(volume).headers

    assert first.FrameOfReferenceUID.startswith("2.25.")
    assert {h.FrameOfReferenceUID for h in others} == {first.FrameOfReferenceUID} != {FRAME_OF_REFERENCE}


def test_the_patient_name_stays_out_of_the_headers_and_out_of_the_log(tmp_path, caplog, recwarn) -> None:
    caplog.set_level(logging.DEBUG)
    source = read_sources(classic_volume(tmp_path, edit=_set(PatientName="ONENAME")))

    assert {str(h.PatientName) for h in source.headers} == {""}
    assert str(source.patient_name.value) == "ONENAME"
    assert "ONENAME" not in caplog.text + "".join(str(w.message) for w in recwarn)


def test_a_source_file_that_is_gone_is_an_error_of_its_own(tmp_path) -> None:
    volume = classic_volume(tmp_path)
    volume.sources[2].path.unlink()

    with pytest.raises(FileNotFoundError):
        read_sources(volume)


@pytest.mark.parametrize("nonsense", [b"abcd", b"-5.0", b"5\\0 ", b"nan ", b"inf ", b"    "])
def test_a_slice_thickness_that_is_no_length_is_taken_from_the_positions(tmp_path, nonsense: bytes) -> None:
    volume = classic_volume(tmp_path, edit=_set(SliceThickness="7.25"))
    for source in volume.sources:
        sound = source.path.read_bytes()
        assert sound.count(b"DS\x04\x007.25") == 1
        source.path.write_bytes(sound.replace(b"DS\x04\x007.25", b"DS\x04\x00" + nonsense))

    header = read_sources(volume).headers[0]

    assert header.SliceThickness == 5.0
