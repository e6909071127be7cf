"""How fast preprocessing is beside SimpleITK, on whatever device Keras has: `make bench`.

With FIGURES=docs/figures in the environment the figures are written there, as preprocess.json. Nothing here asserts a
time: another machine may well be slower.
"""

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from support.require import REPOSITORY

from dicom_io.phantom import brain_phantom
from inference.preprocess.bias import correct_bias
from inference.preprocess.brain import brain_mask
from inference.preprocess.grid import resize
from inference.preprocess.resample import resize_volume
from inference.preprocess.slices import merge_mean
from inference.preprocess.smooth import FWHM_TO_SIGMA, gaussian

SHAPE, SPACING = (24, 256, 256), (6.0, 0.9, 0.9)
TARGET = (48, 192, 192)
FWHM_MM = 8.0
REPETITIONS = int(os.environ.get("REPETITIONS", "5"))
COMMAND = "FIGURES=docs/figures .venv/bin/pytest tests/bench/bench_preprocess.py"

Step = Callable[[], object]


@pytest.mark.timeout(1800)
def test_each_step_is_measured_beside_simpleitk_in_turn(capsys: pytest.CaptureFixture[str]) -> None:
    array = brain_phantom(SHAPE, SPACING).contrasts["t1"]
    mask = brain_mask(array, SPACING)
    assert mask.any()

    figures = {name: measured(ours, theirs) for name, (ours, theirs) in pairs(array, mask).items()}

    with capsys.disabled():
        for name, row in figures.items():
            print(f"\n{name}: {row}", end="")  # noqa: T201 - the figure is what a bench is for
    if folder := os.environ.get("FIGURES"):
        (REPOSITORY / folder).mkdir(parents=True, exist_ok=True)
        text = json.dumps(surroundings() | {"steps": figures}, indent=2)
        (REPOSITORY / folder / "preprocess.json").write_text(text + "\n", encoding="utf-8")


def pairs(array: NDArray[np.float32], mask: NDArray[np.bool_]) -> Mapping[str, tuple[Step, Step | None]]:
    """Return every step and, where there is one, what SimpleITK or scipy does for it; arrays in, arrays out."""
    variance = (FWHM_MM * FWHM_TO_SIGMA) ** 2
    return {
        "gaussian, 8 mm": (
            lambda: gaussian(array, SPACING, FWHM_MM),
            lambda: values(SimpleITK.SmoothingRecursiveGaussian(as_image(array), variance**0.5)),
        ),
        "gaussian, 8 mm, against DiscreteGaussian": (
            lambda: gaussian(array, SPACING, FWHM_MM),
            lambda: values(SimpleITK.DiscreteGaussian(as_image(array), variance, 64, 1e-3, True)),
        ),
        f"resampling to {TARGET}": (lambda: resize_volume(array, TARGET), lambda: resampled(array)),
        "bias field, against N4 at a quarter": (lambda: correct_bias(array, mask, SPACING), lambda: n4(array, mask)),
        "brain mask": (lambda: brain_mask(array, SPACING), None),
        "merging to 20 slices": (lambda: merge_mean(array, 20), None),
        "one slice to 224 x 224, against scipy": (
            lambda: resize_volume(array[:1], (1, 224, 224)),
            lambda: resize(array[:1], (224, 224)),
        ),
    }


def measured(ours: Step, theirs: Step | None) -> dict[str, object]:
    """Run both in turn; seconds are medians. The first run of each, which compiles and allocates, does not count."""
    steps = [step for step in (ours, theirs) if step is not None]
    seconds: list[list[float]] = [[] for _ in steps]
    for repetition in range(REPETITIONS + 1):
        for step, taken in zip(steps, seconds, strict=True):
            gc.collect()
            began = time.perf_counter()
            step()
            if repetition:
                taken.append(time.perf_counter() - began)
    row: dict[str, object] = {"seconds": round(statistics.median(seconds[0]), 4)}
    if theirs is not None:
        other = statistics.median(seconds[1])
        row |= {"other_seconds": round(other, 4), "ratio": round(statistics.median(seconds[0]) / other, 3)}
    return row | {"all_seconds": [[round(one, 4) for one in taken] for taken in seconds]}


def as_image(array: NDArray[np.generic]) -> SimpleITK.Image:
    image = SimpleITK.GetImageFromArray(np.asarray(array))
    image.SetSpacing(SPACING[::-1])
    return image


def values(image: SimpleITK.Image) -> NDArray[np.float32]:
    array: NDArray[np.float32] = SimpleITK.GetArrayFromImage(image)
    return array


def resampled(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resample as we do: smoothed where it shrinks, then linearly."""
    fine = [mm * old / new for old, new, mm in zip(SHAPE, TARGET, SPACING, strict=True)]
    sigma = [max((old / new - 1) / 2 * mm, 1e-3) for old, new, mm in zip(SHAPE, TARGET, SPACING, strict=True)]
    smooth = SimpleITK.DiscreteGaussian(as_image(array), [one**2 for one in sigma[::-1]])
    origin = [(new - old) / 2 for new, old in zip(fine, SPACING, strict=True)]
    identity, linear = SimpleITK.Transform(), SimpleITK.sitkLinear
    return values(
        SimpleITK.Resample(smooth, TARGET[::-1], identity, linear, origin[::-1], fine[::-1], np.eye(3).reshape(-1))
    )


def n4(array: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Correct by N4 as its authors advise: the field from every fourth pixel, then laid over the whole volume."""
    image, tissue = as_image(array), as_image(mask.astype(np.uint8))
    corrector = SimpleITK.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([50] * 4)
    corrector.Execute(SimpleITK.Shrink(image, (4, 4, 1)), SimpleITK.Shrink(tissue, (4, 4, 1)))
    corrected: NDArray[np.float32] = array / np.exp(values(corrector.GetLogBiasFieldAsImage(image)))
    return corrected


def device() -> str:
    """Name the device that Keras computes on."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow  # noqa: PLC0415 - only where it is the backend

        for found in tensorflow.config.list_physical_devices("GPU"):
            return str(tensorflow.config.experimental.get_device_details(found).get("device_name", "GPU"))
    if keras.backend.backend() == "torch":
        import torch  # noqa: PLC0415 - only where it is the backend

        if torch.cuda.is_available():
            return str(torch.cuda.get_device_name())
    if keras.backend.backend() == "jax":
        import jax  # noqa: PLC0415 - only where it is the backend

        if jax.default_backend() != "cpu":
            return str(jax.devices()[0].device_kind)
    return "CPU"


def surroundings() -> dict[str, object]:
    """Return what the figures depend on."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    packages = ("keras", "numpy", "scipy", "SimpleITK")
    return {
        "what": "T1 of the phantom, {} slices of {} x {}; numpy arrays in and out".format(*SHAPE),
        "command": COMMAND,
        "measured": datetime.now(UTC).date().isoformat(),
        "repetitions": REPETITIONS,
        "device": device(),
        "backend": keras.backend.backend(),
        "cpu": cpu.split(":")[1].strip(),
        "processors": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
