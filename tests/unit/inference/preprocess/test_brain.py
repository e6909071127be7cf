import numpy as np
import pytest

from dicom_io.phantom import LABELS, Phantom, brain_phantom
from inference.preprocess.brain import brain_mask

SPACING = (6.0, 2.4, 2.4)
TISSUE = ("grey matter", "white matter", "deep grey", "choroid plexus", "oedema", "enhancing tumour", "necrosis", "csf")


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return brain_phantom((24, 96, 96), SPACING, seed=3)


@pytest.mark.parametrize("contrast", ["t1", "t2"])
def test_the_brain_of_the_phantom_is_found_with_its_tumour(phantom: Phantom, contrast: str) -> None:
    brain = np.isin(phantom.labels, [LABELS.index(name) for name in TISSUE])

    mask = brain_mask(phantom.contrasts[contrast], SPACING)

    assert 2 * (mask & brain).sum() / (mask.sum() + brain.sum()) > 0.91
    assert mask[phantom.tumour].mean() > 0.99


def test_slices_that_show_only_the_middle_of_the_head_are_enough(phantom: Phantom) -> None:
    some = slice(8, 19)
    brain = np.isin(phantom.labels[some], [LABELS.index(name) for name in TISSUE])

    mask = brain_mask(phantom.contrasts["flair"][some], SPACING)

    assert 2 * (mask & brain).sum() / (mask.sum() + brain.sum()) > 0.9


def test_the_unit_of_the_volume_does_not_matter(phantom: Phantom) -> None:
    array = phantom.contrasts["t1"]

    np.testing.assert_array_equal(brain_mask(8 * array, SPACING), brain_mask(array, SPACING))


def test_an_empty_volume_has_no_brain() -> None:
    assert not brain_mask(np.zeros((6, 40, 40)), SPACING).any()
