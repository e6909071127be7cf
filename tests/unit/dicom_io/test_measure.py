from dataclasses import replace

import numpy as np
import pytest
from support.source_series import class_findings, classic_volume, lopsided, mask_findings

from dicom_io.findings import Findings, Score
from dicom_io.measure import centre_of_mass, presence_score, slices_touched, volume_cm3
from dicom_io.volume import Geometry

OBLIQUE = Geometry(
    origin=(10.0, -20.0, 30.0),
    column_step=(0.4, 0.3, 0.0),
    row_step=(0.0, 0.0, -0.75),
    slice_step=(-3.0, 4.0, 0.0),
)


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
