"""What a test needs from outside the repository: it skips without it here, and fails without it in CI."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data"
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def require_tool(name: str) -> str:
    """Return the path of an installed program."""
    path = shutil.which(name, path=SEARCH_PATH)
    return path if path else _do_without(f"{name} is not installed (make test installs it when run as root)")


def require_file(path: Path, how: str = "make test installs it when run as root") -> Path:
    """Return a file that an installed package brings, such as a plugin."""
    return path if path.exists() else _do_without(f"{path} is not there ({how})")


def require_data(relative: str) -> Path:
    """Return a file or folder of the acceptance data, which is no part of the repository."""
    folder = Path(os.environ.get("ACCEPTANCE_DATA", DATA)) / relative
    return folder if folder.exists() else _do_without(f"no acceptance data at {folder} (ACCEPTANCE_DATA=folder)")


def _do_without(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
