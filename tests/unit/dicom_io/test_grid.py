from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from dicom_io.errors import MissingSlices, MixedGeometry
from dicom_io.grid import check_one_grid, geometry_of, places, plane_of
from dicom_io.header import Frame
from dicom_io.volume import Geometry, SourceFrame


def frame(position: Sequence[float], orientation: Sequence[float] = (1, 0, 0, 0, 1, 0), **more: object) -> Frame:
    made = Frame(
        source=SourceFrame(Path("a.dcm"), 0, "1.2"),
        rows=20,
        columns=30,
        position=tuple(map(float, position)),
        orientation=tuple(map(float, orientation)),
        pixel_spacing=(0.9, 1.1),
        slope=1.0,
        intercept=0.0,
        frame_of_reference_uid="1.9",
    )
    return replace(made, **more)


def stack(*heights: float) -> list[Frame]:
    return [frame((-10, -20, height)) for height in heights]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 9), st.floats(0.2, 8), st.permutations(range(9)))
def test_frames_of_any_orientation_in_any_order_lie_on_the_grid_they_were_made_of(
    seed: int, count: int, gap: float, order: list[int]
) -> None:
    axes = Rotation.random(random_state=seed).as_matrix().T
    origin = np.array([12.0, -3.0, 40.0])
    frames = [frame(origin + k * gap * axes[2], np.ravel(axes[:2])) for k in range(count)]

    ordered = [place[0] for place in places([frames[k] for k in order if k < count])]
    geometry = geometry_of(ordered)

    assert ordered == frames
    np.testing.assert_allclose(geometry.origin, origin)
    np.testing.assert_allclose(geometry.slice_step, gap * axes[2], atol=1e-9)
    np.testing.assert_allclose(geometry.column_step, 1.1 * axes[0])
    np.testing.assert_allclose(geometry.row_step, 0.9 * axes[1])
    assert geometry.frame_of_reference_uid == "1.9"


def test_frames_at_one_place_are_found_together() -> None:
    first, second, third = stack(0, 5, 10)
    again = replace(second, position=(-10.0, -20.0, 5.001))

    assert places([third, again, first, second]) == [[first], [second, again], [third]]


def test_frames_side_by_side_in_one_plane_are_at_two_places() -> None:
    left, right = frame((0, 0, 5)), frame((40, 0, 5))

    assert places([left, right, left]) == [[left, left], [right]]


@pytest.mark.parametrize(
    ("heights", "reason"),
    [
        ((0,), "at least 3 slices, there is a single slice"),
        ((0, 5), "at least 3 slices, there are 2"),
        ((0, 5, 15, 20), r"slices 2 and 3 of 4 are 10\.00 mm apart, the others 5\.00 mm: 1 slice is missing"),
        ((0, 5, 20, 25, 35), r"slices 2 and 3 of 5 are 15\.00 mm apart, the others 7\.50 mm"),
        ((0, 5, 20, 25, 30, 40, 45), "3 slices are missing"),
        ((0, 5, 11.5, 16.5), r"6\.50 mm apart, the others 5\.00 mm: unevenly spaced, 5\.00 to 6\.50 mm"),
    ],
)
def test_too_few_or_unevenly_spaced_slices_are_refused_with_the_numbers(heights: Sequence[float], reason: str) -> None:
    with pytest.raises(MissingSlices, match=reason):
        geometry_of(stack(*heights))


def test_a_gantry_tilt_is_refused_with_its_angle() -> None:
    frames = [frame((0, 2.0 * k, 5.0 * k)) for k in range(5)]

    with pytest.raises(
        MixedGeometry, match=r"sheared: over 20\.0 mm .* 8\.00 mm in plane \(gantry tilt of 21\.8 degrees"
    ):
        geometry_of(frames)


def test_slices_in_one_plane_are_no_volume() -> None:
    with pytest.raises(MixedGeometry, match=r"not a volume: 4 slices lie in one plane, up to 90\.0 mm apart"):
        geometry_of([frame((30 * k, 0, 0)) for k in range(4)])


def test_overlapping_slices_are_a_volume() -> None:
    assert geometry_of(stack(0, 0.5, 1.0, 1.5)).spacing == pytest.approx((0.5, 0.9, 1.1))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"orientation": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)}, r"tilted by up to 90\.0, turned by up to 0\.0 degrees"),
        ({"orientation": (0.0, 1.0, 0.0, -1.0, 0.0, 0.0)}, r"tilted by up to 0\.0, turned by up to 90\.0 degrees"),
        ({"rows": 21}, "different size: 20 x 30, 21 x 30"),
        ({"pixel_spacing": (0.95, 1.1)}, r"Pixel Spacing differs: \[0\.9, 1\.1\] to \[0\.95, 1\.1\] mm"),
        ({"frame_of_reference_uid": "1.8"}, "different Frames of Reference"),
    ],
)
def test_what_differs_between_slices_is_named(other: dict[str, object], reason: str) -> None:
    with pytest.raises(MixedGeometry, match=reason):
        check_one_grid([*stack(0, 5), frame((0, 0, 10), **other)])


@pytest.mark.parametrize(
    ("column_step", "row_step", "plane"),
    [
        ((1, 0, 0), (0, 1, 0), "axial"),
        ((-1, 0, 0), (0, 0.9, 0.2), "axial"),
        ((0, 1, 0), (0, 0, -1), "sagittal"),
        ((1, 0, 0), (0, 0, -1), "coronal"),
        ((1, 0, 0), (0, 1, -1), "oblique"),
    ],
)
def test_the_plane_is_named_by_the_nearest_axis(
    column_step: tuple[float, float, float], row_step: tuple[float, float, float], plane: str
) -> None:
    assert plane_of(Geometry((0, 0, 0), column_step, row_step, (0, 0, 1))) == plane
