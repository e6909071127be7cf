"""``glia predict`` on the command line: its options arrive, and nothing heavy is loaded before it is needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from dicom_io.profile import DEFAULT
from node.predict.command import predict_command
from node.predict.wish import Manner


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(predict_command(lambda _: Manner(DEFAULT, "register")))
    return app


def test_options_arrive(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_text("hello")

    done = CliRunner().invoke(app, [str(tmp_path / "a.nii"), "--sequence", "t9", "--json"])

    told = json.loads(done.stdout)
    assert done.exit_code == told["exit_status"] == 2
    assert told["reason"].startswith("--sequence t9: 't9' is no sequence")


def test_an_unknown_model_is_refused(app: typer.Typer, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(tmp_path), "--model", "nobody"])

    assert done.exit_code == 2
    assert "no model is named 'nobody'" in done.output


def test_a_refusal_loads_neither_tensorflow_nor_keras(tmp_path: Path) -> None:
    program = (
        "import sys; from node.cli import app\n"
        f"try: app(['predict', {str(tmp_path / 'nowhere')!r}])\n"
        "except SystemExit as left: assert left.code == 2, left.code\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
    assert done.stderr.count("\n") == 1
