import pytest

from dicom_io.profile import KINDS, Profile, fits_bits


def test_by_default_a_destination_gets_all_but_the_page() -> None:
    assert Profile().objects == KINDS[:4] == ("SEG", "SR", "MEASUREMENTS", "KEY IMAGE")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"objects": ("SEG", "FILM")}, "'FILM' is no object"),
        ({"objects": ("SEG", "SR", "SEG")}, "named twice: SEG, SR, SEG"),
        ({"seg_encoding": "labelmap"}, "'labelmap' is none of auto, binary, fractional"),
        ({"sr_class": "basic text"}, "'basic text' is none of comprehensive 3d, comprehensive"),
        ({"maximum_frames": -1}, "maximum frames is -1"),
    ],
)
def test_what_no_result_can_be_encoded_by_is_refused(wrong, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Profile(**wrong)


@pytest.mark.parametrize(
    ("rows", "columns", "fits"),
    [(288, 288, True), (256, 256, True), (187, 181, False), (200, 205, False), (3, 8, False), (2, 8, True)],
)
def test_only_a_matrix_of_whole_bytes_is_packed_in_bits(rows: int, columns: int, fits: bool) -> None:
    assert fits_bits(rows, columns) is fits


@pytest.mark.parametrize(
    ("encoding", "even", "odd"), [("auto", True, False), ("binary", True, True), ("fractional", False, False)]
)
def test_auto_alone_looks_at_the_matrix(encoding, even: bool, odd: bool) -> None:
    profile = Profile(seg_encoding=encoding)

    assert (profile.packs(256, 256), profile.packs(187, 181)) == (even, odd)
