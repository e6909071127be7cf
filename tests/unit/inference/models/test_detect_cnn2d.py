from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.volumes import volume_of

from dicom_io.case import Case
from dicom_io.volume import Geometry
from inference.card import Input, ModelCard
from inference.checkpoint import write_weights
from inference.errors import UnsuitableCase
from inference.models.detect_cnn2d import (
    LABELS,
    SEQUENCES,
    SOURCE_PARAMETERS,
    DetectCnn2d,
    as_input,
    build,
    build_source,
    explain,
    interpret,
    prepare,
)

SHAPE = (32, 32, 1)
CARD = ModelCard("detect_cnn2d", "0", "detection", (Input(SEQUENCES),), LABELS, SHAPE, {}, 0.5, "w", "s", {})
AXIAL = Geometry((0.0, 0.0, 0.0), column_step=(1.0, 0.0, 0.0), row_step=(0.0, 1.0, 0.0), slice_step=(0.0, 0.0, 5.0))
CORONAL = Geometry((0.0, 0.0, 0.0), column_step=(1.0, 0.0, 0.0), row_step=(0.0, 0.0, -1.0), slice_step=(0.0, 1.0, 0.0))


def head(slices: int = 6) -> NDArray[np.float32]:
    """Return a bright block in air with a brighter spot on slice 2, rows 20 to 27, columns 16 to 23."""
    array = np.zeros((slices, 40, 48), dtype=np.float32)
    array[:, 8:32, 8:40] = 100 + np.arange(32)
    array[2, 20:28, 16:24] = 250
    return array


def case_of(geometry: Geometry = AXIAL, **arrays: NDArray[np.float32]) -> Case:
    return Case("1", {sequence: volume_of(array, geometry, sequence) for sequence, array in arrays.items()})


def brightest(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    """Score a tumour by the brightest 8 x 8 pixels, as a network would that looks for bright spots."""
    blocks = pictures[..., 0].reshape(len(pictures), 4, 8, 4, 8).mean(axis=(2, 4)).max(axis=(1, 2))
    tumour = 1 / (1 + np.exp(-20 * (blocks - 0.8)))
    return np.stack([tumour, 1 - tumour], axis=1)


def test_the_sources_network_has_the_sources_number_of_parameters() -> None:
    network = build_source()

    assert network.count_params() == SOURCE_PARAMETERS == 720_897
    assert network.input_shape == (None, 150, 150, 3)
    assert network.output_shape == (None, 1)


def test_the_sources_network_can_stand_in_for_ours() -> None:
    output = build((150, 150, 1), source=True).predict(np.zeros((2, 150, 150, 1)), verbose=0)

    np.testing.assert_allclose(output.sum(axis=1), 1.0, atol=1e-5)


def test_our_network_is_smaller_and_takes_any_size() -> None:
    assert build((150, 150, 1)).count_params() < SOURCE_PARAMETERS
    network = build((None, None, 1), filters=3)

    for size in (32, 50):
        output = network.predict(np.zeros((2, size, size, 1)), verbose=0)
        assert output.shape == (2, 2)
        np.testing.assert_allclose(output.sum(axis=1), 1.0, atol=1e-5)


def test_a_slice_is_served_as_a_picture_was_trained() -> None:
    array = head()

    np.testing.assert_allclose(prepare(case_of(t1=array), 32)[1], as_input(array[1], 32))


def test_the_preferred_series_is_looked_at_and_named() -> None:
    case = case_of(flair=head(5), t1c=head(4))

    findings = interpret(np.full((4, 2), 0.5), case, CARD)

    assert len(prepare(case, 32)) == 4
    assert findings.series_instance_uid == "1.2.t1c"
    assert "4 slices of T1 post contrast" in findings.summary


def test_three_slices_of_a_small_tumour_decide_for_the_series() -> None:
    slices = np.tile([0.02, 0.98], (24, 1))
    slices[8:11] = [0.9, 0.1]

    findings = interpret(slices, case_of(flair=head(24)), CARD)

    assert findings.present is True
    assert [(score.label, round(score.value, 2)) for score in findings.scores] == [("tumour", 0.9), ("no_tumour", 0.1)]
    assert findings.notes[0].startswith("24 axial slices were looked at, each alone; 3 reach the threshold.")


def test_one_odd_slice_does_not() -> None:
    slices = np.tile([0.02, 0.98], (24, 1))
    slices[8] = [0.9, 0.1]

    assert interpret(slices, case_of(flair=head(24)), CARD).present is False


def test_the_cards_temperature_and_caution_are_used() -> None:
    card = replace(CARD, temperature=2.0, caution="Trust it little.")

    findings = interpret(np.tile([0.9, 0.1], (4, 1)), case_of(t2=head(4)), card)

    assert findings.scores[0].value == pytest.approx(0.75)
    assert findings.notes[-1] == "Trust it little."


@pytest.mark.parametrize("geometry", [AXIAL, CORONAL])
def test_the_explanation_lies_on_the_spot_in_the_source_grid(geometry: Geometry) -> None:
    array = head() if geometry is AXIAL else np.ascontiguousarray(head().transpose(1, 0, 2)[:, ::-1])
    case = case_of(geometry, flair=array)
    output = np.tile([0.1, 0.9], (6, 1))
    output[2] = [0.9, 0.1]

    attention = explain(brightest, output, case, 32)

    assert attention.array.shape == array.shape
    assert (attention.label, attention.method) == ("tumour", "LIME superpixels")
    assert attention.series_instance_uid == "1.2.flair"
    assert array[np.unravel_index(attention.array.argmax(), array.shape)] == 250
    axial = attention.array if geometry is AXIAL else attention.array[:, ::-1].transpose(1, 0, 2)
    assert np.flatnonzero(axial.any(axis=(1, 2))).tolist() == [2]


def test_only_a_tumour_that_is_found_is_explained(tmp_path: Path) -> None:
    sha256 = write_weights(build(SHAPE, filters=3), tmp_path / "w.npz")
    card = replace(
        CARD, network={"filters": 3}, weights_file=str(tmp_path / "w.npz"), weights_sha256=sha256, threshold=0.0
    )
    case = case_of(flair=head())

    found = DetectCnn2d(card).predict(case)
    none = DetectCnn2d(replace(card, threshold=1.1)).predict(case)

    assert found.attention is not None
    assert found.present is True
    assert none.attention is None
    assert none.present is False


def test_a_case_without_a_known_series_is_unsuitable() -> None:
    with pytest.raises(UnsuitableCase, match="needs a T1, FLAIR or T2 series"):
        prepare(case_of(other=head()), 32)
