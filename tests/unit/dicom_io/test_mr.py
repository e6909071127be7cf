from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from support.builders import make_voxels, write_multiframe
from support.dcmtk import validate

from dicom_io.mr import write_phantom_study
from dicom_io.phantom import Phantom, brain_phantom
from dicom_io.read import CaseInput, read_case
from dicom_io.survey import survey

ACQUIRED = datetime(2026, 3, 4, 5, 6, 7)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return brain_phantom((4, 48, 48), (20.0, 4.8, 4.8), seed=1)


@pytest.fixture(scope="module")
def study(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return write_phantom_study(tmp_path_factory.mktemp("study"), phantom, acquired=ACQUIRED, seed=1)


def test_the_phantom_study_reads_back_as_the_case_it_is(phantom: Phantom, study: dict[str, list[Path]]) -> None:
    first = pydicom.dcmread(study["flair"][0])
    inputs = [CaseInput(sequence, tuple(paths)) for sequence, paths in study.items()]

    case = read_case(first.StudyInstanceUID, inputs, other_frame="refuse")

    for sequence, volume in case.volumes.items():
        assert survey(study[sequence]).candidates[0].sequence == sequence
        np.testing.assert_allclose(volume.array, phantom.contrasts[sequence], atol=0.5)
        np.testing.assert_allclose(volume.geometry.affine, phantom.geometry.affine, atol=1e-6)
    assert len({volume.geometry.frame_of_reference_uid for volume in case.volumes.values()}) == 1


def test_the_phantom_study_says_who_and_when_it_is(study: dict[str, list[Path]]) -> None:
    dataset = pydicom.dcmread(study["t1c"][0])

    assert dataset.PatientName == "PHANTOM^GLIA"
    assert (dataset.StudyDate, dataset.StudyTime) == ("20260304", "050607")
    assert (dataset.SeriesDescription, dataset.ContrastBolusAgent) == ("T1 AX POST GD", "Gadobutrol")
    assert "ContrastBolusAgent" not in pydicom.dcmread(study["t1"][0])


def test_the_same_seed_names_the_same_study_and_another_seed_another(phantom: Phantom, tmp_path: Path) -> None:
    first, again, other = (
        pydicom.dcmread(write_phantom_study(tmp_path / name, phantom, acquired=ACQUIRED, seed=seed)["t2"][0])
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )

    assert first == again
    assert first.StudyInstanceUID != other.StudyInstanceUID
    assert first.SOPInstanceUID != other.SOPInstanceUID


def test_every_instance_has_a_uid_of_its_own(study: dict[str, list[Path]]) -> None:
    uids = [pydicom.dcmread(path).SOPInstanceUID for paths in study.values() for path in paths]

    assert len(set(uids)) == len(uids) == 16


@pytest.mark.parametrize("sequence", ["flair", "t1", "t1c", "t2"])
def test_dciodvfy_finds_no_error_in_classic_mr(study: dict[str, list[Path]], sequence: str) -> None:
    for path in study[sequence]:
        assert validate(path).errors == ()


@pytest.mark.parametrize("sequence", ["flair", "t1"])
def test_dciodvfy_finds_no_error_in_enhanced_mr(tmp_path: Path, sequence: str) -> None:
    assert validate(write_multiframe(tmp_path / "image.dcm", sequence=sequence)).errors == ()


def test_frames_are_stored_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    voxels = make_voxels(shape=(4, 6, 5))

    dataset = pydicom.dcmread(write_multiframe(tmp_path / "image.dcm", voxels=voxels, frame_order=[3, 1, 0, 2]))

    np.testing.assert_array_equal(dataset.pixel_array, voxels[[3, 1, 0, 2]])
