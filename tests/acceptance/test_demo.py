"""The demo as a user starts it: a phantom, an embedded PACS, a table and a picture."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import dcmread
from support.orthanc import AE_TITLE, running_orthanc
from support.process import free_port
from support.require import REPOSITORY, require_data


def run_demo(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", "demo", "--out", str(out), *options]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False)


def test_the_demo_needs_no_data_and_ends_with_results_and_a_picture(tmp_path: Path) -> None:
    done = run_demo(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    delivered = (
        "segment_unet2d: delivered SEG, SR, MEASUREMENTS, KEY IMAGE",
        "classify_efficientnetb0: delivered SR, KEY IMAGE",
    )
    for words in ("waiting for quiet", *delivered):
        assert words in done.stdout
    kinds = sorted(str(dcmread(path).Modality) for path in (tmp_path / "pacs").iterdir())
    assert kinds == ["OT", "OT", "SEG", "SR", "SR", "SR"]
    picture = np.asarray(Image.open(tmp_path / "findings.png")).astype(int)
    assert (picture[..., 0] - picture[..., 2] > 60).sum() > 500, "no overlay in the picture"
    assert "Research use only" in done.stdout


def test_a_study_of_ones_own_goes_to_a_real_pacs(tmp_path: Path) -> None:
    study = require_data("dicom/enhanced")

    with running_orthanc(tmp_path, node_port=free_port()) as orthanc:
        address = f"127.0.0.1:{orthanc.dicom_port}:{AE_TITLE}"
        done = run_demo(tmp_path / "out", "--study", str(study), "--pacs", address)

        assert done.returncode == 0, done.stdout + done.stderr
        assert len(orthanc.instances(Modality="SEG")) == 1
        assert len(orthanc.instances(Modality="SR")) == 3
    assert "not analysed: the sequence is t2" in done.stdout
    assert f"results  {AE_TITLE}" in done.stdout


def test_a_folder_without_dicom_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    done = run_demo(tmp_path / "out", "--study", str(tmp_path / "empty"))

    assert done.returncode == 2
    assert "no DICOM files" in done.stderr
