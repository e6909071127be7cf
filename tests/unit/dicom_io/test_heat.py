import numpy as np
import pytest

from dicom_io.findings import Attention
from dicom_io.heat import COLOURS, heated, most_evident, scale

GREY = np.full((4, 5, 3), 120, np.uint8)


def _attention(*slices: np.ndarray) -> Attention:
    return Attention(np.stack(slices).astype(np.float32), "glioma", "occlusion", "1.2")


def test_the_highest_evidence_comes_first_and_slices_without_any_not_at_all() -> None:
    low, high = np.full((2, 2), 0.3), np.array([[0.9, 0.0], [0.0, 0.0]])

    assert most_evident(_attention(low, np.zeros((2, 2)), high)) == (2, 0)


def test_of_equally_high_slices_the_one_with_more_evidence_comes_first() -> None:
    spot, area = np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.5], [0.5, 0.0]])

    assert most_evident(_attention(spot, area)) == (1, 0)


def test_a_tile_without_evidence_stays_grey() -> None:
    assert np.array_equal(heated(GREY, np.zeros((4, 5))), GREY)


def test_the_most_evidence_leaves_some_of_the_anatomy() -> None:
    dark, bright = (heated(np.full((1, 1, 3), grey, np.uint8), np.ones((1, 1)))[0, 0] for grey in (20, 220))

    assert (bright - dark.astype(int)).min() > 80


def test_more_evidence_is_more_colour() -> None:
    colourful = [np.ptp(heated(GREY, np.full((4, 5), heat))[0, 0].astype(int)) for heat in (0.0, 0.2, 0.6, 1.0)]

    assert colourful == sorted(colourful)
    assert colourful[1] > 20


@pytest.mark.parametrize("count", [2, 200])
def test_the_scale_goes_from_grey_to_the_last_colour(count: int) -> None:
    colours = scale(count)

    assert (colours.shape, np.ptp(colours[0])) == ((count, 3), 0)
    assert colours[-1].argmin() == np.argmin(COLOURS[-1])
