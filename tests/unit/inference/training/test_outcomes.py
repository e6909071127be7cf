from pathlib import Path

import pytest

from inference.training.outcomes import GRADES, SUBTYPES, read_cpm, read_lgg

TABLE = """Patient,histological_type,neoplasm_histologic_grade
TCGA_CS_0001,1,2
TCGA_CS_0002,3,1
TCGA_CS_0003,,
TCGA_CS_0009,2,2
"""


def lgg(folder: Path) -> Path:
    for number in (1, 2, 3, 4):
        (folder / f"TCGA_CS_{number:04d}_20000101").mkdir()
    (folder / "data.csv").write_text(TABLE)
    return folder


def test_outcomes_are_of_the_patients_that_are_there_and_known(tmp_path: Path) -> None:
    data = lgg(tmp_path)

    grades = read_lgg(data, "neoplasm_histologic_grade", GRADES)
    subtypes = read_lgg(data, "histological_type", SUBTYPES)

    assert grades == {"TCGA_CS_0001_20000101": 1, "TCGA_CS_0002_20000101": 0}
    assert subtypes == {"TCGA_CS_0001_20000101": 0, "TCGA_CS_0002_20000101": 2}


def test_a_folder_without_known_patients_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(TABLE)

    with pytest.raises(FileNotFoundError, match="known histological_type"):
        read_lgg(tmp_path, "histological_type", SUBTYPES)


def cpm(folder: Path, kind: str = "O", files: tuple[str, ...] = ("flair", "t1", "t1ce", "t2")) -> Path:
    (folder / "labels.csv").write_text(f"CPM_RadPath_2019_ID,class,age_in_days\nCPM19_A_1,{kind},20000\n")
    (folder / "CPM19_A_1").mkdir()
    for name in files:
        (folder / "CPM19_A_1" / f"CPM19_A_1_{name}.nii.gz").touch()
    return folder


def test_the_layout_of_cpm_radpath_is_read(tmp_path: Path) -> None:
    (patient,) = read_cpm(cpm(tmp_path))

    assert (patient.name, patient.label, patient.age_days) == ("CPM19_A_1", 1, 20000)
    assert {name: path.name for name, path in patient.files.items()} == {
        "flair": "CPM19_A_1_flair.nii.gz",
        "t1": "CPM19_A_1_t1.nii.gz",
        "t1c": "CPM19_A_1_t1ce.nii.gz",
        "t2": "CPM19_A_1_t2.nii.gz",
    }


def test_a_missing_contrast_is_left_out_and_a_missing_flair_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    (patient,) = read_cpm(cpm(tmp_path / "a", files=("flair", "t1")))

    assert set(patient.files) == {"flair", "t1"}
    with pytest.raises(ValueError, match="has no FLAIR"):
        read_cpm(cpm(tmp_path / "b", files=("t1",)))


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="class 'X', not one of A, O, G"):
        read_cpm(cpm(tmp_path, kind="X"))


def test_a_folder_without_its_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 CSV files"):
        read_cpm(tmp_path)
