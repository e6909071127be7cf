"""What became known of patients with glioma: grade and subtype, as the origins of the data sets lay them out."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

GRADES = {"1": 0, "2": 1}
"""``neoplasm_histologic_grade`` of "LGG MRI Segmentation" -> class: grade II, grade III."""
SUBTYPES = {"1": 0, "2": 1, "3": 2}
"""``histological_type`` -> class: astrocytoma, oligoastrocytoma, oligodendroglioma."""
CPM_LABELS = ("astrocytoma", "oligodendroglioma", "glioblastoma")
CPM_CLASSES = {"A": 0, "O": 1, "G": 2}
CPM_FILES = {"flair": "flair", "t1": "t1", "t1c": "t1ce", "t2": "t2"}
CODE_LENGTH = len("TCGA_CS_4941")


@dataclass(frozen=True, slots=True)
class CpmPatient:
    """One patient of the CPM-RadPath challenge: class number, age in days and the file of each contrast there is."""

    name: str
    label: int
    age_days: int
    files: Mapping[str, Path]


def read_lgg(folder: Path, column: str, classes: Mapping[str, int]) -> dict[str, int]:
    """Return the class of each patient's folder of "LGG MRI Segmentation" whose outcome ``data.csv`` knows.

    Parameters
    ----------
    folder
        ``kaggle_3m``: ``data.csv`` and a folder per patient, named by the patient's code and the day.
    column
        ``neoplasm_histologic_grade`` or ``histological_type``.
    classes
        What is written there -> class number; other values are unknown outcomes.
    """
    with (folder / "data.csv").open(newline="") as file:
        written = {row["Patient"]: row[column] for row in csv.DictReader(file)}
    names = sorted(path.name for path in folder.glob("TCGA_*") if path.is_dir())
    found = {name: written.get(name[:CODE_LENGTH], "") for name in names}
    known = {name: classes[value] for name, value in found.items() if value in classes}
    if not known:
        raise FileNotFoundError(f"no patient folder in {folder} has a known {column} in data.csv")
    return known


def read_cpm(folder: Path) -> list[CpmPatient]:
    """Read the layout of CPM-RadPath: one CSV (id, class, age in days) and a folder of NIfTI files per patient.

    The files end in ``flair``, ``t1``, ``t1ce`` and ``t2`` before ``.nii`` or ``.nii.gz``; FLAIR is needed.

    Raises
    ------
    ValueError
        When there is not one CSV, a class is none of A, O and G, or a patient has no FLAIR.
    """
    tables = sorted(folder.glob("*.csv"))
    if len(tables) != 1:
        raise ValueError(f"{folder} has {len(tables)} CSV files, not one")
    with tables[0].open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [_cpm_patient(folder / name.strip(), kind.strip(), age) for name, kind, age, *_ in rows]


def _cpm_patient(folder: Path, kind: str, age: str) -> CpmPatient:
    if kind not in CPM_CLASSES:
        raise ValueError(f"{folder.name} is of class {kind!r}, not one of {', '.join(CPM_CLASSES)}")
    by_ending = {_ending(path): path for path in sorted(folder.glob("*.nii*"))}
    files = {name: by_ending[ending] for name, ending in CPM_FILES.items() if ending in by_ending}
    if "flair" not in files:
        raise ValueError(f"{folder} has no FLAIR")
    return CpmPatient(folder.name, CPM_CLASSES[kind], int(float(age)), files)


def _ending(path: Path) -> str:
    stem = path.name.lower().removesuffix(".gz").removesuffix(".nii")
    return stem.replace("-", "_").rsplit("_", 1)[-1]
