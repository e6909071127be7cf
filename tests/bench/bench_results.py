"""How long all results of an analysis take to build and verify, beside the network's own time: `make bench`.

With FIGURES=docs/figures in the environment the figures are written there, as results.json.
"""

import cProfile
import gc
import json
import os
import platform
import pstats
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.builders import make_geometry, write_series
from support.require import REPOSITORY
from support.source_series import mask_findings

from dicom_io.case import Case
from dicom_io.equipment import Equipment
from dicom_io.findings import Findings, Mask, Segment
from dicom_io.phantom import brain_phantom
from dicom_io.read import read_volume
from dicom_io.results import encode
from inference.models.segment_unet2d import CHANNELS, SegmentUnet2d, prepare
from inference.registry import load

SHAPE = (155, 240, 240)
SPACING = (1.0, 1.0, 1.0)
SEGMENTS = (1, 2, 3)
REPETITIONS = 3
BATCH = 8
AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="bench", serial="0001")
COMMAND = "FIGURES=docs/figures .venv/bin/pytest tests/bench/bench_results.py"
STEPS = {  # in dicom_io; what they have in common is not divided among them
    "read_sources": "read the source headers again",
    "build_seg": "SEG built",
    "verify_seg": "SEG decoded and compared",
    "build_report": "report built",
    "verify_sr": "report decoded and compared",
    "build_measurements": "measurements built",
    "verify_measurements": "measurements decoded and compared",
    "build_key_image": "key image built",
    "verify_key_image": "key image decoded and compared",
    "_encode": "all written to bytes",
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Return a study of FLAIR, T1 and T1 post contrast of one grid, read from files, a file per slice."""
    contrasts = brain_phantom(SHAPE, SPACING).contrasts
    geometry = make_geometry(shape=SHAPE, spacing=SPACING)
    volumes = {}
    for sequence in CHANNELS:
        voxels = contrasts[sequence].clip(0, 4095).astype(np.uint16)
        folder = tmp_path_factory.mktemp(sequence)
        volumes[sequence] = read_volume(write_series(folder, voxels=voxels, geometry=geometry, sequence=sequence))
    aligned = {sequence: volume.array.copy() for sequence, volume in volumes.items() if sequence != "flair"}
    return Case(volumes["flair"].header.study_instance_uid, volumes, aligned)


@pytest.mark.timeout(900)
def test_results_take_no_longer_than_the_network(
    case: Case, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # the CPU's time is the measure
    model = load("segment_unet2d")
    assert isinstance(model, SegmentUnet2d)
    findings = three_segments(case)
    slices = prepare(case, model.card.input_shape[0])
    kinds = {result.kind: len(result.data) for result in encode(case, findings, HERE, AT)}
    model.network.predict(slices[:BATCH], batch_size=BATCH, verbose=0)  # the first call builds the graph

    ours, network = alternately(
        lambda: encode(case, findings, HERE, AT),
        lambda: model.network.predict(slices, batch_size=BATCH, verbose=0),
    )

    figures = {
        "seconds": round(statistics.median(ours), 3),
        "network_seconds": round(statistics.median(network), 3),
        "ratio": round(statistics.median(ours) / statistics.median(network), 3),
        "all_seconds": [round(taken, 3) for taken in ours],
        "all_network_seconds": [round(taken, 3) for taken in network],
        "bytes": kinds,
        "seg_frames": int(sum((findings.mask.array == n).any(axis=(1, 2)).sum() for n in SEGMENTS)),
        "profiled_seconds": profiled(lambda: encode(case, findings, HERE, AT)),
    }
    with capsys.disabled():
        print(  # noqa: T201 - the figure is what a bench is for
            f"\nresults of {SHAPE}, {len(SEGMENTS)} segments, {figures['seg_frames']} frames: {figures['seconds']} s, "
            f"the network {figures['network_seconds']} s: {figures['ratio']} of it\n  under the profiler: "
            f"{figures['profiled_seconds']}"
        )
    if folder := os.environ.get("FIGURES"):
        (REPOSITORY / folder).mkdir(parents=True, exist_ok=True)
        text = json.dumps(surroundings(slices) | figures, indent=2)
        (REPOSITORY / folder / "results.json").write_text(text + "\n", encoding="utf-8")
    assert set(kinds) == {"SEG", "SR", "MEASUREMENTS", "KEY IMAGE"}
    assert figures["ratio"] <= 1


def three_segments(case: Case) -> Findings:
    """Return three balls, one inside the other, as a tumour's parts lie: the outermost is on most of the slices."""
    centre = np.array(SHAPE)[:, None, None, None] * 0.45
    distance = np.linalg.norm(np.indices(SHAPE, np.float32) - centre.astype(np.float32), axis=0)
    array: NDArray[np.uint8] = np.zeros(SHAPE, np.uint8)
    for number, radius in zip(SEGMENTS, (68, 40, 20), strict=True):
        array[distance < radius] = number
    one = mask_findings(case.reference, array)
    segments = tuple(Segment(number, "flair_abnormality") for number in SEGMENTS)
    return Findings(
        one.algorithm,
        one.task,
        one.series_instance_uid,
        present=True,
        scores=one.scores,
        mask=Mask(array, segments, one.series_instance_uid),
        summary=one.summary,
    )


def alternately(*calls: Callable[[], object]) -> list[list[float]]:
    """Return the seconds that each call takes, taken in turn: a machine's mood is then the same for all."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(REPETITIONS):
        for call, taken in zip(calls, seconds, strict=True):
            gc.collect()
            began = time.perf_counter()
            call()
            taken.append(time.perf_counter() - began)
    return seconds


def profiled(call: Callable[[], object]) -> dict[str, float]:
    """Return the seconds of the steps of one more call; the profiler itself slows them."""
    profiler = cProfile.Profile()
    profiler.runcall(call)
    stats = pstats.Stats(profiler)
    taken = {
        function: cumulative
        for (file, _, function), (_, _, _, cumulative, _) in stats.stats.items()  # type: ignore[attr-defined]
        if "dicom_io" in file
    }
    steps = {what: round(taken[function], 2) for function, what in STEPS.items() if function in taken}
    return steps | {"all": round(taken["encode"], 2)}


def surroundings(slices: NDArray[np.float32]) -> dict[str, object]:
    """Return what the figures depend on."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    packages = ("pydicom", "highdicom", "numpy", "keras", "tensorflow")
    return {
        "what": (
            "SEG, SR, measurements and key image of {} slices of {} x {} with three segments, built, written, decoded "
            "and compared; the network is segment_unet2d's forward pass on the CPU for the same slices, {} x {}"
        ).format(*SHAPE, *slices.shape[1:3]),
        "command": COMMAND,
        "measured": datetime.now(UTC).date().isoformat(),
        "repetitions": REPETITIONS,
        "cpu": cpu.split(":")[1].strip(),
        "processors": len(os.sched_getaffinity(0)),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
