"""How many instances a second the spool puts on stable storage, beside other layouts: `make bench`.

All layouts in alternation in one run. With FIGURES=docs/figures in the environment the figures are written there, as
spool.json. What a sync costs is the disk's: only ratios mean anything elsewhere.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from support.require import REPOSITORY
from support.wait import wait_until

from node.spool.disk import LocalDisk
from node.spool.place import Place
from node.spool.spool import Spool
from node.spool.supply import Limits
from node.storage import Area, Storage

COMMAND = "FIGURES=docs/figures .venv/bin/pytest tests/bench/bench_spool.py"
REPETITIONS = 5
SIZES = {131_072: 160, 524_288: 64}  # bytes of an instance: how many are kept
THREADS = (1, 4, 16)
LARGE = 100 << 20
PIECE = 131_072
HEADER = b"x" * 400
FILES, UNWRITTEN, PREWRITTEN = "a file each", "segments", "segments written ahead"
Keep = Callable[[bytes], object]


class CountingDisk(LocalDisk):
    """Counts the syncs."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        super().sync(descriptor)


class Slow(CountingDisk):
    """A disk whose syncs take two milliseconds more, as without a write cache that outlasts a loss of power."""

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        time.sleep(0.002)


class Kept:
    """A spool, emptied after each measurement, so that segments are recycled as in a node that has run for long."""

    def __init__(self, folder: Path, ahead: int, disk: CountingDisk) -> None:
        self.disk = disk
        self.ahead = ahead
        self.spool = Spool(folder, Limits(free_segments=ahead, minimum_free=0), disk)
        list(self.spool.recover({}))
        self.places: list[Place] = []

    def keep(self, data: bytes) -> None:
        self.places.append(self.spool.keep(HEADER, [data]))

    def make_ready(self) -> None:
        self.spool.indexed(self.places)
        self.spool.free(self.spool.settled())
        self.places.clear()
        wait_until(lambda: self.spool.state().ready >= self.ahead, timeout=60, what="segments laid out")
        os.sync()
        self.disk.syncs = 0


@contextmanager
def spools(folder: Path) -> Iterator[dict[str, Kept]]:
    made = {
        UNWRITTEN: Kept(folder / "unwritten", 0, CountingDisk()),
        PREWRITTEN: Kept(folder / "prewritten", 4, CountingDisk()),
        "slow": Kept(folder / "slow", 4, Slow()),
    }
    yield made
    for kept in made.values():
        kept.spool.close()


def instances(size: int, count: int, seed: int) -> list[bytes]:
    start = Random(seed).randbytes(size)
    return [number.to_bytes(8, "big") + start[8:] for number in range(count)]


def per_second(keep: Keep, data: list[bytes], threads: int) -> float:
    with ThreadPoolExecutor(threads) as senders:
        senders.submit(int).result()
        began = time.perf_counter()
        list(senders.map(lambda start: [keep(one) for one in data[start::threads]], range(threads)))
        return len(data) / (time.perf_counter() - began)


@pytest.mark.timeout(1800)
def test_instances_on_stable_storage_per_second(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    storage = Storage(tmp_path / "files", minimum_free_mb=0)
    with spools(tmp_path) as made:
        for size, count in SIZES.items():
            for threads in THREADS:
                found: dict[str, list[float]] = {name: [] for name in (FILES, *made)}
                syncs = []
                for turn in range(REPETITIONS):
                    data = instances(size, count, turn)
                    owner = f"{size} {threads} {turn}"
                    found[FILES].append(
                        per_second(lambda one, owner=owner: storage.keep(one, Area.RESULTS, owner), data, threads)
                    )
                    for name in Random(turn).sample(sorted(made), len(made)):
                        made[name].make_ready()
                        found[name].append(per_second(made[name].keep, data, threads))
                        if name == PREWRITTEN:
                            syncs.append(made[name].disk.syncs / count)
                rows.append(_row(size, threads, found, syncs))
                with capsys.disabled():
                    print(f"\n{rows[-1]}")  # noqa: T201 - the figure is what a bench is for
        large = _large(made[PREWRITTEN], tmp_path / "large")
    with capsys.disabled():
        print(f"\n{large}")  # noqa: T201
    _write(
        {"command": COMMAND, "machine": platform.machine(), "processors": os.cpu_count(), "small": rows, "large": large}
    )


def _row(size: int, threads: int, found: dict[str, list[float]], syncs: list[float]) -> dict[str, float]:
    median = {name: statistics.median(rates) for name, rates in found.items()}
    return {
        "bytes": size,
        "threads": threads,
        "a_file_each_per_second": round(median[FILES]),
        "segments_ratio": round(median[UNWRITTEN] / median[FILES], 2),
        "written_ahead_ratio": round(median[PREWRITTEN] / median[FILES], 2),
        "syncs_per_instance": round(statistics.median(syncs), 2),
        "with_2_ms_a_sync_per_second": round(median["slow"]),
    }


def _large(kept: Kept, folder: Path) -> dict[str, float]:
    """Compare one large instance that comes in pieces with a file that is written and synced."""
    folder.mkdir()
    piece = Random(1).randbytes(PIECE)
    seconds: dict[str, list[float]] = {"file": [], "spool": []}
    for turn in range(REPETITIONS):
        kept.make_ready()
        began = time.perf_counter()
        with (folder / str(turn)).open("wb", buffering=0) as file:
            for _ in range(LARGE // PIECE):
                file.write(piece)
            os.fsync(file.fileno())
        seconds["file"].append(time.perf_counter() - began)
        began = time.perf_counter()
        with kept.spool.begin(LARGE) as writer:
            for _ in range(LARGE // PIECE):
                writer.append([piece])
            kept.places.append(writer.commit(HEADER))
        seconds["spool"].append(time.perf_counter() - began)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "bytes": LARGE,
        "file_without_checksum_mb_per_second": round(LARGE / 1e6 / median["file"]),
        "spool_ratio": round(median["file"] / median["spool"], 2),
    }


def _write(figures: dict[str, object]) -> None:
    if folder := os.environ.get("FIGURES"):
        (REPOSITORY / folder).mkdir(parents=True, exist_ok=True)
        (REPOSITORY / folder / "spool.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
