"""The evaluation and exploration commands, on small data in the layout of its origin and on a real study."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.require import require_data
from support.training_data import PATIENTS, write_brain_tumour_mri, write_lgg

from inference.card import WEIGHTS_FOLDER, read_card
from inference.checkpoint import write_weights
from inference.evaluation.__main__ import main as evaluate
from inference.evaluation.measures.segment_unet2d import measure_dicom
from inference.exploration.__main__ import main as explore
from inference.models import segment_unet2d
from inference.registry import load

SEGMENTATION = "segment_unet2d"
CLASSIFICATION = "classify_efficientnetb0"


def call(main: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    """Run a command and return the JSON that it prints."""
    monkeypatch.setattr(sys, "argv", ["command", *map(str, words)])
    main()
    return json.loads(capsys.readouterr().out)


def test_the_shipped_segmentation_is_measured_on_the_card_s_test_patients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    split = read_card(SEGMENTATION).provenance["split"]
    assert isinstance(split, dict)
    tested = str(split["test"]).split()[0]
    data = write_lgg(tmp_path / "data", (tested, *PATIENTS))
    pictures = tmp_path / "pictures"

    figures = call(evaluate, monkeypatch, capsys, SEGMENTATION, "--data", data, "--pictures", pictures)

    assert list(figures["per_patient"]) == [tested]
    assert figures["bfloat16_beside_float32"]["dice_with_one_another_lowest"] >= 0.99
    assert figures["command"] == f"python -m inference.evaluation {SEGMENTATION} --data DIR --write"
    assert {path.name for path in pictures.iterdir()} >= {"cases.png", "dice.png", "volumes.png"}


def test_the_shipped_classifier_is_measured_on_testing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_brain_tumour_mri(tmp_path, pictures=2)
    pages, kept = tmp_path / "pages", tmp_path / "kept"
    monkeypatch.setattr("inference.evaluation.__main__.REPORTS_FOLDER", pages)
    monkeypatch.setattr("inference.evaluation.__main__.record", lambda *_: None)

    figures = call(evaluate, monkeypatch, capsys, CLASSIFICATION, "--data", data, "--write", "--pictures", kept)

    assert {path.name for path in kept.iterdir()} - {path.name for path in (pages / CLASSIFICATION).iterdir()} == {
        "examples.png"  # what others own is not put into the pages
    }
    assert figures["testing"]["pictures"] == 8
    assert sum(map(sum, figures["confusion_rows_are_truth"])) == 8
    assert 0 <= figures["calibration"]["after"]["expected_calibration_error"] <= 1


def test_weights_of_another_protocol_are_measured_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = {"filters": 2, "depth": 1}
    card = json.loads((WEIGHTS_FOLDER / f"{SEGMENTATION}.json").read_text()) | {"network": network}
    (tmp_path / f"{SEGMENTATION}.json").write_text(json.dumps(card))
    weights = tmp_path / f"{SEGMENTATION}.npz"
    sha256 = write_weights(segment_unet2d.build((None, None, 3), **network), weights)
    data = write_lgg(tmp_path / "data", side=256)

    figures = call(
        evaluate, monkeypatch, capsys, SEGMENTATION, "--data", data, "--weights", weights, "--protocol", "slices"
    )

    assert figures["weights_sha256"] == sha256
    assert figures["slices"] == 2
    assert set(figures["batch_means"]) == {"batches of 8", "batches of 16", "batches of 32"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--protocol", "nothing"), "there are: slices"),
        (("--weights", "w.npz", "--write"), "needs --protocol"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_read(
    options: tuple[str, ...], reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["command", SEGMENTATION, "--data", "nowhere", *options])

    with pytest.raises(SystemExit) as stopped:
        evaluate()

    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err


def test_a_real_study_is_measured_against_its_mask() -> None:
    figures: Any = measure_dicom(load(SEGMENTATION), require_data("dicom/brainix"))

    assert set(figures) == {"flair_alone", "flair_and_t1"}
    assert figures["flair_alone"]["true_cm3"] == pytest.approx(40.1, abs=0.1)
    assert all(row["dice"] > 0.7 for row in figures.values())


@pytest.mark.parametrize(("name", "write"), [("lgg", write_lgg), ("brain_tumor_mri", write_brain_tumour_mri)])
def test_a_data_set_is_explored(
    name: str, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = call(explore, monkeypatch, capsys, name, "--data", write(tmp_path))

    assert "duplicates" in figures
