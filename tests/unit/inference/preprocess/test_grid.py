from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_io.volume import Geometry
from inference.preprocess.grid import AXIAL, SquareFit, axial_turn, resize

ORDERS = list(permutations(range(3)))
SIGNS = list(product((1.0, -1.0), repeat=3))


def scanned(order: tuple[int, ...], signs: tuple[float, ...], spacing: tuple[float, float, float]) -> Geometry:
    """A grid whose slice, row and column steps are the axial directions in this order and with these signs."""
    steps = [tuple(sign * mm * c for c in AXIAL[axis]) for axis, sign, mm in zip(order, signs, spacing, strict=True)]
    return Geometry((0.0, 0.0, 0.0), column_step=steps[2], row_step=steps[1], slice_step=steps[0])


@given(st.sampled_from(ORDERS), st.sampled_from(SIGNS))
def test_every_orientation_is_turned_so_that_indices_grow_up_back_and_left(
    order: tuple[int, ...], signs: tuple[float, ...]
) -> None:
    geometry = scanned(order, signs, (5.0, 0.9, 1.1))
    coordinates = np.stack(np.indices((4, 5, 6)), axis=-1) @ np.stack(
        [geometry.slice_step, geometry.row_step, geometry.column_step]
    )

    turn, spacing = axial_turn(geometry)
    up, back, left = (turn.forward(coordinates @ np.array(direction)) for direction in AXIAL)

    assert (np.diff(up, axis=0) > 0).all()
    assert (np.diff(back, axis=1) > 0).all()
    assert (np.diff(left, axis=2) > 0).all()
    assert spacing == pytest.approx((np.diff(up, axis=0).flat[0], np.diff(back, axis=1).flat[0], np.diff(left).flat[0]))


@given(st.sampled_from(ORDERS), st.sampled_from(SIGNS))
def test_turning_forth_and_back_gives_the_same_voxels(order: tuple[int, ...], signs: tuple[float, ...]) -> None:
    array = np.random.default_rng(3).random((4, 5, 6))

    turn, _ = axial_turn(scanned(order, signs, (5.0, 0.9, 1.1)))

    np.testing.assert_array_equal(turn.backward(turn.forward(array)), array)


def test_an_oblique_axial_scan_needs_no_turn() -> None:
    cos, sin = np.cos(0.4), np.sin(0.4)
    geometry = Geometry((0, 0, 0), column_step=(1, 0, 0), row_step=(0, cos, sin), slice_step=(0, -5 * sin, 5 * cos))

    turn, spacing = axial_turn(geometry)

    assert turn.order == (0, 1, 2)
    assert turn.flip == (False, False, False)
    assert spacing == pytest.approx((5.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("shape", "spacing"), [((288, 288), (0.8, 0.8)), ((187, 181), (1.0, 1.2)), ((512, 400), (0.5, 0.5))]
)
def test_a_blob_fitted_to_the_square_comes_back_to_its_place(
    shape: tuple[int, int], spacing: tuple[float, float]
) -> None:
    rows, columns = np.indices(shape)
    centre = (0.3 * shape[0], 0.6 * shape[1])
    blob = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / 200).astype(np.float32)[None]

    fit = SquareFit.of(shape, spacing, 256)
    back = fit.backward(fit.forward(blob, fill=0.0))

    assert back.shape == blob.shape
    for axis, position in ((0, centre[0]), (1, centre[1])):
        weights = back[0].sum(axis=1 - axis)
        assert np.average(np.arange(shape[axis]), weights=weights) == pytest.approx(position, abs=0.1)
    assert np.abs(back - blob).max() < 0.1


def test_pixels_of_unequal_sides_become_square() -> None:
    fit = SquareFit.of((100, 100), (2.0, 1.0), 256)

    assert fit.inner == (256, 128)


def test_shrinking_keeps_the_mean_of_a_fine_pattern() -> None:
    checkerboard = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.float32)[None]

    small = resize(checkerboard, (16, 16))

    assert small.mean() == pytest.approx(0.5, abs=0.01)
    assert small.std() < 0.1
