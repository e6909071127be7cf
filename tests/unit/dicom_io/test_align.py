from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from support.volumes import FRAME, geometry_of, moved, volume_of

from dicom_io.align import align, to_grid
from dicom_io.errors import InconsistentCase
from dicom_io.phantom import brain_phantom
from dicom_io.registration import Rigid
from dicom_io.volume import Geometry, Volume

SHAPE = (7, 20, 24)
OBLIQUE = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix()
GRID = geometry_of(OBLIQUE, (4.0, 1.5, 1.25), (10.0, -20.0, 30.0), SHAPE)
VOXELS = np.random.default_rng(0).uniform(50, 900, SHAPE).astype(np.float32)
VOLUME = volume_of(VOXELS, GRID)
HEAD = brain_phantom((20, 96, 96), (6.0, 2.4, 2.4), seed=5)


def started_at(geometry: Geometry, index: Sequence[int]) -> Geometry:
    return replace(geometry, origin=geometry.position((index[0], index[1], index[2])))


def positions(geometry: Geometry, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the position in mm of every voxel, (slices, rows, columns, 3)."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    return index @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]


def turned(volume: Volume, order: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """Return the same voxels at the same places, stored along other axes in other directions."""
    corner = [n - 1 if flips[order.index(axis)] else 0 for axis, n in enumerate(volume.array.shape)]
    steps = volume.geometry.affine[:3, :3][:, list(order)] * [-1 if flip else 1 for flip in flips]
    slice_step, row_step, column_step = (tuple(map(float, step)) for step in steps.T)
    origin = started_at(volume.geometry, corner).origin
    array = volume.array.transpose(order)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    return volume_of(array, Geometry(origin, column_step, row_step, slice_step))


def test_a_volume_on_the_same_grid_keeps_its_very_voxels() -> None:
    assert to_grid(VOLUME, volume_of(np.zeros(SHAPE), GRID, "t1")) is VOLUME.array


def test_a_grid_that_starts_two_voxels_further_gives_the_same_voxels_there_and_the_minimum_outside() -> None:
    reference = volume_of(np.zeros(SHAPE), started_at(GRID, (1, 2, 3)))

    array = to_grid(VOLUME, reference)

    np.testing.assert_allclose(array[:-1, :-2, :-3], VOXELS[1:, 2:, 3:], rtol=1e-5)
    assert (array[-1] == VOXELS.min()).all()
    assert (array[:, -2:] == VOXELS.min()).all()
    assert not array.flags.writeable


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((False, True), repeat=3)))
def test_the_order_in_which_voxels_are_stored_does_not_matter(order: tuple[int, ...], flips: tuple[bool, ...]) -> None:
    isotropic = volume_of(VOXELS, geometry_of(OBLIQUE, (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), SHAPE))

    array = to_grid(turned(isotropic, order, flips), isotropic)

    np.testing.assert_allclose(array, VOXELS, rtol=1e-5)


angles = st.tuples(*(st.floats(-180, 180) for _ in range(3)))
spacings = st.tuples(st.floats(1, 7), st.floats(0.5, 2), st.floats(0.5, 2))


@settings(max_examples=40, deadline=None)
@given(angles, angles, spacings, spacings)
def test_a_ramp_in_patient_coordinates_stays_the_same_ramp_at_any_orientation(
    angle: tuple[float, ...], other: tuple[float, ...], spacing: tuple, other_spacing: tuple
) -> None:
    def grid(turn: tuple[float, ...], size: tuple, shape: tuple[int, ...]) -> Geometry:
        return geometry_of(Rotation.from_euler("xyz", turn, degrees=True).as_matrix(), size, (3.0, -5.0, 8.0), shape)

    def ramp(geometry: Geometry, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return positions(geometry, shape) @ (0.5, -0.3, 0.8) + 60.0

    large, small = (24, 48, 48), (3, 6, 5)
    moving, reference = grid(angle, spacing, large), grid(other, other_spacing, small)

    array = to_grid(volume_of(ramp(moving, large), moving), volume_of(np.zeros(small), reference))

    index = (positions(reference, small) - moving.origin) @ np.linalg.inv(moving.affine[:3, :3]).T
    reach = 6.0 / np.array(moving.spacing) * max(1.0, max(other_spacing) / 6.0)
    inside = ((index > reach) & (index < np.array(large) - 1 - reach)).all(axis=-1)
    assume(inside.any())
    np.testing.assert_allclose(array[inside], ramp(reference, small)[inside], atol=1e-3)


def test_thick_slices_average_the_thin_slices_within_them() -> None:
    stripes = np.zeros((61, 8, 8))
    stripes[::2] = 100.0
    thin = volume_of(stripes, geometry_of(np.eye(3)[:, ::-1], (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), stripes.shape))
    thick = volume_of(np.zeros((5, 8, 8)), geometry_of(np.eye(3)[:, ::-1], (6.0, 1.0, 1.0), (0.0, 0.0, 0.0), (5, 8, 8)))

    np.testing.assert_allclose(to_grid(thin, thick), 50.0, atol=2.0)


def test_half_of_a_thin_bright_slice_is_seen_half_a_thick_slice_away() -> None:
    line = np.zeros((61, 8, 8))
    line[30] = 100.0
    axes = np.eye(3)[:, ::-1]
    thin = volume_of(line, geometry_of(axes, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), line.shape))

    def seen_from(height: float) -> float:
        thick = volume_of(np.zeros((3, 8, 8)), geometry_of(axes, (6.0, 1.0, 1.0), (0.0, 0.0, height), (3, 8, 8)))
        return float(to_grid(thin, thick)[1, 4, 4])

    assert seen_from(3.0) / seen_from(0.0) == pytest.approx(0.5, abs=0.06)
    assert seen_from(0.0) == pytest.approx(100 / 6, rel=0.15)


def test_a_finer_grid_is_filled_between_the_voxels() -> None:
    axes = np.eye(3)[:, ::-1]
    coarse = volume_of(
        np.arange(5.0)[:, None, None] * np.ones((5, 4, 4)) * 10, geometry_of(axes, (6, 2, 2), (0, 0, 0), (5, 4, 4))
    )
    fine = volume_of(np.zeros((9, 4, 4)), geometry_of(axes, (3, 2, 2), (0, 0, 0), (9, 4, 4)))

    np.testing.assert_allclose(to_grid(coarse, fine)[:, 2, 2], np.arange(9) * 5.0, atol=1e-4)


def test_a_motion_is_undone() -> None:
    motion = Rigid((10.0, -20.0, 30.0), (0.2, -0.1, 0.4), (12.0, 5.0, -8.0))

    array = to_grid(moved(VOLUME, motion), VOLUME, motion)

    np.testing.assert_allclose(array, VOXELS, rtol=1e-4)


def test_volumes_of_one_frame_of_reference_are_aligned_by_their_positions() -> None:
    other = volume_of(VOXELS, started_at(GRID, (0, 1, 0)), "t1")

    aligned, notes = align({"flair": VOLUME, "t1": other}, other_frame="refuse")

    assert list(aligned) == ["t1"]
    np.testing.assert_allclose(aligned["t1"][:, 1:], VOXELS[:, :-1], rtol=1e-5)
    assert notes == ()


@pytest.mark.parametrize(("frame", "told"), [("1.2.3.9", "1.2.3.9"), ("", "none")])
def test_another_frame_of_reference_is_refused_by_setting_with_both_named(frame: str, told: str) -> None:
    other = volume_of(VOXELS, GRID, "t1c", frame=frame)

    with pytest.raises(InconsistentCase) as refusal:
        align({"flair": VOLUME, "t1c": other}, other_frame="refuse")

    assert str(refusal.value) == (
        "T1 post contrast (series 4 test t1c) and FLAIR (series 4 test flair) have the Frames of Reference "
        f"{told} and {FRAME}: not registered"
    )


def test_two_unknown_frames_of_reference_are_not_one() -> None:
    volumes = {"flair": volume_of(VOXELS, GRID, frame=""), "t1": volume_of(VOXELS, GRID, "t1", frame="")}

    with pytest.raises(InconsistentCase, match="Frames of Reference none and none"):
        align(volumes, other_frame="refuse")


def test_another_frame_of_reference_is_registered_by_setting_and_noted() -> None:
    flair = volume_of(HEAD.contrasts["flair"], HEAD.geometry)
    motion = Rigid((0.0, 4.0, 13.0), (0.0, 0.0, np.radians(5.0)), (6.0, 0.0, 8.0))
    t1 = moved(volume_of(HEAD.contrasts["t1"], HEAD.geometry, "t1"), motion, frame="1.2.3.9")

    aligned, (note,) = align({"flair": flair, "t1": t1}, other_frame="register")

    apart = np.abs(aligned["t1"] - HEAD.contrasts["t1"])[:, 20:-20, 20:-20].mean()
    assert apart < 0.25 * np.abs(to_grid(t1, flair) - HEAD.contrasts["t1"])[:, 20:-20, 20:-20].mean()
    assert note.startswith("T1 registered to FLAIR: moved ")
    words = note.split()
    assert float(words[words.index("moved") + 1]) == pytest.approx(10.0, abs=1.0)
    assert float(words[words.index("turned") + 1]) == pytest.approx(5.0, abs=1.0)


def test_a_registration_that_fails_is_refused_with_the_names_of_both_series() -> None:
    flair = volume_of(HEAD.contrasts["flair"], HEAD.geometry)
    noise = np.random.default_rng(2).random(flair.array.shape)
    other = volume_of(noise, HEAD.geometry, "t2", frame="1.2.3.9")

    with pytest.raises(InconsistentCase, match=r"^T2 \(series 4 test t2\) and FLAIR \(.*too little in common"):
        align({"flair": flair, "t2": other}, other_frame="register")


@pytest.mark.parametrize(("slices", "enough"), [(12, True), (7, False)])
def test_a_volume_that_leaves_out_most_of_the_head_is_refused_with_the_share(slices: int, *, enough: bool) -> None:
    flair = volume_of(HEAD.contrasts["flair"], HEAD.geometry)
    part = volume_of(HEAD.contrasts["t1"][:slices], HEAD.geometry, "t1")

    if enough:
        assert align({"flair": flair, "t1": part}, other_frame="refuse")[0]["t1"].shape == flair.array.shape
        return
    with pytest.raises(InconsistentCase, match=r"hardly overlap: [1-4]\d% of the head .* at least 50% are needed"):
        align({"flair": flair, "t1": part}, other_frame="refuse")
