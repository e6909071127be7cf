"""Images and containers, where an engine runs them: as root without systemd it may not."""

import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

BASE = "docker.io/library/debian:trixie-slim"


def engine() -> str:
    """Return the command of a container engine that has the base image, or can get it; skip the test without one."""
    found = next((name for name in ("podman", "docker") if which(name)), None)
    if found is None:
        pytest.skip("no container engine is installed here")
    for arguments in (["image", "inspect", BASE], ["pull", "--quiet", BASE]):
        if subprocess.run([found, *arguments], capture_output=True, check=False, timeout=300).returncode == 0:
            return found
    pytest.skip(f"{found} neither has nor gets {BASE}")


def build(folder: Path, tag: str) -> str:
    """Build an image and return its name."""
    name = f"localhost/{tag}"
    done = subprocess.run(
        [engine(), "build", "--tag", name, str(folder)], capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return name


@contextmanager
def running(image: str, *command: str, volumes: Mapping[Path, str], user: str = "") -> Iterator[str]:
    """Run a container on the host's network until the end of the block; yield its name."""
    name, command_line = f"glia-{uuid.uuid4().hex[:12]}", [engine(), "run", "--detach", "--rm", "--network", "host"]
    mounts = [f"--volume={host}:{inside}" for host, inside in volumes.items()]
    who = [f"--user={user}"] if user else []
    started = subprocess.run(
        [*command_line, "--name", name, *mounts, *who, image, *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert started.returncode == 0, started.stderr
    try:
        yield name
    finally:
        subprocess.run([engine(), "kill", name], capture_output=True, check=False, timeout=60)
