from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.card import Input, ModelCard
from inference.models.subtype_resnet50 import (
    FILL,
    LABELS,
    SEQUENCES,
    as_input,
    build,
    interpret,
    known_to,
    prepare,
    start_from,
)

INPUTS = tuple(Input((name,), optional=name != "flair") for name in SEQUENCES)
CARD = ModelCard("subtype_resnet50", "0", "classification", INPUTS, LABELS, (32, 32, 4), {}, 0.5, "w", "s", {})
AXIAL = Geometry((0.0, 0.0, 0.0), column_step=(1.0, 0.0, 0.0), row_step=(0.0, 1.0, 0.0), slice_step=(0.0, 0.0, 5.0))


def case_of(*sequences: str) -> Case:
    volumes = {}
    for number, sequence in enumerate(sequences):
        array = np.random.default_rng(number).uniform(50, 100, (5, 16, 16)).astype(np.float32)
        array[3] += 100
        header = SeriesHeader("1", f"series of {sequence}", "", "MR", "", "1", sequence)
        sources = tuple(SourceFrame(Path("x"), frame, "") for frame in range(5))
        volumes[sequence] = Volume(array, AXIAL, header, sources)
    return Case("1", volumes, {sequence: volumes[sequence].array for sequence in sequences[1:]})


def outline() -> np.ndarray:
    mask = np.zeros((5, 16, 16), dtype=bool)
    mask[2, 4:6, 4:6] = True
    mask[3, 4:12, 4:12] = True
    return mask


def test_the_network_is_a_resnet50_of_four_channels_and_three_answers() -> None:
    network = build((32, 32, 4))

    assert network.output_shape == (None, 3)
    # 23,587,712 of the body with three channels, 7 x 7 x 64 more for the fourth, 2048 x 3 + 3 of the answer.
    assert network.count_params() == 23_587_712 + 3_136 + 6_147


def test_batch_statistics_settle_within_the_few_steps_of_a_small_data_set() -> None:
    network = build((32, 32, 4))
    network.compile("sgd", "categorical_crossentropy")
    pictures = np.random.default_rng(0).normal(5.0, 1.0, (4, 32, 32, 4)).astype(np.float32)
    first = next(layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization))

    for _ in range(25):
        network.train_on_batch(pictures, np.eye(3)[[0, 1, 2, 0]])

    before = keras.Model(network.inputs, first.input)(pictures)
    np.testing.assert_allclose(first.moving_mean, np.mean(before, axis=(0, 1, 2)), rtol=0.1, atol=0.1)


def test_weights_of_three_colours_see_grey_as_they_did() -> None:
    coloured = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    four = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(2, 3)])
    grey = np.random.default_rng(0).random((1, 8, 8, 1))

    start_from(four, coloured)

    seen, expected = (
        four.predict(np.repeat(grey, 4, -1), verbose=0),
        coloured.predict(np.repeat(grey, 3, -1), verbose=0),
    )
    np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_the_slice_with_the_largest_outline_is_seen_and_missing_contrasts_are_empty() -> None:
    case = case_of("flair", "t1c")

    seen = prepare(case, outline(), 16)

    assert seen.shape == (1, 16, 16, 4)
    assert seen[..., 0].mean() > 1
    assert seen[..., 2].mean() > 1
    assert not seen[..., [1, 3]].any()


def test_a_contrast_that_the_weights_do_not_know_is_not_looked_at_and_that_is_said() -> None:
    card, case = replace(CARD, inputs=INPUTS[:3]), case_of("flair", "t1", "t1c", "t2")

    seen = prepare(case, outline(), 16, known_to(card))
    findings = interpret(np.array([[0.6, 0.3, 0.1]]), case, card, outline(), "seg 1")

    assert not seen[..., 3].any()
    assert seen[..., 1].any()
    assert findings.summary.endswith("from FLAIR and T1 and T1 post contrast")
    assert findings.notes[0] == "T2 is not looked at: the training data had none"


def test_a_slice_is_padded_to_a_square_as_air() -> None:
    picture = as_input({"flair": np.full((8, 4), 100.0)}, {"flair": (0.0, 50.0)}, 16)

    assert picture[0, 0, 0] == FILL
    assert picture[8, 8, 0] == 2.0


def test_the_findings_say_the_subtype_the_slice_and_what_is_missing() -> None:
    card = replace(CARD, caution="No better than chance")

    findings = interpret(np.array([[0.2, 0.3, 0.5]]), case_of("flair", "t1"), card, outline(), "seg 1")

    assert findings.present is None
    assert findings.summary == (
        "If this is a lower-grade glioma, oligodendroglioma is the likeliest subtype, score 50%, from FLAIR and T1"
    )
    assert findings.notes == (
        "No better than chance",
        "Answered without T1 post contrast and T2",
        "Seen on slice 4 of 5 from the feet; outline from seg 1",
    )


def test_with_all_contrasts_and_no_caution_the_slice_alone_is_noted() -> None:
    findings = interpret(np.array([[0.6, 0.3, 0.1]]), case_of("flair", "t1", "t1c", "t2"), CARD, outline(), "seg 1")

    assert len(findings.notes) == 1
    assert findings.scores[0].value == pytest.approx(0.6)
