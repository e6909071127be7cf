from pathlib import Path

import numpy as np
import pytest
from support.training_data import PATIENTS, write_brain_tumour_mri, write_lgg

from inference.training.datasets import read_images, read_patients, site_of


def test_patients_have_flair_first_and_slices_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    patients = read_patients(write_lgg(tmp_path, slices=12))

    assert [patient.name for patient in patients] == list(PATIENTS)
    first = patients[0]
    assert first.slices.shape == (12, 64, 64, 3)
    assert first.slices[1, 30, 30, 0] == 220
    assert first.slices[1, 30, 30, 1] < 100
    assert first.mask.any(axis=(1, 2)).tolist() == [False] + [True] * 11


def test_statistics_are_those_of_each_channel(tmp_path: Path) -> None:
    patient = read_patients(write_lgg(tmp_path))[0]

    flair, t1, _ = patient.statistics
    assert flair[0] > t1[0]


def test_pictures_come_with_class_and_number(tmp_path: Path) -> None:
    images = {image.name: image for image in read_images(write_brain_tumour_mri(tmp_path), "Testing")}

    assert len(images) == 24
    assert images["Te-notumor_0001.jpg"].label == 2
    assert images["Te-notumor_0001.jpg"].figshare_number == 210
    assert images["Te-notumor_0002.jpg"].figshare_number is None
    assert images["Te-notumor_0001.jpg"].pixels.dtype == np.uint8


@pytest.mark.parametrize("read", [read_patients, lambda folder: read_images(folder, "Training")])
def test_an_empty_folder_is_refused_by_name(tmp_path: Path, read) -> None:
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        read(tmp_path)


def test_the_site_is_the_second_part_of_the_name() -> None:
    assert site_of("TCGA_DU_8166_19970322") == "DU"
    with pytest.raises(ValueError, match="not a TCGA folder"):
        site_of("patient 1")
