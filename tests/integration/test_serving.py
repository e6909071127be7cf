"""Serving with the real weights: the same case twice, the findings of Keras itself, a GPU that has no memory left."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from support.builders import make_geometry
from support.volumes import volume_of

from dicom_io.case import Case
from dicom_io.findings import Findings
from dicom_io.phantom import brain_phantom
from inference.forward import Forward
from inference.graph import Graph, compile_graph
from inference.models.segment_unet2d import SegmentUnet2d, interpret, prepare
from inference.registry import load
from inference.shelf import Served, Shelf

SHAPE = (6, 120, 120)
SPACING = (20.0, 2.0, 2.0)


@pytest.fixture(scope="module")
def case() -> Case:
    grid = make_geometry(shape=SHAPE, spacing=SPACING)
    return Case("1.2", {"flair": volume_of(brain_phantom(SHAPE, SPACING).contrasts["flair"], grid)}, {})


@pytest.fixture(scope="module")
def model() -> SegmentUnet2d:
    model = load("segment_unet2d")
    assert isinstance(model, SegmentUnet2d)
    return model


def same(one: Findings, other: Findings) -> bool:
    assert one.mask is not None
    assert other.mask is not None
    return one.scores == other.scores and np.array_equal(one.mask.array, other.mask.array)


def test_the_same_case_twice_has_identical_findings_also_after_the_model_was_dropped(case: Case) -> None:
    shelf = Shelf(load, most_bytes=10**9)

    first, second = (shelf.model("segment_unet2d").predict(case) for _ in range(2))
    afresh = Shelf(load, most_bytes=10**9).model("segment_unet2d").predict(case)

    assert first.present
    assert same(first, second)
    assert same(first, afresh)
    assert first.notes == second.notes == afresh.notes


@pytest.mark.parametrize(("policy", "score"), [("float32", 1e-4), ("mixed_bfloat16", 0.01)])
def test_findings_are_those_of_keras_itself(case: Case, model: SegmentUnet2d, policy: str, score: float) -> None:
    plain = model.network.predict(prepare(case, model.card.input_shape[0]), batch_size=2, verbose=0)
    usual, model.forward = model.forward, Forward(model.network, policy=lambda _: policy)

    ours, theirs = model.predict(case), interpret(plain, case, model.card)

    model.forward = usual
    assert ours.mask is not None
    assert theirs.mask is not None
    both = 2 * np.count_nonzero(ours.mask.array & theirs.mask.array)
    assert both / (np.count_nonzero(ours.mask.array) + np.count_nonzero(theirs.mask.array)) >= 0.999
    assert ours.scores[0].value == pytest.approx(theirs.scores[0].value, abs=score)


def test_a_case_that_outgrew_the_gpu_is_answered_by_the_cpu_and_says_so(case: Case, model: SegmentUnet2d) -> None:
    def small_gpu(network: keras.Model, device: str) -> Graph:
        if device == "CPU:0":
            return compile_graph(network, device)

        def run(_: NDArray[np.float32]) -> NDArray[np.float32]:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

        return run

    usual = model.predict(case)
    model.forward = Forward(model.network, 4, "GPU:0", free=lambda _: None, make_graph=small_gpu)

    findings = Served(model, model.forward).predict(case)

    assert same(findings, usual)
    assert findings.notes == (
        *usual.notes,
        "The GPU had too little memory: segment_unet2d ran on the CPU instead.",
    )
