"""A short run of the fuzz target; `make fuzz` is the long one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.require import REPOSITORY


def fuzz(folder: Path, seconds: float, *options: str) -> tuple[int, dict[str, Any]]:
    """Run the program on made-up series alone; return its exit status and its report."""
    report = folder / "report.json"
    folder.mkdir(exist_ok=True)
    own = (
        f"--seconds={seconds}",
        "--seed=20",
        f"--json={report}",
        f"--keep={folder / 'kept'}",
        f"--data={folder / 'no'}",
    )
    done = subprocess.run(
        [sys.executable, "tests/fuzz/fuzz_read.py", *own, *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert report.exists(), done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return done.returncode, found


def test_only_volumes_and_refusals_come_out_of_damaged_series(tmp_path: Path) -> None:
    status, report = fuzz(tmp_path, 15)

    assert report["findings"] == {}
    assert status == 0
    assert report["outcomes"]["read: volumes"] > 5
    assert sum(count for outcome, count in report["outcomes"].items() if outcome.startswith("read: ")) > 40
    assert report["peak_memory_above_start_mb"] < report["memory_limit_above_start_mb"]


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ("planted_error", "KeyError"),
        ("planted_allocation", "MemoryError"),
        ("planted_hang", "hangs for 1 s"),
        ("planted_crash", "ends the process with SIGABRT"),
        ("planted_reason", "AssertionError"),
    ],
)
def test_a_planted_fault_is_found_and_its_input_kept(tmp_path: Path, planted: str, expected: str) -> None:
    status, report = fuzz(tmp_path, 60, f"--target=fuzz.targets:{planted}", "--input-seconds=1", "--stop-after=2")

    assert status == 1
    (name, finding), *_ = report["findings"].items()
    assert name.startswith(expected)
    kept = list(Path(finding["kept"]).iterdir())
    assert {path.suffix for path in kept} == {".dcm", ".txt"}
    assert sum(one["times"] for one in report["findings"].values()) == 2, "the run ended with its first finding"


def test_the_same_seed_and_number_find_the_same_fault_again(tmp_path: Path) -> None:
    _, whole = fuzz(tmp_path / "whole", 60, "--target=fuzz.targets:planted_error", "--stop-after=1")
    (name, finding), *_ = whole["findings"].items()

    _, alone = fuzz(tmp_path / "alone", 60, "--target=fuzz.targets:planted_error", f"--only={finding['first']}")

    assert list(alone["findings"]) == [name]
    first, again = (Path(report["findings"][name]["kept"]) for report in (whole, alone))
    damaged = [path.name for path in first.glob("*.dcm")]
    assert damaged
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in damaged)
