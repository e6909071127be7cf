from pathlib import Path

import numpy as np
import pytest

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.card import Input, ModelCard
from inference.errors import UnsuitableCase
from inference.models.segment_unet2d import build, interpret, prepare

CARD = ModelCard(
    "segment_unet2d",
    "0",
    "segmentation",
    (Input(("flair",)),),
    ("flair_abnormality",),
    (64, 64, 3),
    {},
    0.5,
    "w",
    "s",
    {},
)
SAGITTAL = Geometry((0.0, 0.0, 0.0), column_step=(0.0, 1.0, 0.0), row_step=(0.0, 0.0, -1.0), slice_step=(2.0, 0.0, 0.0))


def case_of(array: np.ndarray, geometry: Geometry, sequence: str = "flair", **more: np.ndarray) -> Case:
    """Return a case of one volume and of more on its grid."""
    volumes = {}
    for name, voxels in {sequence: array, **more}.items():
        header = SeriesHeader("1", "1.1", "", "MR", "", "1", name)
        sources = tuple(SourceFrame(Path("x"), frame, "") for frame in range(len(array)))
        volumes[name] = Volume(voxels.astype(np.float32), geometry, header, sources)
    return Case("1", volumes, {name: volumes[name].array for name in more})


def test_the_network_gives_one_probability_a_pixel() -> None:
    network = build((32, 32, 3), filters=2, depth=2)

    output = network.predict(np.zeros((2, 32, 32, 3)), verbose=0)

    assert output.shape == (2, 32, 32, 1)
    assert ((output > 0) & (output < 1)).all()


def test_the_source_documents_network_can_be_built() -> None:
    assert build((256, 256, 3), filters=64, depth=4).count_params() == pytest.approx(31e6, rel=0.01)


def test_a_sagittal_series_is_shown_to_the_network_as_axial_slices() -> None:
    array = np.random.default_rng(1).random((10, 24, 40))

    slices = prepare(case_of(array, SAGITTAL), size=64)

    assert slices.shape == (24, 64, 64, 3)


def test_what_the_network_marks_comes_back_to_the_same_voxels_of_a_sagittal_series() -> None:
    array = np.full((12, 24, 40), 50.0)
    array[3:8, 4:12, 20:34] = 400.0
    case = case_of(array, SAGITTAL)

    marked = prepare(case, size=64)[..., :1] > 1.0
    findings = interpret(marked.astype(np.float32), case, CARD)

    assert findings.mask is not None
    found, truth = findings.mask.array.astype(bool), array > 100
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.95
    assert findings.present
    assert findings.summary.endswith("on 5 of 12 slices (threshold 50%)")


def test_a_quiet_output_is_a_negative_finding_with_its_score() -> None:
    case = case_of(np.ones((3, 32, 32)), SAGITTAL)

    findings = interpret(np.full((32, 64, 64, 1), 0.2, dtype=np.float32), case, CARD)

    assert findings.present is False
    assert findings.scores[0].value == pytest.approx(0.2)
    assert findings.summary.startswith("No FLAIR abnormality")


def test_a_case_without_flair_is_unsuitable() -> None:
    with pytest.raises(UnsuitableCase, match="needs a FLAIR series; the case has t2"):
        prepare(case_of(np.ones((3, 8, 8)), SAGITTAL, "t2"), size=64)


def spots(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(100, 900, (4, 32, 32))


def test_every_contrast_is_a_channel_standardised_by_its_own_head() -> None:
    flair, t1, t1c = (spots(seed) for seed in range(3))

    together = prepare(case_of(flair, SAGITTAL, t1=t1 * 7 + 300, t1c=t1c), size=64)

    for channel, array in enumerate((flair, t1 * 7 + 300, t1c)):
        np.testing.assert_array_equal(together[..., channel], prepare(case_of(array, SAGITTAL), size=64)[..., 0])


def test_flair_stands_in_for_what_is_missing() -> None:
    flair, t1 = spots(0), spots(1)

    alone, with_t1 = (prepare(case, size=64) for case in (case_of(flair, SAGITTAL), case_of(flair, SAGITTAL, t1=t1)))

    assert (alone == alone[..., :1]).all()
    np.testing.assert_array_equal(with_t1[..., [0, 2]], alone[..., [0, 0]])
    assert (with_t1[..., 1] != alone[..., 0]).any()


def test_post_contrast_without_plain_t1_is_not_looked_at() -> None:
    flair = spots(0)

    with_t1c = prepare(case_of(flair, SAGITTAL, t1c=spots(1)), size=64)

    np.testing.assert_array_equal(with_t1c, prepare(case_of(flair, SAGITTAL), size=64))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "slices (threshold 50%)"),
        (("t1",), "slices (FLAIR and T1, threshold 50%)"),
        (("t1", "t1c"), "slices (FLAIR, T1 and T1 post contrast, threshold 50%)"),
    ],
)
def test_the_summary_says_which_contrasts_were_looked_at(more: tuple[str, ...], words: str) -> None:
    case = case_of(spots(0), SAGITTAL, **{name: spots(1) for name in more})

    findings = interpret(np.zeros((32, 64, 64, 1), dtype=np.float32), case, CARD)

    assert findings.summary.endswith(words)


def test_a_case_on_another_grid_than_flairs_is_unsuitable() -> None:
    with pytest.raises(UnsuitableCase, match="answers on the grid of FLAIR; the case's is that of t1"):
        prepare(case_of(spots(0), SAGITTAL, "t1", flair=spots(1)), size=64)
