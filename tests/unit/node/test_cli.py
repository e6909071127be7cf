"""The command line: settings are read and refused here, and nothing heavy is loaded."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import structlog
from sqlalchemy import create_engine
from support.builders import write_series
from support.pacs import running_pacs
from support.process import free_port
from typer.testing import CliRunner

from node.cli import app


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


ROOMS = ("serve", "listen", "work", "deliver")


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env={"GLIA_CONFIG": None, **environment})
    return result.exit_code, result.output


def test_it_knows_its_version() -> None:
    assert run("--version") == (0, f"glia {version('glia')}\n")


def test_config_prints_the_settings_in_effect(tmp_path: Path) -> None:
    file = tmp_path / "glia.toml"
    file.write_text("[listener]\nport = 104\nae_title = 'FROMFILE'\n")

    status, text = run("config", "--config", str(file), GLIA_LISTENER__AE_TITLE="FROMENV")

    listener = json.loads(text)["listener"]
    assert status == 0
    assert (listener["port"], listener["ae_title"], listener["host"]) == (104, "FROMENV", "127.0.0.1")


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "glia.toml"
    file.write_text("[listener]\nport = 104\n")

    assert json.loads(run("config", GLIA_CONFIG=str(file))[1])["listener"]["port"] == 104


@pytest.mark.parametrize("command", [*ROOMS, "status", "config", "explain 1.2", "inspect .", "send-test-objects P"])
def test_a_wrong_value_is_refused_with_key_value_and_what_is_allowed(command: str) -> None:
    status, text = run(*command.split(), GLIA_LISTENER__PORT="70000")

    assert status == 2
    assert "listener.port = 70000" in text
    assert "from 0 to 65535" in text


@pytest.mark.parametrize("command", ["serve", "listen", "work", "explain 1.2", "inspect ."])
def test_a_model_that_does_not_exist_is_refused(command: str, tmp_path: Path) -> None:
    environment = {"GLIA_WORKER__MODELS": '["no_such_model"]', "GLIA_STORAGE__FOLDER": str(tmp_path)}

    status, text = run(*command.split(), **environment)

    assert status == 2
    assert "worker.models" in text
    assert "no_such_model" in text


@pytest.mark.parametrize("command", ROOMS)
def test_a_folder_that_cannot_be_made_ends_the_start_with_the_reason(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    status, _ = run(command, GLIA_STORAGE__FOLDER=str(tmp_path / "file" / "data"))

    assert status == 1


def test_status_counts_what_is_in_each_state(tmp_path: Path) -> None:
    status, text = run("status", GLIA_STORAGE__FOLDER=str(tmp_path))

    assert status == 0
    assert "instances" in text
    assert "waiting" in text


def test_a_database_of_a_newer_version_ends_the_start(tmp_path: Path) -> None:
    with create_engine(f"sqlite:///{tmp_path}/glia.sqlite").begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version=999")

    assert run("serve", GLIA_STORAGE__FOLDER=str(tmp_path))[0] == 1


def test_a_database_of_an_older_version_ends_the_start(tmp_path: Path) -> None:
    with create_engine(f"sqlite:///{tmp_path}/glia.sqlite").begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version=1")

    assert run("serve", GLIA_STORAGE__FOLDER=str(tmp_path))[0] == 1


def test_explain_does_not_know_a_study_that_was_not_received(tmp_path: Path) -> None:
    status, text = run("explain", "1.2.3", GLIA_STORAGE__FOLDER=str(tmp_path))

    assert (status, text) == (1, "No study received here has a Study Instance UID with '1.2.3' in it.\n")


def test_inspect_needs_no_database_and_prints_what_the_real_models_would_do(tmp_path: Path) -> None:
    write_series(tmp_path / "study")

    status, text = run("inspect", str(tmp_path / "study"), "--json", GLIA_STORAGE__FOLDER=str(tmp_path / "data"))

    (study,) = json.loads(text)["studies"]
    assert (status, study["series"][0]["volumes"][0]["models"]) == (0, ["segment_unet2d"])
    assert not (tmp_path / "data").exists()


def test_the_command_line_starts_without_tensorflow() -> None:
    program = "import sys, node.cli; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


def test_test_objects_go_to_a_destination_of_the_settings_only() -> None:
    status, text = run("send-test-objects", "NOWHERE", GLIA_DESTINATIONS=destinations(104))

    assert (status, text) == (2, "NOWHERE is no destination; there are: PACS\n")


def test_test_objects_arrive_and_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {"GLIA_STORAGE__FOLDER": str(tmp_path / "data")}
    with running_pacs() as pacs:
        status, text = run("send-test-objects", "PACS", GLIA_DESTINATIONS=destinations(pacs.port), **environment)

    assert status == 0, text
    assert f"{len(pacs.received)} of {len(pacs.received)} objects were taken" in text
    assert list(tmp_path.iterdir()) == []


def test_a_pacs_that_is_down_makes_the_test_fail() -> None:
    status, text = run(
        "send-test-objects", "PACS", GLIA_DESTINATIONS=destinations(free_port()), GLIA_PROFILE__OBJECTS='["SR"]'
    )

    assert status == 1
    assert "0 of " in text


def destinations(port: int) -> str:
    return json.dumps([{"ae_title": "PACS", "host": "127.0.0.1", "port": port}])


def test_who_logs_in_to_the_database_is_not_shown() -> None:
    status, text = run("config", GLIA_DATABASE__URL="postgresql://glia:s3cret@db/glia")

    assert status == 0
    assert "s3cret" not in text
    assert json.loads(text)["database"]["url"] == "postgresql://***@db/glia"
