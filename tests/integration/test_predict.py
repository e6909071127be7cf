"""``glia predict`` as a user runs it: real models, real and drawn input, a clean screen."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image
from pydicom import dcmread
from support.require import REPOSITORY, require_data

from dicom_io.phantom import brain_phantom
from dicom_io.read import read_volume
from dicom_io.verify_seg import decode_seg
from dicom_io.volume import Volume
from inference.preprocess.nifti import write_nifti

SEGMENT, CLASSIFY = "segment_unet2d", "classify_efficientnetb0"


def predict(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", "predict", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)


def told(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def drawn_by_hand(folder: Path, volume: Volume) -> np.ndarray:
    """Return a mask that lies in a folder of images, on the grid of the volume it was drawn on."""
    mask = np.zeros(volume.array.shape, bool)
    positions = np.array([volume.geometry.position((k, 0, 0)) for k in range(len(mask))])
    for image in map(dcmread, sorted(folder.iterdir())):
        away = np.linalg.norm(positions - np.array(image.ImagePositionPatient, float), axis=1)
        mask[int(away.argmin())] = image.pixel_array > 0
    return mask


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_a_dicom_folder_gives_findings_objects_and_pictures_and_the_screen_is_clean(tmp_path: Path) -> None:
    study = require_data("dicom/brainix")

    done = predict(study, "--model", SEGMENT, "--out", tmp_path, "--json")

    (analysis,) = told(done)["analyses"]
    flair = read_volume(sorted((study / "FLAIR").iterdir()))
    found = decode_seg(dcmread(tmp_path / f"{SEGMENT}.seg.dcm"), flair)
    assert done.stderr == ""
    assert analysis["present"]
    assert analysis["segments"][0]["slices"] == int(found.any(axis=(1, 2)).sum())
    assert dice(found > 0, drawn_by_hand(study / "ROI", flair)) > 0.5
    with Image.open(tmp_path / f"{SEGMENT}.png") as picture:
        assert np.array_equal(np.asarray(picture), dcmread(tmp_path / f"{SEGMENT}.key_image.dcm").pixel_array)


def test_enhanced_dicom_in_one_file_is_analysed(tmp_path: Path) -> None:
    done = predict(require_data("dicom/enhanced") / "BRTUM003.dcm", "--model", SEGMENT, "--out", tmp_path, "--json")

    assert told(done)["analyses"][0]["present"]


def test_two_runs_on_nifti_leave_the_same_bytes_and_a_mask_on_the_input_grid(tmp_path: Path) -> None:
    phantom = brain_phantom((16, 160, 160), (7.5, 1.45, 1.45), seed=2)
    (tmp_path / "in").mkdir()
    write_nifti(phantom.contrasts["flair"], phantom.geometry, tmp_path / "in" / "p_flair.nii.gz")
    write_nifti(phantom.contrasts["t1c"], phantom.geometry, tmp_path / "in" / "p_t1ce.nii.gz")

    for out in ("a", "b"):
        done = predict(tmp_path / "in", "--model", SEGMENT, "--out", tmp_path / out)
        assert done.returncode == 0, done.stdout + done.stderr

    source = nibabel.load(tmp_path / "in" / "p_flair.nii.gz")
    mask = nibabel.load(tmp_path / "a" / f"{SEGMENT}.nii.gz")
    assert mask.shape == source.shape
    assert np.array_equal(mask.affine, source.affine)
    assert dice(np.asarray(mask.dataobj).T > 0, phantom.tumour) > 0.6
    assert {f.name: f.read_bytes() for f in (tmp_path / "a").iterdir()} == {
        f.name: f.read_bytes() for f in (tmp_path / "b").iterdir()
    }


def test_a_picture_goes_to_a_model_of_pictures_alone(tmp_path: Path) -> None:
    picture = sorted((require_data("brain_tumor_mri/Testing") / "pituitary").iterdir())[0]

    done = predict(picture, "--sequence", "t1c", "--model", CLASSIFY, "--out", tmp_path, "--json")

    (analysis,) = told(done)["analyses"]
    assert max(analysis["scores"], key=analysis["scores"].get) == "pituitary"
    assert any("needs the whole series" in note for note in analysis["notes"])
    assert analysis["files"] == [f"{CLASSIFY}.png"]


def test_what_no_model_may_see_is_refused_in_one_sentence(tmp_path: Path) -> None:
    done = predict(require_data("dicom/quirks/failing"), "--out", tmp_path / "out")

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "not an MR image" in done.stderr
    assert not (tmp_path / "out").exists()
