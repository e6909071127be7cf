from pathlib import Path

import numpy as np
import pytest

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.card import ModelCard
from inference.errors import UnsuitableCase
from inference.models.segment_unet2d import build, interpret, prepare

CARD = ModelCard(
    "segment_unet2d", "0", "segmentation", ("flair",), ("flair_abnormality",), (64, 64, 3), {}, 0.5, "w", "s", {}
)
SAGITTAL = Geometry((0.0, 0.0, 0.0), column_step=(0.0, 1.0, 0.0), row_step=(0.0, 0.0, -1.0), slice_step=(2.0, 0.0, 0.0))


def case_of(array: np.ndarray, geometry: Geometry, sequence: str = "flair") -> Case:
    header = SeriesHeader("1", "1.1", "", "MR", "", "1", sequence)
    sources = tuple(SourceFrame(Path("x"), frame, "") for frame in range(len(array)))
    return Case("1", {sequence: Volume(array.astype(np.float32), geometry, header, sources)})


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
