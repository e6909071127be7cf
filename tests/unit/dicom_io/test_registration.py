from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from support.volumes import geometry_of, moved, volume_of

from dicom_io.errors import InconsistentCase
from dicom_io.phantom import brain_phantom
from dicom_io.registration import Rigid, register
from dicom_io.volume import Volume

HEAD = brain_phantom((24, 128, 128), (5.0, 1.8, 1.8), seed=5)
FLAIR = volume_of(HEAD.contrasts["flair"], HEAD.geometry)
MIDDLE = (0.0, 4.0, 13.0)


def motion(turn: tuple[float, float, float], shift: tuple[float, float, float]) -> Rigid:
    x, y, z = np.radians(turn).tolist()
    return Rigid(MIDDLE, (x, y, z), shift)


def t1(truth: Rigid) -> Volume:
    return moved(volume_of(HEAD.contrasts["t1"], HEAD.geometry, "t1"), truth)


@pytest.mark.parametrize(
    ("turn", "shift"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((1, -2, 3), (2, -3, 4)),
        ((-8, 5, 12), (10, -12, 6)),
        ((3, 3, -10), (70, -90, 60)),
        ((20, -20, 20), (60, 0, -50)),
    ],
)
def test_a_known_motion_between_two_contrasts_is_recovered(
    turn: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    truth = motion(turn, shift)

    found = register(t1(truth), FLAIR)

    centre = np.array([found.centre])
    assert np.linalg.norm(found.of(centre) - truth.of(centre)) < 1.0
    difference = np.trace(found.rotation @ truth.rotation.T)
    assert np.degrees(np.arccos(np.clip((difference - 1) / 2, -1, 1))) < 1.0
    assert found.overlap > 0.9


def test_two_runs_give_the_same_answer_to_the_last_bit() -> None:
    volume = t1(motion((2, 1, -4), (5, 3, -6)))

    assert register(volume, FLAIR) == register(volume, FLAIR)


def test_how_far_the_head_moved_is_told_at_its_middle() -> None:
    found = Rigid((100.0, 0.0, 0.0), (0.0, 0.0, np.pi / 6), (3.0, 0.0, 4.0))

    assert found.translation_mm == pytest.approx(5.0)
    assert found.rotation_degrees == pytest.approx(30.0)
    np.testing.assert_allclose(found.of(np.array([[100.0, 0.0, 0.0]])), [[103.0, 0.0, 4.0]])
    np.testing.assert_allclose(found.of(np.array([[110.0, 0.0, 0.0]])), [[103.0 + 10 * np.cos(np.pi / 6), 5.0, 4.0]])


def test_positions_are_turned_as_simpleitk_turns_them() -> None:
    found = motion((20, -15, 35), (3, -7, 11))
    point = (31.0, -52.0, 17.0)

    np.testing.assert_allclose(found.of(np.array([point]))[0], found.transform().TransformPoint(point), atol=1e-9)


def test_noise_is_refused_because_it_has_nothing_in_common_with_a_head() -> None:
    noise = np.random.default_rng(1).random(FLAIR.array.shape) * 900

    with pytest.raises(InconsistentCase, match=r"too little in common.* 0\.0\d nats .* at least 0\.5 are needed"):
        register(volume_of(noise, FLAIR.geometry, "t1"), FLAIR)


def test_an_empty_volume_is_refused() -> None:
    with pytest.raises(InconsistentCase, match="shows no head: its voxels are all 12"):
        register(volume_of(np.full(FLAIR.array.shape, 12.0), FLAIR.geometry, "t1"), FLAIR)


def test_a_head_turned_by_more_than_a_patient_can_is_refused() -> None:
    with pytest.raises(InconsistentCase, match=r"turns the head by (49|50|51) degrees, at most 45 are believed"):
        register(t1(motion((0, 0, 50), (0, 0, 0))), FLAIR)


def test_a_thin_slab_is_not_turned_where_it_need_not_be() -> None:
    start = HEAD.geometry.position((8, 0, 0))
    slab = volume_of(HEAD.contrasts["t1"][8:13], replace(HEAD.geometry, origin=start), "t1")

    found = register(moved(slab, motion((2, 2, 2), (3, 3, 3))), FLAIR)

    assert found.translation_mm == pytest.approx(np.sqrt(27), abs=1.0)
    assert found.rotation_degrees < 6.0


def test_the_two_halves_of_a_head_are_refused() -> None:
    left = volume_of(HEAD.contrasts["flair"][:, :, :70], HEAD.geometry)
    start = HEAD.geometry.position((0, 0, 58))
    right = volume_of(HEAD.contrasts["t1"][:, :, 58:], replace(HEAD.geometry, origin=start), "t1")

    with pytest.raises(InconsistentCase, match=r"[1-4]\d% of the smaller head lies within the other, at least 50%"):
        register(right, left)


def test_another_object_is_refused() -> None:
    ball = np.zeros((24, 64, 64))
    z, y, x = np.mgrid[-12:12, -32:32, -32:32]
    ball[(5 * z) ** 2 + (2 * y) ** 2 + (2 * x) ** 2 < 40**2] = 500.0
    far = volume_of(ball, geometry_of(np.eye(3)[:, ::-1], (5.0, 2.0, 2.0), (400.0, 0.0, 0.0), ball.shape), "t1")

    with pytest.raises(InconsistentCase, match="too little in common"):
        register(far, FLAIR)


def test_simpleitk_has_its_threads_back_afterwards() -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(2)
    register(t1(motion((0, 0, 0), (0, 0, 0))), FLAIR)

    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 2
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
