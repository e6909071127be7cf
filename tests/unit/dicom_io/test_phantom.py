import numpy as np
import pytest

from dicom_io.phantom import CONTRASTS, LABELS, LESION, Phantom, brain_phantom

SHAPE, SPACING = (12, 96, 96), (10.0, 2.4, 2.4)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return brain_phantom(SHAPE, SPACING, seed=3)


def signal(phantom: Phantom, contrast: str, tissue: str) -> float:
    return float(np.median(phantom.contrasts[contrast][phantom.labels == LABELS.index(tissue)]))


def test_every_contrast_covers_the_grid_with_finite_values_from_zero(phantom: Phantom) -> None:
    assert tuple(phantom.contrasts) == CONTRASTS
    for voxels in phantom.contrasts.values():
        assert voxels.shape == SHAPE
        assert voxels.dtype == np.float32
        assert np.isfinite(voxels).all()
        assert voxels.min() >= 0
        assert voxels.max() < 4096


def test_the_same_seed_makes_the_same_head_and_another_seed_another(phantom: Phantom) -> None:
    again, other = brain_phantom(SHAPE, SPACING, seed=3), brain_phantom(SHAPE, SPACING, seed=4)

    for contrast in CONTRASTS:
        np.testing.assert_array_equal(again.contrasts[contrast], phantom.contrasts[contrast])
    assert (other.labels != phantom.labels).any()


def test_the_tissues_rank_as_on_a_real_scanner(phantom: Phantom) -> None:
    t1, t2, flair = (
        {tissue: signal(phantom, contrast, tissue) for tissue in ("white matter", "grey matter", "csf", "oedema")}
        for contrast in ("t1", "t2", "flair")
    )
    assert t1["white matter"] > t1["grey matter"] > t1["csf"]
    assert t2["csf"] > t2["grey matter"] > t2["white matter"]
    assert flair["oedema"] > 1.5 * flair["grey matter"]
    assert flair["grey matter"] > flair["white matter"] > flair["csf"]
    assert t2["oedema"] > t2["white matter"]
    assert t1["oedema"] < t1["white matter"]


def test_only_the_contrast_agent_lights_up_the_rim_of_the_tumour(phantom: Phantom) -> None:
    assert signal(phantom, "t1c", "enhancing tumour") > 1.8 * signal(phantom, "t1", "enhancing tumour")
    assert signal(phantom, "t1c", "necrosis") < 0.65 * signal(phantom, "t1c", "enhancing tumour")


def test_the_tumour_is_one_of_35_to_45_mm_in_the_left_hemisphere(phantom: Phantom) -> None:
    lesion = phantom.tumour
    volume = float(lesion.sum()) * phantom.geometry.voxel_volume
    centre = phantom.geometry.position(tuple(np.argwhere(lesion).mean(0)))

    assert 30 < (6 * volume / np.pi) ** (1 / 3) < 48
    assert 20 < centre[0] < 45  # +x is the patient's left
    np.testing.assert_array_equal(lesion, np.isin(phantom.labels, [LABELS.index(tissue) for tissue in LESION]))


def test_a_healthy_head_has_no_lesion() -> None:
    healthy = brain_phantom(SHAPE, SPACING, seed=3, tumour=False)

    assert not healthy.tumour.any()
    assert not np.isin(healthy.labels, [LABELS.index(tissue) for tissue in LESION]).any()


def test_background_is_noise_near_zero(phantom: Phantom) -> None:
    for voxels in phantom.contrasts.values():
        corner = voxels[:, :8, :8]
        assert 0 < corner.mean() < 30


def test_slices_shrink_towards_the_vertex(phantom: Phantom) -> None:
    areas = (phantom.labels > 0).sum((1, 2))

    assert areas[-1] < 0.6 * areas[len(areas) // 2]


def test_the_slices_are_axial_tilted_and_in_the_middle_of_the_head(phantom: Phantom) -> None:
    geometry = phantom.geometry
    normal = np.array(geometry.slice_step) / geometry.spacing[0]

    assert geometry.spacing == pytest.approx(SPACING)
    assert 0.95 < normal[2] < 0.999
    assert np.cross(geometry.column_step, geometry.row_step) @ normal > 0
    assert geometry.position(tuple((n - 1) / 2 for n in SHAPE)) == pytest.approx((0, 4, 13))
