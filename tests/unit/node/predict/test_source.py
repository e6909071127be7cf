"""What a path holds is found out by looking, and what is no use is refused in one sentence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.builders import write_series

from dicom_io.survey import survey
from dicom_io.volume import Geometry
from inference.card import Input
from inference.preprocess.nifti import write_nifti
from node.decision import Need
from node.predict.dicom import DicomReader
from node.predict.errors import InputRefused
from node.predict.material import Kind, Material
from node.predict.source import material_of

GRID = Geometry((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 5.0))
NEEDS = (Need("segment", (Input(("flair",)),)), Need("detect_cnn2d", (Input(("flair",)),)))
PIXELS = np.random.default_rng(0).integers(0, 255, (80, 80), dtype=np.uint8)


def material(path: Path, *sequences: str) -> Material:
    return material_of(path, sequences, NEEDS, DicomReader(survey, "register"))


def refusal(path: Path, *sequences: str) -> str:
    with pytest.raises(InputRefused) as refused:
        material(path, *sequences)
    return str(refused.value)


def write_volume(path: Path) -> Path:
    write_nifti(np.random.default_rng(0).random((4, 40, 40), dtype=np.float32), GRID, path)
    return path


def test_dicom_nifti_and_pictures_are_told_apart(tmp_path: Path) -> None:
    write_series(tmp_path / "dicom")
    (tmp_path / "nifti").mkdir()
    volume = write_volume(tmp_path / "nifti" / "flair.nii.gz")
    Image.fromarray(PIXELS).save(tmp_path / "flair.png")

    assert material(tmp_path / "dicom").kind is Kind.DICOM
    assert material(tmp_path / "nifti").kind is material(volume).kind is Kind.NIFTI
    assert material(tmp_path / "flair.png").kind is Kind.PICTURE


def test_a_picture_is_known_by_its_bytes(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "flair", "JPEG")

    assert material(tmp_path / "flair").kind is Kind.PICTURE


def test_what_holds_nothing_is_said_to(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("hello")

    assert refusal(tmp_path / "nowhere") == "there is no such file or folder"
    assert refusal(tmp_path / "empty") == "there are no files in it"
    assert refusal(tmp_path / "text") == "there are neither DICOM nor NIfTI files in it"
    assert "neither DICOM nor NIfTI" in refusal(tmp_path / "text" / "a.txt")


def test_a_folder_of_two_kinds_or_of_pictures_is_refused_with_what_to_do(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "flair.png")
    assert "name one of them" in refusal(tmp_path)

    write_series(tmp_path)
    write_volume(tmp_path / "flair.nii")
    assert refusal(tmp_path) == "holds DICOM and NIfTI files, give the folder of one of them"


def test_dicom_that_belongs_to_no_series_is_refused_with_the_reason(tmp_path: Path) -> None:
    for path in write_series(tmp_path / "whole"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[:200])
        path.unlink()

    assert "no file in it can be used: " in refusal(tmp_path)


def test_dicom_needs_no_word_of_its_sequences(tmp_path: Path) -> None:
    write_series(tmp_path)

    assert "leave --sequence out" in refusal(tmp_path, "flair")
