from dataclasses import replace
from pathlib import Path

import numpy as np

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.card import Input, ModelCard
from inference.models.grade_cnn3d import (
    CHANNELS,
    LABELS,
    BrainFit,
    as_input,
    build,
    build_source,
    interpret,
    standard_brain,
)
from inference.preprocess.grid import SquareFit

CARD = ModelCard(
    "grade_cnn3d", "0", "classification", (Input(("flair",)),), LABELS, (4, 16, 16, 5), {}, 0.5, "w", "s", {}
)
AXIAL = Geometry((0.0, 0.0, 0.0), column_step=(1.0, 0.0, 0.0), row_step=(0.0, 1.0, 0.0), slice_step=(0.0, 0.0, 5.0))


def case_of(*sequences: str) -> Case:
    volumes = {}
    for sequence in sequences:
        header = SeriesHeader("1", f"series of {sequence}", "", "MR", "", "1", sequence)
        sources = tuple(SourceFrame(Path("x"), frame, "") for frame in range(3))
        volumes[sequence] = Volume(np.ones((3, 8, 8), np.float32), AXIAL, header, sources)
    return Case("1", volumes, {sequence: volumes[sequence].array for sequence in sequences[1:]})


def test_the_network_gives_two_probabilities_a_volume() -> None:
    output = build((4, 16, 16, 5)).predict(np.random.default_rng(0).random((2, 4, 16, 16, 5)), verbose=0)

    assert output.shape == (2, 2)
    np.testing.assert_allclose(output.sum(axis=1), 1.0, atol=1e-5)


def test_only_what_lies_within_the_outline_is_weighed() -> None:
    network = build((4, 16, 16, 5))
    volumes = np.random.default_rng(0).random((2, 4, 16, 16, 5)).astype(np.float32)

    outlined = network.predict(volumes, verbose=0)
    volumes[..., -1] = 0
    without = network.predict(volumes, verbose=0)

    assert abs(outlined[0] - outlined[1]).max() > 1e-4
    np.testing.assert_array_equal(without[0], without[1])


def test_the_sources_network_has_its_number_of_parameters() -> None:
    assert build_source().count_params() == 42_016_257


def test_the_box_of_the_brain_fills_the_volume_and_slices_are_merged_by_mean() -> None:
    brain = np.zeros((12, 40, 40), dtype=bool)
    brain[2:10, 8:24, 10:34] = True
    array = np.zeros((12, 40, 40), dtype=np.float32)
    array[2:10] = np.arange(8)[:, None, None]

    fit = BrainFit.of(brain, (5.0, 1.0, 1.0), (4, 12, 12))

    merged = fit.forward(array)
    assert merged.shape == (4, 12, 12)
    np.testing.assert_allclose(merged[:, 6, 6], [0.5, 2.5, 4.5, 6.5])
    assert fit.spacing == (10.0, 2.0, 2.0)
    assert not merged[:, :2].any()


def test_fewer_slices_than_the_network_has_are_interpolated() -> None:
    fit = BrainFit.of(np.ones((3, 16, 16), dtype=bool), (5.0, 1.0, 1.0), (6, 16, 16))

    assert fit.forward(np.ones((3, 16, 16))).shape == (6, 16, 16)


def test_an_empty_brain_leaves_the_whole_volume() -> None:
    fit = BrainFit.of(np.zeros((4, 10, 10), dtype=bool), (5.0, 1.0, 1.0), (2, 10, 10))

    assert fit.box == (slice(0, 4), slice(0, 10), slice(0, 10))
    assert fit.fit == SquareFit((10, 10), (10, 10), 10)


def test_a_contrast_is_standardised_within_the_brain_and_zero_outside() -> None:
    brain = np.zeros((6, 24, 24), dtype=bool)
    brain[1:5, 4:20, 4:20] = True
    array = np.where(brain, np.random.default_rng(0).normal(300, 30, brain.shape), 1000.0)

    standard = standard_brain(array, brain, (7.0, 3.0, 3.0))

    assert not standard[~brain].any()
    assert abs(np.median(standard[brain])) < 1e-3
    low, high = np.percentile(standard[brain], (25, 75))
    np.testing.assert_allclose(high - low, 1.349, atol=1e-2)


def test_a_contrast_of_nothing_stays_nothing() -> None:
    assert not standard_brain(np.zeros((2, 4, 4)), np.ones((2, 4, 4), dtype=bool), (5.0, 1.0, 1.0)).any()


def test_enhancement_is_seen_where_both_t1_are_and_not_without() -> None:
    part = np.ones((2, 4, 4), np.float32)
    head = {"flair": part, "t1": 2 * part, "t1c": 5 * part, "outline": part}

    both = as_input(head)
    alone = as_input({"flair": part, "t1c": 5 * part, "outline": part})

    assert both.shape == (2, 4, 4, len(CHANNELS))
    assert both[0, 0, 0].tolist() == [1, 2, 5, 3, 1]
    assert alone[0, 0, 0].tolist() == [1, 0, 5, 0, 1]


def test_the_findings_say_the_grade_the_caution_and_what_is_missing() -> None:
    card = replace(CARD, caution="No better than chance")

    findings = interpret(np.array([[0.3, 0.7]]), case_of("flair", "t1"), card, "seg 1")

    assert findings.present is None
    assert findings.mask is None
    assert [score.label for score in findings.scores] == list(LABELS)
    assert (
        findings.summary
        == "If this is a lower-grade glioma, WHO grade III is likelier than II, score 70%, from FLAIR and T1"
    )
    assert findings.notes == (
        "No better than chance",
        "Answered without T1 post contrast, so without contrast enhancement: not measured by itself",
        "The tumour's outline is from seg 1",
    )


def test_grade_two_is_said_below_the_threshold_and_the_temperature_is_applied() -> None:
    findings = interpret(np.array([[0.9, 0.1]]), case_of("flair", "t1", "t1c"), replace(CARD, temperature=2.0), "seg 1")

    np.testing.assert_allclose(findings.scores[0].value, 0.75)
    assert "WHO grade II is likelier than III, score 75%" in findings.summary
    assert findings.notes == ("The tumour's outline is from seg 1",)
