"""Instances acknowledged a second, beside other receivers in turn: `make bench-ingest`.

The sender is DCMTK's storescu, a process for each association. With FIGURES=docs/figures in the environment the figures
are written there, as ingest.json. Nothing here asserts a rate: another machine may well be slower.
"""

import json
import os
import platform
import random
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from pydicom import dcmread
from support.builders import make_geometry, write_multiframe, write_series
from support.receivers import AE_TITLE, RECEIVERS
from support.require import REPOSITORY, require_tool

ROUNDS = int(os.environ.get("ROUNDS", "5"))
WANTED = os.environ.get("RECEIVERS", ",".join(RECEIVERS)).split(",")
ASSOCIATIONS = (1, 4, 16)
INSTANCES = 640
SIDES = {"128 KiB": 256, "512 KiB": 512}
FRAMES = 200
"""Of 512 x 512 pixels: an object of 105 MB."""
OURS = "glia"
COMMAND = "make bench-ingest FIGURES=docs/figures"
_UIDS = ("SOPInstanceUID", "SeriesInstanceUID")


class Template:
    """One instance, to be written again and again under fresh UIDs of the same length."""

    def __init__(self, path: Path) -> None:
        header = dcmread(path, stop_before_pixels=True)
        self._data = path.read_bytes()
        self._instance, self._series = (str(header[name].value).encode() for name in _UIDS)

    @classmethod
    def of_slice(cls, folder: Path, side: int) -> "Template":
        """Return a classic MR image."""
        voxels = _noise((1, side, side))
        return cls(write_series(folder, voxels=voxels, geometry=make_geometry(shape=voxels.shape))[0])

    @classmethod
    def of_frames(cls, folder: Path) -> "Template":
        """Return an Enhanced MR image."""
        voxels = _noise((FRAMES, 512, 512))
        return cls(write_multiframe(folder / "m.dcm", voxels=voxels, geometry=make_geometry(shape=voxels.shape)))

    def write(self, folder: Path, count: int) -> Path:
        """Write a series of so many."""
        folder.mkdir()
        data = self._data.replace(self._series, _fresh(self._series))
        for number in range(count):
            (folder / f"{number:05d}.dcm").write_bytes(data.replace(self._instance, _fresh(self._instance)))
        return folder


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, int]]:
    """Run all receivers, for all measurements."""
    with ExitStack() as running:
        yield {
            name: running.enter_context(RECEIVERS[name](tmp_path_factory.mktemp(name.replace(" ", "_"))))
            for name in WANTED
        }


@pytest.mark.timeout(7200)
def test_receivers_in_turn(ports: Mapping[str, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures: dict[str, object] = {}
    for size, side in SIDES.items():
        template = Template.of_slice(tmp_path / size, side)
        for associations in ASSOCIATIONS:
            name = f"{size}, {associations} association{'s' * (associations > 1)}"
            figures[name] = compare(ports, template, tmp_path / "series", associations, INSTANCES // associations)
    (tmp_path / "frames").mkdir()
    multiframe = Template.of_frames(tmp_path / "frames")
    figures["an Enhanced multi-frame of 105 MB"] = compare(ports, multiframe, tmp_path / "series", 1, 1)

    with capsys.disabled():
        for name, row in figures.items():
            print(f"\n{name}: {row}", end="")  # noqa: T201 - the figure is what a bench is for
    if folder := os.environ.get("FIGURES"):
        text = json.dumps(surroundings() | {"instances_per_second": figures}, indent=2)
        (REPOSITORY / folder / "ingest.json").write_text(text + "\n", encoding="utf-8")


def compare(
    ports: Mapping[str, int], template: Template, folder: Path, associations: int, instances: int
) -> Mapping[str, object]:
    """Measure all receivers round by round, in another order each time, with instances that nobody has seen."""
    rates: dict[str, list[float]] = {name: [] for name in ports}
    shuffle = random.Random(0).shuffle
    for _ in range(ROUNDS):
        folder.mkdir()
        series = [template.write(folder / str(number), instances) for number in range(associations)]
        order = list(ports)
        shuffle(order)
        for name in order:
            rates[name].append(associations * instances / send(series, ports[name]))
        rmtree(folder)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "median": {name: round(median, 2) for name, median in medians.items()},
        "ours_to_theirs": {name: round(medians[OURS] / median, 2) for name, median in medians.items() if name != OURS},
        "all": {name: [round(rate, 2) for rate in found] for name, found in rates.items()},
    }


def send(series: list[Path], port: int) -> float:
    """Send each series over an association of its own, all at once; return the seconds until the last is answered."""
    command = [require_tool("storescu"), "+sd", "-R", "--max-send-pdu", "131072", "-aec", AE_TITLE, "127.0.0.1"]
    began = time.perf_counter()
    senders = [
        subprocess.Popen([*command, str(port), str(folder)], env={**os.environ, "TCP_NODELAY": "1"})
        for folder in series
    ]
    assert [sender.wait(600) for sender in senders] == [0] * len(senders)
    return time.perf_counter() - began


def surroundings() -> dict[str, object]:
    """Return what is needed to read the figures and to make them again."""
    return {
        "command": COMMAND,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "rounds": ROUNDS,
        "sender": "storescu, TCP_NODELAY, a process for each association",
    }


def _noise(shape: tuple[int, int, int]) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint16]]":
    return np.random.default_rng(0).integers(0, 4096, shape, dtype=np.uint16)


def _fresh(uid: bytes) -> bytes:
    """Return a UID that nobody has, as long as another one."""
    return b"2.25." + str(random.SystemRandom().randrange(10 ** (len(uid) - 6), 10 ** (len(uid) - 5))).encode()
