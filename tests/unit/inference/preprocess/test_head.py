import numpy as np
import pytest

from dicom_io.phantom import brain_phantom
from inference.preprocess.head import expected_radius, find_head
from inference.preprocess.surface import icosphere

SPACING = (6.0, 4.0, 4.0)


def test_the_middle_of_the_brain_is_found_below_the_vertex() -> None:
    head = find_head(brain_phantom((26, 60, 60), SPACING).contrasts["t1"], SPACING)

    assert head is not None
    assert head.centre == pytest.approx((75 - 13, 118 - 4, 118), abs=16)
    assert head.scale == pytest.approx((1, 1, 1), abs=0.1)


def test_depth_is_measured_from_the_skin_inward() -> None:
    array = np.zeros((40, 60, 60), np.float32)
    array[:, 10:50, 10:50] = 100

    head = find_head(array, (4.0, 4.0, 4.0))

    assert head is not None
    assert head.depth[20, 10, 30] == pytest.approx(4)
    assert head.depth[20, 14, 30] == pytest.approx(20)
    assert head.depth[20, 5, 30] == 0


def test_an_empty_volume_shows_no_head() -> None:
    assert find_head(np.zeros((10, 20, 20), np.float32), SPACING) is None


def test_a_larger_head_holds_a_larger_brain() -> None:
    mesh, radii = icosphere(2), np.arange(10.0, 132.0, 2)
    array = np.zeros((40, 60, 60), np.float32)
    array[2:36, 8:52, 12:48] = 100
    small, large = (find_head(array, (mm, mm, mm)) for mm in (4.0, 5.0))

    assert small is not None
    assert large is not None
    assert (expected_radius(large, mesh, radii) > expected_radius(small, mesh, radii)).mean() > 0.95
