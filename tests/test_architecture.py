"""The plan of the house, as far as a program can check it: arrows, sizes, a test file for every module."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
UNIT = REPOSITORY / "tests" / "unit"
ROOMS = ("node", "inference", "dicom_io", "db", "config")
MODULES = sorted(path.relative_to(REPOSITORY) for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))
UNIT_TESTS = sorted(path.relative_to(UNIT) for path in UNIT.rglob("test_*.py"))
MOST_LINES = 250

WITHOUT_A_UNIT_TEST = {
    "errors.py": "names and a base class",
    "__main__.py": "one call",
    "db/migrations/env.py": "what Alembic runs: tests/unit/db/test_migrate.py",
    "db/records.py": "frozen rows, nothing to run",
    "db/rows.py": "rows to records: every test of inbox, queue, outbox and views reads through it",
    "dicom_io/anatomy.py": "what test_phantom.py looks at",
    "dicom_io/context.py": "what test_results.py compares",
    "inference/model.py": "a Protocol, nothing to run",
    "inference/training/recipe.py": "frozen values, nothing to run",
    "inference/training/fit.py": "trains: tests/integration/test_training.py",
    "node/demo/command.py": "options: tests/acceptance/test_demo.py",
    "node/demo/run.py": "the whole product at once: tests/acceptance/test_demo.py",
    "node/demo/serve.py": "starts a node: tests/acceptance/test_demo.py",
}
BOUNDARIES = {
    "node/receive.py": "the C-STORE handler answers every failure with a status",
    "node/worker.py": "a job that fails does not take the worker with it",
}


def test_every_arrow_between_rooms_points_the_agreed_way() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run(
        [lint_imports, "--no-cache", "--no-logo"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_is_too_long_to_read_at_once() -> None:
    too_long = [path for path in MODULES if len(_text(path).splitlines()) > MOST_LINES]

    assert not too_long, f"more than {MOST_LINES} lines: {_list(too_long)}"


def test_package_init_files_are_empty() -> None:
    filled = [path for path in MODULES if path.name == "__init__.py" and _text(path)]

    assert not filled, _list(filled)


def test_tests_are_no_package() -> None:
    # A folder tests/db with an __init__.py would hide the package db.
    packages = list((REPOSITORY / "tests").rglob("__init__.py"))

    assert not packages, _list(packages)


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_has_its_unit_test_file(room: str) -> None:
    tested = {path.name.removeprefix("test_") for path in UNIT_TESTS if path.parts[0] == room}
    exempt = {"__init__.py", *WITHOUT_A_UNIT_TEST}
    modules = [path for path in MODULES if path.parts[0] == room and not {path.name, str(path)} & exempt]

    untested = [path for path in modules if path.name not in tested]

    assert not untested, f"no tests/unit/{room}/**/test_<module>.py for {_list(untested)}"


def test_every_unit_test_file_is_named_after_a_module_of_its_room() -> None:
    modules = {(path.parts[0], path.name) for path in MODULES}

    strays = [path for path in UNIT_TESTS if (path.parts[0], path.name.removeprefix("test_")) not in modules]

    assert not strays, _list(strays)


def test_only_the_two_boundaries_catch_every_exception() -> None:
    catching = {str(path) for path in MODULES if "except Exception" in _text(path)}

    assert catching == set(BOUNDARIES)


def _text(path: Path) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")


def _list(paths: Iterable[Path]) -> str:
    return ", ".join(map(str, paths))
