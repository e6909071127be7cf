"""How fast a series becomes a volume, and in how much memory, beside SimpleITK's series reader: `make bench`.

With FIGURES=docs/figures in the environment the figures are written there, as read.json.
"""

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless
from support.builders import make_geometry, make_slices
from support.forms import compress, save
from support.require import REPOSITORY

from dicom_io.phantom import brain_phantom
from dicom_io.read import read_volume

SHAPE = (200, 512, 512)
NOISE = 20
REPETITIONS = 5
COMMAND = "FIGURES=docs/figures .venv/bin/pytest tests/bench/bench_read.py"
PROGRAM = """
import re, sys
from pathlib import Path
import numpy
{imports}

def kibibytes(name):  # not ru_maxrss: a process inherits that of its parent
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

folder = Path(sys.argv[1])
before = kibibytes("VmRSS")
{read}
print((kibibytes("VmHWM") - before) * 1024)
"""
GLIA = {
    "imports": "from dicom_io.read import read_volume",
    "read": "volume = read_volume(sorted(folder.iterdir()))",
}
SIMPLEITK = {
    "imports": "import SimpleITK as sitk",
    "read": """reader = sitk.ImageSeriesReader()
reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
image = sitk.Cast(reader.Execute(), sitk.sitkFloat32)""",
}


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write a series of classic MR, 12 bits of 16, by transfer syntax: uncompressed and in JPEG 2000."""
    rng = np.random.default_rng(0)
    head = brain_phantom((SHAPE[0] // 8, *SHAPE[1:]), (8.0, 0.45, 0.45)).contrasts["flair"]
    voxels = np.repeat(head * 3, 8, axis=0) + rng.normal(0, NOISE, SHAPE).astype(np.float32)
    slices = make_slices(
        voxels=voxels.clip(0, 4095).astype(np.uint16), geometry=make_geometry(shape=SHAPE, spacing=(1.0, 0.45, 0.45))
    )
    folders = {
        syntax: tmp_path_factory.mktemp(syntax.name[:9]) for syntax in (ExplicitVRLittleEndian, JPEG2000Lossless)
    }
    save(folders[ExplicitVRLittleEndian], slices)
    save(folders[JPEG2000Lossless], [compress(dataset, JPEG2000Lossless) for dataset in slices])
    return folders


@pytest.mark.timeout(900)
def test_reading_takes_no_longer_than_simpleitk_and_twice_the_volume(
    series: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {syntax.name: measure(folder) for syntax, folder in series.items()}

    with capsys.disabled():
        for syntax, measured in figures.items():
            print(  # noqa: T201 - the figure is what a bench is for
                f"\nread {SHAPE}, {syntax}:"
                f"\n  {measured['seconds']:.2f} s, SimpleITK {measured['simpleitk_seconds']:.2f} s: "
                f"{measured['ratio']:.2f} of it; {measured['ratio_to_sorted_names']:.2f} where its names come sorted"
                f"\n  {measured['memory']:.2f} float volumes at most, SimpleITK {measured['simpleitk_memory']:.2f}"
            )
    if folder := os.environ.get("FIGURES"):
        (REPOSITORY / folder).mkdir(parents=True, exist_ok=True)
        text = json.dumps(surroundings() | {"syntaxes": figures}, indent=2)
        (REPOSITORY / folder / "read.json").write_text(text + "\n", encoding="utf-8")
    for measured in figures.values():
        assert measured["ratio"] <= 1
        assert measured["memory"] <= 2


def measure(folder: Path) -> dict[str, object]:
    """Read a series with both readers in turn; seconds are medians, memory is in volumes of float32."""
    np.testing.assert_array_equal(by_glia(folder), SimpleITK.GetArrayFromImage(by_simpleitk(folder)))
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))

    def by_simpleitk_sorted(_: Path) -> SimpleITK.Image:
        return execute(names)

    seconds: dict[Callable[[Path], object], list[float]] = {by_glia: [], by_simpleitk: [], by_simpleitk_sorted: []}
    for _ in range(REPETITIONS):
        for read, taken in seconds.items():
            gc.collect()
            began = time.perf_counter()
            read(folder)
            taken.append(time.perf_counter() - began)
    ours, theirs, theirs_sorted = (statistics.median(taken) for taken in seconds.values())
    return {
        "seconds": round(ours, 3),
        "simpleitk_seconds": round(theirs, 3),
        "simpleitk_seconds_names_sorted_before": round(theirs_sorted, 3),
        "ratio": round(ours / theirs, 3),
        "ratio_to_sorted_names": round(ours / theirs_sorted, 3),
        "all_seconds": [round(taken, 3) for taken in seconds[by_glia]],
        "all_simpleitk_seconds": [round(taken, 3) for taken in seconds[by_simpleitk]],
        "memory": peak(GLIA, folder),
        "simpleitk_memory": peak(SIMPLEITK, folder),
    }


def by_glia(folder: Path) -> NDArray[np.float32]:
    return read_volume(sorted(folder.iterdir())).array


def by_simpleitk(folder: Path) -> SimpleITK.Image:
    """Sort the files and read them, as we do: the reader takes them in the order of its names."""
    return execute(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))


def execute(names: Sequence[str]) -> SimpleITK.Image:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(names)
    return SimpleITK.Cast(reader.Execute(), SimpleITK.sitkFloat32)


def peak(program: dict[str, str], folder: Path) -> float:
    """Return how many float volumes a fresh process grows by while it reads the series."""
    run = [sys.executable, "-c", PROGRAM.format(**program), str(folder)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=REPOSITORY, timeout=300)
    return round(int(done.stdout) / (4 * np.prod(SHAPE)), 2)


def surroundings() -> dict[str, object]:
    """Return what the figures depend on."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    packages = ("pydicom", "imagecodecs", "numpy", "SimpleITK")
    return {
        "what": "{} files of {} x {}, 12 bits in 16, to one float32 volume; the files are in the page cache".format(
            *SHAPE
        ),
        "command": COMMAND,
        "measured": datetime.now(UTC).date().isoformat(),
        "repetitions": REPETITIONS,
        "cpu": cpu.split(":")[1].strip(),
        "processors": len(os.sched_getaffinity(0)),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
