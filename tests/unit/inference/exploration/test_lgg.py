from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.training_data import PATIENTS, write_lgg

from inference.evaluation.metrics import rounded
from inference.exploration.lgg import explore

TABLE = """Patient,histological_type,neoplasm_histologic_grade
TCGA_CS_0001,1,2
TCGA_CS_0002,3,1
TCGA_DU_0003,1,
TCGA_HT_9999,2,2
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    data = write_lgg(tmp_path_factory.mktemp("lgg"))
    (data / "data.csv").write_text(TABLE)
    pictures = tmp_path_factory.mktemp("pictures")
    return rounded(explore(data, pictures)), pictures


def test_patients_slices_and_empty_masks_are_counted_by_site(found: tuple[Any, Path]) -> None:
    figures, _ = found

    assert figures["all"]["patients"] == len(PATIENTS)
    assert (figures["all"]["slices"], figures["all"]["empty_masks"]) == (16, 4)
    assert figures["all"]["share_of_empty_masks"] == 0.25
    assert figures["all"]["share_of_lesion_voxels"] == round(0.75 * 400 / 64**2, 4)
    assert {site: row["patients"] for site, row in figures["sites"].items()} == {"CS": 2, "DU": 2}
    assert figures["lesion_area_of_a_slice_in_pixels"]["median"] == 400
    assert figures["sizes"] == {"64x64": 4}
    assert figures["contrasts"] == {"flair and t1 and t1c": 4}


def test_grades_and_types_are_those_of_the_patients_that_are_there(found: tuple[Any, Path]) -> None:
    figures, _ = found

    assert figures["grade"] == {"II": 1, "III": 1, "not stated": 1}
    assert figures["histological_type"] == {"astrocytoma": 2, "oligodendroglioma": 1}


def test_no_picture_of_a_patient_is_drawn(found: tuple[Any, Path]) -> None:
    _, pictures = found

    assert sorted(path.name for path in pictures.iterdir()) == ["areas.png", "places.png", "shares.png"]


def test_a_contrast_for_which_flair_stands_in_is_seen(tmp_path: Path) -> None:
    data = write_lgg(tmp_path / "lgg", PATIENTS[:2])
    for path in (data / PATIENTS[0]).glob("*[0-9].tif"):
        picture = np.asarray(Image.open(path)).copy()
        picture[..., 2] = picture[..., 1]
        Image.fromarray(picture).save(path)

    figures: Any = explore(data, tmp_path / "pictures")

    assert figures["contrasts"] == {"flair and t1": 1, "flair and t1 and t1c": 1}
    assert "grade" not in figures
