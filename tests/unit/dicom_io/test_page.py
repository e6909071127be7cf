import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from support.require import require_tool
from support.source_series import Edit, case_of, class_findings, classic_volume, lopsided, mask_findings

from dicom_io.context import Context
from dicom_io.equipment import Equipment
from dicom_io.findings import Attention, Findings
from dicom_io.lettering import UNWRITTEN
from dicom_io.page import draw_page
from dicom_io.sources import read_sources
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)


def _context(findings: Findings, volume: Volume) -> Context:
    sources = {volume.header.series_instance_uid: read_sources(volume)}
    return Context(case_of(volume), findings, Equipment(site="north", serial="0001"), AT, sources)


def _text(page: bytes, folder: Path) -> str:
    path = folder / "page.pdf"
    path.write_bytes(page)
    done = subprocess.run([require_tool("pdftotext"), "-layout", str(path), "-"], capture_output=True, check=True)
    return done.stdout.decode()


def _patient(name: str, character_set: str) -> Edit:
    def _name(header: Dataset) -> None:
        header.SpecificCharacterSet = character_set
        header.PatientName = name
        header.PatientID = "ID-42"

    return _name


def test_the_page_says_whose_it_is_what_was_found_and_who_says_it(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path / "source", edit=_patient("Müller^Jörg", "ISO_IR 100"))
    context = _context(mask_findings(volume, lopsided()), volume)

    text = _text(draw_page(context), tmp_path)

    algorithm = context.findings.algorithm
    for words in (
        "RESEARCH USE ONLY - NOT A MEDICAL DEVICE",
        "Müller, Jörg",
        "ID-42",
        "2026-01-10",
        "FLAIR abnormality on 2 slices.",
        f"{lopsided().sum() * 0.5 * 0.75 * 5 / 1000:.2f} cm³",
        "93.4%",
        algorithm.full_version,
        algorithm.weights_sha256,
        context.equipment.device_uid(algorithm),
        "2026-01-02 03:04:05",
    ):
        assert words in text


def test_the_page_lists_all_scores(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path / "source")

    text = _text(draw_page(_context(class_findings(volume), volume)), tmp_path)

    for words in ("Intracranial meningioma", "68.6%", "No tumour", "2.0%"):
        assert words in text
    assert "Volume" not in text


def test_the_page_says_what_its_colours_mean_and_what_the_model_says_of_itself(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path / "source")
    array = np.zeros(volume.array.shape, np.float32)
    array[2, 3:6, 4:9] = 1.0
    attention = Attention(array, "meningioma", "occlusion", volume.header.series_instance_uid)
    findings = replace(class_findings(volume), attention=attention, notes=("Scores are calibrated",))

    text = _text(draw_page(_context(findings, volume)), tmp_path)

    for words in (
        "low",
        "high evidence for Intracranial meningioma (occlusion)",
        "Scores are calibrated.",
        "An explanation of the score, not a segmentation.",
    ):
        assert words in " ".join(text.split())
    assert text.count("\f") == 1


@pytest.mark.parametrize(
    ("name", "character_set", "written"),
    [
        ("Иванов^Иван", "ISO_IR 192", UNWRITTEN),
        ("Yamada^Tarou=山田^太郎", "ISO_IR 192", "Yamada, Tarou"),
        ("Wiśniewski^Paweł^Jan", "ISO_IR 101", "Wisniewski, Paweł Jan"),
        ("", "ISO_IR 100", "Patient "),
    ],
)
def test_a_name_of_any_character_set_is_written_or_said_not_to_be(
    tmp_path: Path, name: str, character_set: str, written: str
) -> None:
    volume = classic_volume(tmp_path / "source", edit=_patient(name, character_set))

    text = _text(draw_page(_context(class_findings(volume), volume)), tmp_path)

    assert written in text
    assert "ID-42" in text


def test_markup_in_a_header_is_words(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path / "source", edit=_patient("<b>A & B</i>^x", "ISO_IR 100"))

    assert "<b>A & B</i>, x" in _text(draw_page(_context(class_findings(volume), volume)), tmp_path)


def test_a_very_long_text_stays_on_one_page_whole(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path / "source")
    findings = replace(class_findings(volume), summary="many words and more " * 150 + "last")

    page = draw_page(_context(findings, volume))

    text = _text(page, tmp_path)
    assert text.count("\f") == 1
    assert "last." in text
    assert "Study Instance UID" in text


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    volume = classic_volume(tmp_path)
    context = _context(mask_findings(volume, lopsided()), volume)

    assert draw_page(context) == draw_page(context)
