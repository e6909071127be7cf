from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.card import Input, ModelCard
from inference.errors import UnsuitableCase
from inference.models.classify_efficientnetb0 import LABELS, as_input, build, interpret, prepare, served

CARD = ModelCard(
    "classify_efficientnetb0",
    "0",
    "classification",
    (Input(("t1c", "t1")),),
    LABELS,
    (32, 32, 3),
    {},
    0.5,
    "w",
    "s",
    {},
)
AXIAL = Geometry((0.0, 0.0, 0.0), column_step=(1.0, 0.0, 0.0), row_step=(0.0, 1.0, 0.0), slice_step=(0.0, 0.0, 5.0))


def case_of(**arrays: np.ndarray) -> Case:
    volumes = {}
    for sequence, array in arrays.items():
        header = SeriesHeader("1", f"series of {sequence}", "", "MR", "", "1", sequence)
        sources = tuple(SourceFrame(Path("x"), frame, "") for frame in range(len(array)))
        volumes[sequence] = Volume(array.astype(np.float32), AXIAL, header, sources)
    return Case("1", volumes)


def answer(probabilities: np.ndarray, novelty: float | np.ndarray = 1.0) -> np.ndarray:
    return np.column_stack([probabilities, np.broadcast_to(novelty, len(probabilities))])


def test_the_network_gives_four_probabilities_a_slice() -> None:
    output = build((32, 32, 3)).predict(np.zeros((2, 32, 32, 3)), verbose=0)

    assert output.shape == (2, 4)
    np.testing.assert_allclose(output.sum(axis=1), 1.0, atol=1e-5)


def test_a_picture_is_padded_to_a_square_and_not_stretched() -> None:
    picture = np.full((64, 32), 200)
    picture[:, ::2] = 0

    shown = as_input(picture, 64)

    assert shown.shape == (64, 64, 3)
    assert not shown[:, :16].any()
    assert not shown[:, 48:].any()
    assert shown[:, 16:48].any()


def test_post_contrast_is_preferred_to_plain_t1() -> None:
    case = case_of(t1=np.ones((3, 8, 8)), t1c=np.ones((5, 8, 8)))

    findings = interpret(answer(np.full((5, 4), 0.25)), case, CARD)

    assert len(prepare(case, 32)) == 5
    assert findings.series_instance_uid == "series of t1c"


def test_a_tumour_on_a_few_slices_decides_for_the_series() -> None:
    slices = np.tile([0.02, 0.02, 0.95, 0.01], (20, 1))
    slices[8:13] = [0.05, 0.9, 0.03, 0.02]

    findings = interpret(answer(slices), case_of(t1c=np.ones((20, 8, 8))), CARD)

    assert findings.present
    assert findings.summary == "Meningioma is the likeliest tumour type, score 90%, from 20 slices (threshold 50%)"
    assert [score.label for score in findings.scores] == list(LABELS)


def test_no_suspicious_slice_is_a_negative_finding() -> None:
    findings = interpret(answer(np.tile([0.02, 0.02, 0.95, 0.01], (20, 1))), case_of(t1=np.ones((20, 8, 8))), CARD)

    assert findings.present is False
    assert findings.summary.startswith("No tumour found")


def test_a_case_without_t1_is_unsuitable() -> None:
    with pytest.raises(UnsuitableCase, match="needs a T1 series"):
        prepare(case_of(flair=np.ones((3, 8, 8))), 32)


def test_the_served_network_also_says_how_novel_a_slice_is() -> None:
    trained = build((32, 32, 3))

    network = served(trained)

    pictures = np.random.default_rng(0).random((2, 32, 32, 3), dtype=np.float32)
    output = network.predict(pictures, verbose=0)
    assert output.shape == (2, 5)
    np.testing.assert_allclose(output[:, :4], trained.predict(pictures, verbose=0), atol=1e-6)


def test_slices_unlike_the_training_data_are_left_out_and_that_is_said() -> None:
    slices = np.tile([0.02, 0.02, 0.95, 0.01], (20, 1))
    slices[:4] = [0.02, 0.95, 0.02, 0.01]
    novelty = np.where(np.arange(20) < 4, 9.0, 1.0)

    findings = interpret(answer(slices, novelty), case_of(t1=np.ones((20, 8, 8))), replace(CARD, novelty_limit=3.0))

    assert findings.present is False
    assert "from 16 slices" in findings.summary
    assert findings.notes == ("4 of 20 slices were left out, being unlike the training data",)


def test_a_series_unlike_the_training_data_is_refused_with_the_numbers() -> None:
    case, card = case_of(t1=np.ones((20, 8, 8))), replace(CARD, novelty_limit=3.0)

    with pytest.raises(UnsuitableCase, match=r"20 of 20 slices are not like them \(novelty 9.0 in the median, limit 3"):
        interpret(answer(np.full((20, 4), 0.25), 9.0), case, card)


def test_the_temperature_and_the_caution_of_the_card_are_used() -> None:
    card = replace(CARD, temperature=2.0, caution="Do not rely on it.")

    findings = interpret(answer(np.tile([0.9, 0.05, 0.03, 0.02], (20, 1))), case_of(t1=np.ones((20, 8, 8))), card)

    assert findings.scores[0].value < 0.9
    assert findings.notes == ("Do not rely on it.",)
