import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from support.orientations import STANDARD, Scan
from support.volumes import volume_of

from dicom_io.codes import segment_codes
from dicom_io.findings import Attention, Mask, Segment
from dicom_io.picture import overlaid, shown_slices, strip, window_of
from dicom_io.volume import Volume

ORANGE = np.array(segment_codes("flair_abnormality").colour)
FAR = np.array([30.0, -25.0, 20.0])
"""From the middle of the head to the mark in mm: to the left, to the front, to the head."""


def _mask(array: NDArray[np.bool_]) -> Mask:
    return Mask(array.astype(np.uint8), (Segment(1, "flair_abnormality"),), "1.2.flair")


def _head(name: str) -> tuple[Volume, Mask]:
    """Return a ball of 60 mm, with a brighter small ball at FAR that is masked."""
    scan = Scan(turns=STANDARD[name], shape=(30, 150, 130), spacing=(5.0, 1.0, 1.3))
    geometry = scan.geometry
    places = np.tensordot(geometry.affine[:3, :3], np.indices(scan.shape), 1) + np.reshape(
        geometry.origin, (3, 1, 1, 1)
    )
    middle = np.array(geometry.position(tuple((n - 1) / 2 for n in scan.shape)))
    from_middle = places - middle.reshape(3, 1, 1, 1)
    head = np.linalg.norm(from_middle, axis=0) < 60
    mark = np.linalg.norm(from_middle - FAR.reshape(3, 1, 1, 1), axis=0) < 12
    return volume_of(100.0 * head + 100.0 * mark, geometry), _mask(mark)


def _middle(tile: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.argwhere(tile).mean(axis=0)


@pytest.mark.parametrize(
    ("name", "right", "up"),
    [
        ("axial", 30, 25),
        ("axial, prone", 30, 25),
        ("axial, seen from above", 30, 25),
        ("sagittal", -25, 20),
        ("sagittal, from right to left", -25, 20),
        ("coronal", 30, 20),
        ("coronal, upside down", 30, 20),
    ],
)
def test_left_is_right_and_front_or_head_is_up_in_the_plain_picture_and_in_the_overlay(
    name: str, right: float, up: float
) -> None:
    volume, mask = _head(name)
    slices = shown_slices(volume, mask)
    largest = max(slices, key=lambda k: int(mask.array[k].sum()))

    picture = strip(volume, mask, [largest], [""])

    half = picture.shape[0] // 2 - 12
    plain, marked = picture[:half], picture[half + 3 : -24]
    head = _middle(ndimage.binary_opening(plain[..., 0] > 90, iterations=10))
    mark = _middle(ndimage.binary_opening(plain[..., 0] > 220, iterations=10))
    outlined = _middle((marked == ORANGE).all(axis=-1))
    per_mm = (mark[1] - head[1]) / right
    assert per_mm > 0
    assert (head[0] - mark[0]) / per_mm == pytest.approx(up, abs=2)
    assert outlined - (3, 0) == pytest.approx(mark, abs=4)


def test_pixels_are_square_in_mm() -> None:
    volume, _ = _head("axial")

    picture = strip(volume, None, [15], [""])[:-24]

    head = ndimage.binary_opening(picture[..., 0] > 90, iterations=10)
    rows, columns = head.any(axis=1).sum(), head.any(axis=0).sum()
    assert rows / columns == pytest.approx(1.0, abs=0.02)


def test_nothing_marked_is_cropped_away() -> None:
    array = np.zeros((5, 64, 64), np.float32)
    array[:, 20:40, 20:40] = 100
    marks = np.zeros(array.shape, bool)
    marks[2, 60:63, 1:4] = True
    volume = volume_of(array, Scan().geometry)

    picture = strip(volume, _mask(marks), [2], [""])

    assert (picture == ORANGE).all(axis=-1).any()


def test_the_largest_section_and_one_on_either_side_are_shown() -> None:
    marks = np.zeros((20, 8, 8), bool)
    for slice_, size in {4: 1, 5: 2, 6: 3, 7: 6, 8: 5, 9: 4, 10: 3}.items():
        marks[slice_, :size, :size] = True
    volume = volume_of(np.ones(marks.shape), Scan().geometry)

    assert shown_slices(volume, _mask(marks)) == (5, 7, 9)


@pytest.mark.parametrize(("touched", "shown"), [((3,), (3,)), ((3, 9), (3, 9)), ((0, 1, 2, 3, 4, 5), (0, 2, 4))])
def test_a_mask_on_few_slices_or_largest_at_its_end_is_shown_too(touched: tuple[int, ...], shown: tuple) -> None:
    marks = np.zeros((12, 8, 8), bool)
    for slice_ in touched:
        marks[slice_, : 7 - slice_ // 2, :4] = True
    volume = volume_of(np.ones(marks.shape), Scan().geometry)

    assert shown_slices(volume, _mask(marks)) == shown


def test_without_a_mask_the_middle_of_the_head_is_shown_not_of_the_stack() -> None:
    array = np.zeros((30, 16, 16), np.float32)
    array[14:28, 4:12, 4:12] = 100
    volume = volume_of(array, Scan().geometry)

    slices = shown_slices(volume, None)

    assert len(slices) == 3
    assert set(slices) < set(range(17, 25))


def test_slices_stand_from_feet_to_head_whatever_their_order() -> None:
    volume, mask = _head("axial, seen from above")

    slices = shown_slices(volume, mask)

    heights = [volume.geometry.position((k, 0, 0))[2] for k in slices]
    assert heights == sorted(heights)


def test_a_few_very_bright_voxels_do_not_darken_the_head() -> None:
    volume, _ = _head("axial")
    array = volume.array.copy()
    array[15, :3, :3] = 1e6

    assert window_of(array).high < 300


def test_each_segment_has_its_own_colour_and_plain_pixels_stay() -> None:
    tile = np.full((60, 60, 3), 50, np.uint8)
    marks = np.zeros((60, 60), np.uint8)
    marks[10:40, 10:40] = 1

    painted = overlaid(tile, marks, _mask(np.zeros((1, 2, 2), bool)))

    assert (painted[10, 10] == ORANGE).all()
    assert (painted[25, 25] == np.round(0.8 * 50 + 0.2 * ORANGE)).all()
    assert (painted[marks == 0] == 50).all()


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_volume_of_one_value_is_drawn_without_a_warning(value: float, recwarn: pytest.WarningsRecorder) -> None:
    volume = volume_of(np.full((3, 8, 8), value), Scan().geometry)

    picture = strip(volume, None, shown_slices(volume, None), ["a", "b", "c"])

    assert picture.dtype == np.uint8
    assert not list(recwarn)


def test_a_single_voxel_is_ringed_and_stays_itself() -> None:
    tile = np.full((60, 60, 3), 50, np.uint8)
    marks = np.zeros((60, 60), np.uint8)
    marks[30, 20] = 1

    painted = overlaid(tile, marks, _mask(np.zeros((1, 2, 2), bool)))

    orange = np.argwhere((painted == ORANGE).all(axis=-1))
    away = np.linalg.norm(orange - (30, 20), axis=1)
    assert sorted(away)[0] == 0
    assert 7 <= sorted(away)[1] < sorted(away)[-1] < 9


def test_a_voxel_smaller_than_a_pixel_is_shown_too() -> None:
    array = np.full((3, 900, 900), 100, np.float32)
    volume = volume_of(array, Scan().geometry)

    for row in range(450, 454):
        marks = np.zeros(array.shape, bool)
        marks[1, row, 451] = True
        picture = strip(volume, _mask(marks), [1], [""])
        assert (picture == ORANGE).all(axis=-1).any()


def _attention(array: NDArray) -> Attention:
    return Attention(array.astype(np.float32), "glioma", "occlusion", "1.2.flair")


def _coloured(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.ptp(picture.astype(int), axis=-1) > 40


@pytest.mark.parametrize("name", list(STANDARD))
def test_evidence_is_coloured_where_it_lies_in_every_orientation(name: str) -> None:
    volume, mask = _head(name)
    attention = _attention(mask.array)
    (slice_, *_) = shown_slices(volume, None, attention)

    heat = strip(volume, None, [slice_], [""], attention)
    outlined = strip(volume, mask, [slice_], [""])

    half = heat.shape[0] // 2 - 12
    assert not _coloured(heat[20 : half - 25, 30:-30]).any()
    lit = ndimage.binary_opening(_coloured(heat[half + 3 : -24]), iterations=6)
    marked = (outlined[half + 3 : -24] == ORANGE).all(axis=-1)
    assert _middle(lit) == pytest.approx(_middle(marked), abs=4)


def test_without_a_mask_the_slices_with_the_highest_evidence_are_shown() -> None:
    array = np.zeros((20, 8, 8))
    for slice_, heat in {2: 0.4, 5: 1.0, 9: 0.8, 17: 0.6}.items():
        array[slice_, 3, 3] = heat
    volume = volume_of(np.ones(array.shape), Scan().geometry)

    assert shown_slices(volume, None, _attention(array)) == (5, 9, 17)


def test_a_mask_decides_which_slices_are_shown_also_where_there_is_evidence() -> None:
    volume, mask = _head("axial")
    elsewhere = np.zeros(mask.array.shape)
    elsewhere[1, 20, 20] = 1.0

    shown = shown_slices(volume, mask, _attention(elsewhere))

    assert shown == shown_slices(volume, mask)
    assert (
        strip(volume, mask, shown, [""] * 3, _attention(elsewhere)).shape[0]
        > strip(volume, mask, shown, [""] * 3).shape[0]
    )


def test_an_explanation_without_evidence_is_drawn_as_none() -> None:
    volume, mask = _head("axial")
    nothing = _attention(np.zeros(mask.array.shape))

    assert shown_slices(volume, None, nothing) == shown_slices(volume, None)
    assert np.array_equal(strip(volume, None, [15], [""], nothing), strip(volume, None, [15], [""]))


def test_strong_evidence_outside_the_head_is_not_cropped_away() -> None:
    array = np.zeros((5, 64, 64), np.float32)
    array[:, 20:40, 20:40] = 100
    heat = np.zeros(array.shape)
    heat[2, 58:63, 1:6] = 1.0
    volume = volume_of(array, Scan().geometry)

    picture = strip(volume, None, [2], [""], _attention(heat))

    assert _coloured(picture[picture.shape[0] // 2 :, : picture.shape[1] // 3]).sum() > 500
