"""The images of test objects are of nobody, and are volumes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread
from support.builders import new_series
from support.scu import write_series

from dicom_io.profile import Profile
from node.demo.errors import DemoError
from node.demo.images import PATIENT_ID, STUDY_DESCRIPTION, TestSet, borrow_images, scan_phantom

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_set(folder: Path, name: str = "one") -> TestSet:
    return TestSet(folder, name, Profile(), NOW, "1.0")


def test_a_phantom_is_labelled_and_its_tumour_is_known(tmp_path: Path) -> None:
    volume, found = scan_phantom(a_set(tmp_path))

    image = dcmread(volume.sources[0].path)
    assert (image.PatientID, image.StudyDescription) == (PATIENT_ID, STUDY_DESCRIPTION)
    assert image.StudyInstanceUID == a_set(tmp_path).study_instance_uid != a_set(tmp_path, "two").study_instance_uid
    assert volume.header.sequence == "flair"
    assert found.shape == volume.array.shape
    assert volume.array[found].mean() > 2 * volume.array.mean()


def test_borrowed_images_keep_their_voxels_and_lose_their_patient(tmp_path: Path) -> None:
    slices = new_series(AccessionNumber="SECRET-2", OperatorsName="Secret^Operator", OtherPatientIDs="SECRET-3")
    for image in slices:
        image.private_block(0x0011, "SECRET", create=True).add_new(1, "LO", "SECRET-4")
    write_series(tmp_path / "study", slices)
    (tmp_path / "set").mkdir()

    volume, found = borrow_images(a_set(tmp_path / "set"), tmp_path / "study")

    images = [dcmread(source.path) for source in volume.sources]
    assert [image.PixelData for image in images] == [image.PixelData for image in slices]
    assert [image.ImagePositionPatient for image in images] == [image.ImagePositionPatient for image in slices]
    assert found.any()
    for image in images:
        assert "secret" not in str(image).lower()
        assert image.PatientID == PATIENT_ID
        assert image.file_meta.MediaStorageSOPInstanceUID == image.SOPInstanceUID
    was = {str(getattr(image, f"{level}InstanceUID")) for image in slices for level in ("Study", "Series", "SOP")}
    assert not was & {str(getattr(i, f"{level}InstanceUID")) for i in images for level in ("Study", "Series", "SOP")}


def test_a_folder_without_a_volume_says_why(tmp_path: Path) -> None:
    write_series(tmp_path / "study", new_series(slices=2))

    with pytest.raises(DemoError, match="no series of it is a volume: FLAIR AX: a volume needs at least 3 slices"):
        borrow_images(a_set(tmp_path), tmp_path / "study")
    with pytest.raises(DemoError, match="there are no DICOM files in it"):
        borrow_images(a_set(tmp_path), tmp_path / "nothing")
