"""DCMTK and dicom3tools as other people's eyes: they send to us and judge what we make."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from support.require import require_tool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What dciodvfy says about one file."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def send(paths: Iterable[Path], port: int, calling: str = "STORESCU", called: str = "GLIA") -> int:
    """Send files, and all files of folders, in one association; return how many got status 0x0000.

    Raises
    ------
    AssertionError
        If the association failed or an instance was refused, with storescu's own words.
    """
    arguments = ["-v", "-R", "-xs", "-aet", calling, "-aec", called, "127.0.0.1", str(port)]
    files = [str(file) for path in paths for file in _files(path)]
    done = run(require_tool("storescu"), *arguments, *files)
    assert done.returncode == 0, done.stdout
    return done.stdout.count("Received Store Response (Success)")


def validate(path: Path) -> Verdict:
    """Check an object against its IOD with dciodvfy."""
    lines = run(require_tool("dciodvfy"), "-new", str(path)).stdout.splitlines()
    return Verdict(
        errors=tuple(line for line in lines if line.startswith("Error")),
        warnings=tuple(line for line in lines if line.startswith("Warning")),
    )


def report_text(path: Path) -> str:
    """Return a structured report as dsrdump prints it."""
    done = run(require_tool("dsrdump"), "+Pl", str(path))  # long values whole
    assert done.returncode == 0, done.stdout
    return done.stdout


def report_messages(path: Path) -> list[str]:
    """Return the warnings and errors of dsrdump as it reads a structured report."""
    lines = run(require_tool("dsrdump"), str(path)).stdout.splitlines()
    return [line for line in lines if line.startswith(("W:", "E:", "F:"))]


def _files(path: Path) -> list[Path]:
    return sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end; what it says on both its outputs is in ``stdout``."""
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=120,
    )
