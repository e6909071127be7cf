from dataclasses import replace

import numpy as np
import pytest
from support.source_series import class_findings, classic_volume, lopsided, mask_findings

from dicom_io.findings import Findings, Mask, Score, Segment
from dicom_io.measure import (
    Diameters,
    centre_of_mass,
    diameters,
    measures,
    presence_score,
    slices_touched,
    volume_cm3,
)
from dicom_io.volume import Geometry

OBLIQUE = Geometry(
    origin=(10.0, -20.0, 30.0),
    column_step=(0.4, 0.3, 0.0),
    row_step=(0.0, 0.0, -0.75),
    slice_step=(-3.0, 4.0, 0.0),
)

UNIT = Geometry(origin=(0, 0, 0), column_step=(1, 0, 0), row_step=(0, 1, 0), slice_step=(0, 0, 3))
FLAT = replace(UNIT, row_step=(0, 0.5, 0), column_step=(2, 0, 0))


def _drawn(*slices: str) -> np.ndarray:
    """Return a mask of drawings, one a slice: rows between blanks, # is a voxel."""
    return np.array([[[voxel == "#" for voxel in row] for row in plane.split()] for plane in slices])


def _diameters(*slices: str, geometry: Geometry = UNIT) -> Diameters:
    found = diameters(_drawn(*slices), geometry)
    assert found is not None
    return found


def _box() -> np.ndarray:
    mask = np.zeros((6, 8, 10), bool)
    mask[1:4, 2:6, 3:8] = True
    return mask


def test_the_volume_is_the_number_of_voxels_times_the_volume_of_one() -> None:
    assert volume_cm3(_box(), OBLIQUE) == pytest.approx(3 * 4 * 5 * (0.5 * 0.75 * 5.0) / 1000)


def test_an_empty_mask_has_no_volume_and_no_slices() -> None:
    empty = np.zeros((6, 8, 10), bool)

    assert volume_cm3(empty, OBLIQUE) == 0
    assert slices_touched(empty) == 0


def test_the_centre_of_mass_of_a_box_is_its_middle_in_the_patient() -> None:
    slice_, row, column = 2.0, 3.5, 5.0
    expected = np.array([10, -20, 30]) + slice_ * np.array([-3, 4, 0]) + row * np.array([0, 0, -0.75])
    expected = expected + column * np.array([0.4, 0.3, 0])

    assert centre_of_mass(_box(), OBLIQUE) == pytest.approx(tuple(expected))


def test_slices_touched_counts_slices_and_not_voxels() -> None:
    assert slices_touched(_box()) == 3


def test_presence_is_what_no_tumour_leaves_over(tmp_path) -> None:
    assert presence_score(class_findings(classic_volume(tmp_path), no_tumour=0.3)) == pytest.approx(0.7)


def test_presence_of_a_segmentation_is_the_score_of_its_segment(tmp_path) -> None:
    findings = mask_findings(classic_volume(tmp_path), lopsided())

    assert presence_score(findings) == 0.934


@pytest.mark.parametrize("scores", [(), (Score("sharpness", 0.9),)])
def test_presence_is_unknown_where_no_score_tells_it(tmp_path, scores: tuple[Score, ...]) -> None:
    findings: Findings = replace(mask_findings(classic_volume(tmp_path), lopsided()), scores=scores)

    assert presence_score(findings) is None


@pytest.mark.parametrize(("geometry", "long", "short"), [(UNIT, 1, 1), (FLAT, 2, 0.5)])
def test_a_single_voxel_is_as_long_and_wide_as_it_is(geometry: Geometry, long: float, short: float) -> None:
    found = _diameters("... .#. ...", geometry=geometry)

    assert (found.long_mm, found.short_mm) == (long, short)


def test_a_line_of_voxels_is_as_long_as_its_drawn_outline() -> None:
    found = _diameters("..... .####", geometry=FLAT)

    assert (found.long_mm, found.long_axis) == (8, ((1, 0.5), (1, 4.5)))
    assert (found.short_mm, {row for row, _ in found.short_axis}) == (0.5, {0.5, 1.5})


def test_voxels_that_touch_at_a_corner_are_one() -> None:
    found = _diameters("#.. .#. ..#")

    assert found.long_mm == pytest.approx(np.hypot(3, 2))
    assert found.short_mm == pytest.approx(2.6 / np.hypot(3, 2))


def test_millimetres_count_and_not_voxels() -> None:
    six_rows, three_columns = "#.. #.. #.. #.. #.. #..", "... ... ### ... ... ..."

    assert _diameters(six_rows, three_columns).slice == 0
    assert _diameters(six_rows, three_columns, geometry=FLAT).slice == 1


def test_the_diameters_of_a_ring_cross_its_hole() -> None:
    hollow, whole = _diameters(".###. #...# #...# #...# .###."), _diameters(".###. ##### ##### ##### .###.")

    assert hollow == whole
    assert hollow.long_mm == hollow.short_mm == pytest.approx(np.hypot(2, 5))


def test_the_long_axis_crosses_a_bay_and_the_short_one_ends_on_the_outline_in_it() -> None:
    found = _diameters("##.....## .##...##. ..#####..")

    assert found.long_mm == 9, "from tip to tip"
    assert found.short_mm == 2, "of the convex hull it would be 3"


def test_of_two_regions_on_a_slice_the_larger_counts() -> None:
    found = _diameters("###.... ###.... ###.... ....... .######")

    assert found.long_mm == pytest.approx(np.hypot(3, 2))


def test_the_longest_slice_counts_and_of_equals_the_first() -> None:
    assert _diameters("....", ".##.", "###.", ".###", "##..").slice == 2


def test_the_axes_are_perpendicular_in_the_patient() -> None:
    mask = np.zeros((3, 20, 30), bool)
    mask[1, 3:6, 4:9] = mask[1, 5:14, 8:13] = mask[1, 12:15, 11:28] = True
    found = diameters(mask, OBLIQUE)
    assert found is not None

    long, short = (
        np.subtract(*(OBLIQUE.position((1, *end)) for end in axis)) for axis in (found.long_axis, found.short_axis)
    )

    assert abs(long @ short) < 1e-5
    assert (np.linalg.norm(long), np.linalg.norm(short)) == pytest.approx((found.long_mm, found.short_mm), abs=1e-5)


def test_diameters_do_not_change_when_the_mask_is_mirrored_or_turned() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        mask = rng.random((1, 9, 9)) < 0.7
        found, *others = (
            diameters(other, UNIT) for other in (mask, mask[:, ::-1], mask[:, :, ::-1], mask.transpose(0, 2, 1))
        )
        assert {round(other.long_mm, 6) for other in others if other} == {round(found.long_mm, 6)}


def test_a_mask_without_voxels_has_no_diameters() -> None:
    assert diameters(np.zeros((3, 4, 5), bool), UNIT) is None


def test_segments_with_voxels_are_measured_in_the_order_of_the_mask() -> None:
    array = np.zeros((6, 8, 10), np.uint8)
    array[1:4, 2:6, 3:8] = 3
    array[5, 0, 0] = 1
    mask = Mask(array, (Segment(3, "third"), Segment(2, "second"), Segment(1, "first")), "1.2")

    third, first = measures(mask, OBLIQUE)

    assert (third.number, third.label, third.slices) == (3, "third", 3)
    assert third.volume_cm3 == volume_cm3(_box(), OBLIQUE)
    assert third.centre == centre_of_mass(_box(), OBLIQUE)
    assert third.diameters == diameters(_box(), OBLIQUE)
    assert (first.number, first.label, first.slices) == (1, "first", 1)
    assert first.diameters.long_mm == 0.75
