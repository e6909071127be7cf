import math

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy.spatial.distance import cdist

from inference.evaluation.lesions import detect, hausdorff, surface_distances

SPACING = (5.0, 1.0, 1.5)


def ball(centre: tuple[int, int, int], radius: float, shape: tuple[int, int, int] = (12, 40, 40)) -> np.ndarray:
    places = np.indices(shape)
    distances = [step * (axis - middle) for step, axis, middle in zip((4, 1, 1), places, centre, strict=True)]
    return sum(distance**2 for distance in distances) <= radius**2


def surface_points(mask: np.ndarray) -> np.ndarray:
    """Voxels with a face on the outside, in mm, one neighbour at a time."""
    points = []
    for place in np.argwhere(mask):
        for axis, step in ((0, -1), (0, 1), (1, -1), (1, 1), (2, -1), (2, 1)):
            neighbour = place.copy()
            neighbour[axis] += step
            inside = bool(((neighbour >= 0) & (neighbour < mask.shape)).all())
            if not (inside and mask[tuple(neighbour)]):
                points.append(place * SPACING)
                break
    return np.array(points)


MASKS = {
    "apart": (ball((5, 15, 15), 8), ball((6, 22, 18), 6)),
    "one in the other": (ball((5, 18, 18), 12), ball((5, 19, 19), 5)),
    "at the border": (ball((0, 2, 2), 9), ball((1, 4, 3), 9)),
    "several": (ball((3, 10, 10), 5) | ball((8, 30, 30), 5), ball((3, 11, 10), 5)),
}


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("percentile", [95.0, 100.0])
def test_the_hausdorff_distance_is_that_of_a_search_over_all_pairs(
    masks: tuple[np.ndarray, np.ndarray], percentile: float
) -> None:
    pairs = cdist(*map(surface_points, masks))

    expected = max(np.percentile(pairs.min(axis=axis), percentile) for axis in (0, 1))
    assert hausdorff(*masks, SPACING, percentile) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["apart", "one in the other", "several"])
def test_surface_distances_are_those_of_simpleitk(name: str) -> None:
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in MASKS[name]]
    for image in images:
        image.SetSpacing(SPACING[::-1])
    contours = [sitk.LabelContour(image) for image in images]
    maps = [np.abs(sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(one, False, False, True))) for one in contours]
    surfaces = [sitk.GetArrayFromImage(one) > 0 for one in contours]

    of_truth, of_found = surface_distances(*MASKS[name], SPACING)

    np.testing.assert_allclose(of_truth, maps[1][surfaces[0]], atol=1e-4)
    np.testing.assert_allclose(of_found, maps[0][surfaces[1]], atol=1e-4)


def test_a_mask_that_is_empty_is_infinitely_far_from_one_that_is_not() -> None:
    lesion, empty = MASKS["apart"][0], np.zeros((12, 40, 40), dtype=bool)

    assert hausdorff(lesion, lesion, SPACING) == 0.0
    assert hausdorff(empty, empty, SPACING) == 0.0
    assert hausdorff(lesion, empty, SPACING) == math.inf
    assert hausdorff(empty, lesion, SPACING) == math.inf
    with pytest.raises(ValueError, match="no surface"):
        surface_distances(lesion, empty, SPACING)


def test_lesions_are_counted_one_by_one() -> None:
    truth = ball((3, 10, 10), 5) | ball((8, 30, 30), 5)
    found = ball((3, 12, 10), 5) | ball((8, 8, 30), 5)

    counted = detect(truth, found, voxel_volume=4.0, smallest=20.0)

    assert (counted.lesions, counted.detected, counted.false_positives) == (2, 1, 1)


def test_what_is_too_small_is_neither_a_lesion_nor_a_false_positive() -> None:
    truth, found = np.zeros((2, 3, 20, 20), dtype=bool)
    truth[1, 2:4, 2:4] = True
    found[1, 10:12, 10:12] = True

    counted = detect(truth, found, voxel_volume=5.0, smallest=20.1)

    assert (counted.lesions, counted.false_positives) == (0, 0)
    assert detect(truth, found, voxel_volume=5.0, smallest=20.0).false_positives == 1
