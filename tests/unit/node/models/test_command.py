"""``glia models``: all cards, one in full, and no TensorFlow."""

import json
import subprocess
import sys
from dataclasses import replace
from io import StringIO

from rich.console import Console
from support.fakes import fake_card
from typer.testing import CliRunner

from inference.card import model_names
from node.cli import app
from node.models.command import DISCLAIMER, full, plain, table

CARD = replace(
    fake_card("grade_cnn3d"),
    task="grading",
    labels=("grade_2", "grade_3"),
    caution="It does not beat chance clearly.",
    provenance={
        "data": "LGG",
        "licence": "CC BY-NC-SA 4.0",
        "split": {"train": 60},
        "epochs": [{"loss": 1.0}, {"loss": 0.5}],
        "figures": {
            "in_short": {"accuracy, cross-validated": "0.610 (0.51 to 0.70)"},
            "cross_validation": {"accuracy": 0.61},
        },
    },
)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["models", *arguments])
    return done.exit_code, done.output


def printed(shown: object) -> str:
    console = Console(file=StringIO(), width=160)
    console.print(shown)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_every_card_is_listed_with_what_it_needs_and_that_it_is_research() -> None:
    status, text = run()

    assert status == 0
    assert "FLAIR" in text
    assert DISCLAIMER in text
    listed = json.loads(run("--json")[1])["models"]
    assert [one["name"] for one in listed] == list(model_names())
    assert all(one["key_figures"] for one in listed)


def test_a_row_has_figures_caution_and_licence() -> None:
    text = " ".join(printed(table([CARD])).split())

    for words in ("grade_cnn3d", "accuracy, cross-validated: 0.610 (0.51", "does not beat chance", "CC BY-NC-SA 4.0"):
        assert words in text


def test_one_card_is_shown_in_full() -> None:
    text = printed(full(CARD))

    for words in ("grade 2, grade 3", "16 x 16 x 1", "0" * 64, "train: 60", "cross validation: accuracy 0.61"):
        assert words in text
    assert "0.5" in text
    assert "loss" not in text


def test_a_program_gets_figures_and_in_full_the_provenance_too() -> None:
    short, whole = plain(CARD, full=False), plain(CARD, full=True)

    assert short["key_figures"] == {"accuracy, cross-validated": "0.610 (0.51 to 0.70)"}
    assert (short["caution"], short["licence"]) == ("It does not beat chance clearly.", "CC BY-NC-SA 4.0")
    assert "provenance" not in short
    assert whole["provenance"]["epochs"][1] == {"loss": 0.5}
    assert json.loads(json.dumps(whole))["disclaimer"] == DISCLAIMER


def test_a_name_that_no_model_has_is_refused_with_those_that_there_are() -> None:
    status, text = run("nobody")

    assert status == 2
    assert "no model is named 'nobody'; there are: " in text


def test_it_loads_no_tensorflow() -> None:
    program = (
        "import sys; from node.cli import app\n"
        "try: app(['models'])\n"
        "except SystemExit as left: assert not left.code, left.code\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
