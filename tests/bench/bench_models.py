"""How fast each model answers for a series, and in how much memory, beside ONNX Runtime and plain Keras: `make bench`.

Every model that has a card, on a phantom of all contrasts, and the source's U-Net of 31 million parameters on random
weights. ONNX Runtime runs the network as it was trained, in float32, and folds it by itself; all see the same inputs.
With FIGURES=docs/figures in the environment the figures are written there, as models.json.
"""

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from support.builders import make_geometry
from support.onnx import onnx_runner, write_onnx
from support.require import REPOSITORY
from support.volumes import volume_of

from dicom_io.case import Case
from dicom_io.findings import Findings
from dicom_io.phantom import brain_phantom
from inference.card import model_names, read_card
from inference.device import find_policy
from inference.errors import ModelError
from inference.forward import Forward
from inference.models import segment_unet2d
from inference.registry import load

SHAPE, SPACING = (24, 256, 256), (5.0, 0.9, 0.9)
REPETITIONS = 5
REST = 0.2
"""Seconds before each run: threads of the program before keep a processor busy for a while, waiting for more."""
LARGEST_DIFFERENCE = 1e-4
LARGEST_SCORE_DIFFERENCE = 0.01
LEAST_DICE = 0.999
SOURCE = {"filters": 64, "depth": 4}
SOURCE_SLICES = 4
COMMAND = "FIGURES=docs/figures .venv/bin/pytest tests/bench/bench_models.py"
CHILD = Path(__file__).parent / "models_child.py"
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Watched:
    """Runs a network, and keeps what it was first given, when, and how long it took in all."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.inputs: NDArray[np.float32] | None = None
        self.began = self.seconds = 0.0

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        now = time.perf_counter()
        if self.inputs is None:
            self.inputs, self.began = inputs, now
        answers = self.run(inputs)
        self.seconds += time.perf_counter() - now
        return answers


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # the CPU's time is the measure


@pytest.mark.timeout(3600)
def test_every_model_finds_what_it_finds_by_onnx_runtime(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = {name: measure_model(name, tmp_path) for name in model_names()}
    source = measure_source(tmp_path)

    with capsys.disabled():
        for name, measured in (figures | {"the source's U-Net": source}).items():
            print(f"\n{name}: {json.dumps(measured, indent=1)}")  # noqa: T201 - the figure is what a bench is for
    if folder := os.environ.get("FIGURES"):
        (REPOSITORY / folder).mkdir(parents=True, exist_ok=True)
        text = json.dumps(surroundings() | {"models": figures, "source_unet": source}, indent=2)
        (REPOSITORY / folder / "models.json").write_text(text + "\n", encoding="utf-8")
    for measured in figures.values():
        assert measured["largest_difference_to_onnxruntime_in_float32"] <= LARGEST_DIFFERENCE
        alike = measured["findings_as_with_onnxruntime"]
        assert all(alike[key] == 1.0 for key in ("refused", "same_answer") if key in alike)
        assert alike.get("largest_score_difference", 0.0) <= LARGEST_SCORE_DIFFERENCE
        assert alike.get("dice", 1.0) >= LEAST_DICE


def measure_model(name: str, folder: Path) -> dict[str, Any]:
    """Measure one model on the phantom: seconds are medians, memory is in MB."""
    model: Any = load(name)
    model.forward.warm()
    case = phantom_case(name)
    forward, path = model.forward, folder / f"{name}.onnx"
    write_onnx(model.network, path)
    watched, ours, seconds = predict_watched(model, case, forward)
    inputs = watched.inputs
    assert inputs is not None
    speed = compare(model.network, forward, inputs, path)
    _, theirs, _ = predict_watched(model, case, one_by_one(onnx_runner(path)))
    np.save(folder / f"{name}.npy", inputs)
    return {
        "case": f"{SHAPE[0]} slices of {SHAPE[1]} x {SHAPE[2]}",
        "network_sees": list(inputs.shape),
        "parameters": model.network.count_params(),
        **seconds,
        **speed,
        "findings_as_with_onnxruntime": likeness(ours, theirs),
        "memory": memory(name, folder) | {"reckoned": round(forward.memory / 1e6)},
    }


def measure_source(folder: Path) -> dict[str, Any]:
    """Measure the forward pass of the network in the source's size, on random weights and a few slices."""
    keras.utils.set_random_seed(0)
    network = segment_unet2d.build((256, 256, 3), **SOURCE)
    path = folder / "source.onnx"
    write_onnx(network, path)
    inputs = np.random.default_rng(0).normal(size=(SOURCE_SLICES, 256, 256, 3)).astype(np.float32)
    speed = compare(network, Forward(network, device="CPU:0"), inputs, path)
    return {"parameters": network.count_params(), "network_sees": list(inputs.shape), **speed}


def compare(network: keras.Model, forward: Run, inputs: NDArray[np.float32], path: Path) -> dict[str, Any]:
    """Run the same inputs in turn through everything, so that a machine's mood is the same for all."""
    onnx = onnx_runner(path)
    runs: dict[str, Run] = {
        "forward": forward,
        "forward_in_float32": Forward(network, device="CPU:0", policy=lambda _: "float32"),
        "onnxruntime_one_by_one": one_by_one(onnx),
        "onnxruntime_at_once": onnx,
        "keras_predict_slice_by_slice": one_by_one(lambda one: np.asarray(network.predict(one, verbose=0))),
    }
    answers = {name: run(inputs) for name, run in runs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(REPETITIONS):
        for name, run in runs.items():
            gc.collect()
            time.sleep(REST)
            began = time.perf_counter()
            run(inputs)
            seconds[name].append(time.perf_counter() - began)
    median = {name: statistics.median(taken) for name, taken in seconds.items()}
    best_of_theirs = min(median["onnxruntime_one_by_one"], median["onnxruntime_at_once"])
    return {
        "seconds": {name: round(taken, 4) for name, taken in median.items()},
        "all_seconds": {name: [round(one, 4) for one in taken] for name, taken in seconds.items()},
        "ratio_to_onnxruntime": round(median["forward"] / best_of_theirs, 3),
        "ratio_to_keras_predict": round(median["forward"] / median["keras_predict_slice_by_slice"], 3),
        "ratio_to_onnxruntime_in_float32": round(median["forward_in_float32"] / best_of_theirs, 3),
        "largest_difference_to_onnxruntime": largest(answers["forward"], answers["onnxruntime_at_once"]),
        "largest_difference_to_onnxruntime_in_float32": largest(
            answers["forward_in_float32"], answers["onnxruntime_at_once"]
        ),
    }


def one_by_one(run: Run) -> Run:
    return lambda inputs: np.concatenate([run(inputs[k : k + 1]) for k in range(len(inputs))])


def largest(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(f"{np.abs(one - other).max():.2g}")


def predict_watched(model: Any, case: Case, run: Run) -> tuple[Watched, Findings | None, dict[str, float]]:
    """Analyse the case, the network run by ``run``; findings are None where the model refuses the phantom."""
    watched = Watched(run)
    usual, model.forward = model.forward, watched
    began = time.perf_counter()
    try:
        findings = model.predict(case)
    except ModelError:
        findings = None
    ended = time.perf_counter()
    model.forward = usual
    before = watched.began - began
    after = ended - watched.began - watched.seconds
    return watched, findings, {"preprocessing_seconds": round(before, 4), "afterwards_seconds": round(after, 4)}


def likeness(one: Findings | None, other: Findings | None) -> dict[str, float]:
    """Return how far two findings agree: Dice of the masks, the largest difference of a score."""
    if one is None or other is None:
        return {"refused": float(one is None and other is None)}
    apart = max(abs(a.value - b.value) for a, b in zip(one.scores, other.scores, strict=True))
    likeliest = [max(findings.scores, key=lambda score: score.value).label for findings in (one, other)]
    same = one.present == other.present and likeliest[0] == likeliest[1]
    agreement = {"same_answer": float(same), "largest_score_difference": float(f"{apart:.2g}")}
    if one.mask is None or other.mask is None:
        return agreement
    a, b = one.mask.array > 0, other.mask.array > 0
    return agreement | {"dice": round(2 * float((a & b).sum()) / max(1, int(a.sum() + b.sum())), 5)}


def phantom_case(name: str) -> Case:
    """Return the phantom in the contrasts that a model's card names, the first of them as the reference."""
    contrasts = brain_phantom(SHAPE, SPACING).contrasts
    wanted = [next(sequence for sequence in one.any_of if sequence in contrasts) for one in read_card(name).inputs]
    grid = make_geometry(shape=SHAPE, spacing=SPACING)
    volumes = {sequence: volume_of(contrasts[sequence], grid, sequence) for sequence in wanted}
    return Case("1.2", volumes, {sequence: contrasts[sequence].copy() for sequence in wanted[1:]})


def memory(name: str, folder: Path) -> Mapping[str, object]:
    """Return the peaks of memory, above that of the libraries, of processes that do nothing but run the network."""
    inputs = str(folder / f"{name}.npy")
    return {
        "glia": _child("glia", name),
        "onnxruntime": _child("onnxruntime", str(folder / f"{name}.onnx"), inputs),
        "keras_predict": _child("keras_predict", name, inputs),
    }


def _child(who: str, *arguments: str) -> object:
    paths = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "tests"), str(CHILD.parent)))
    done = subprocess.run(
        [sys.executable, str(CHILD), who, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return json.loads(done.stdout.splitlines()[-1])


def surroundings() -> dict[str, object]:
    """Return what the figures depend on."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next(line for line in cpuinfo if line.startswith("model name"))
    flags = next(line for line in cpuinfo if line.startswith("flags")).split()
    packages = ("numpy", "keras", "tensorflow", "onnxruntime", "tf2onnx")
    return {
        "what": "each model on a phantom, as served and in float32, beside ONNX Runtime and plain Keras in float32",
        "precision_as_served": find_policy("CPU:0"),
        "command": COMMAND,
        "measured": datetime.now(UTC).date().isoformat(),
        "repetitions": REPETITIONS,
        "cpu": cpu.split(":")[1].strip(),
        "processors": len(os.sched_getaffinity(0)),
        "load_average_at_the_end": round(os.getloadavg()[0], 1),
        "bfloat16_instructions": [flag for flag in ("avx512_bf16", "amx_bf16") if flag in flags],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
