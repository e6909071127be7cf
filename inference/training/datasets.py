"""The data sets that the recipes read, as their origin lays them out: folders in, arrays and groups out."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.models.classify_efficientnetb0 import LABELS
from inference.preprocess.intensity import foreground_statistics

# Channels of a slice in the files of "LGG MRI Segmentation", and the order in which the network wants them.
FILE_CHANNELS = ("t1", "flair", "t1c")
NETWORK_CHANNELS = tuple(FILE_CHANNELS.index(name) for name in ("flair", "t1", "t1c"))
FOLDERS = {"glioma": "glioma", "meningioma": "meningioma", "notumor": "no_tumour", "pituitary": "pituitary"}


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """One patient of "LGG MRI Segmentation" (Buda et al. 2019).

    Attributes
    ----------
    slices
        uint8 (slices, rows, columns, 3): FLAIR, T1, T1 post contrast.
    mask
        bool (slices, rows, columns): FLAIR abnormality.
    statistics
        Mean and standard deviation of the head, per channel.
    """

    name: str
    slices: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    statistics: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One picture of "Brain Tumor MRI Dataset" (Nickparvar): uint8 (rows, columns) and its class number.

    ``figshare_number`` places it in the data set of Cheng (2017), where slices of one patient are neighbours;
    None where the picture is from elsewhere or was not matched.
    """

    name: str
    pixels: NDArray[np.uint8]
    label: int
    figshare_number: int | None


def read_patients(folder: Path) -> list[Patient]:
    """Read "LGG MRI Segmentation" from its folder ``kaggle_3m`` (a folder per patient, a .tif per slice)."""
    patients = [_read_patient(path) for path in sorted(folder.glob("TCGA_*")) if path.is_dir()]
    if not patients:
        raise FileNotFoundError(f"no TCGA_* folders in {folder}")
    return patients


def _read_patient(folder: Path) -> Patient:
    def number(path: Path) -> int:
        return int(path.stem.rsplit("_", 1)[1])

    files = sorted((p for p in folder.glob("*.tif") if not p.stem.endswith("_mask")), key=number)
    slices = np.stack([np.asarray(Image.open(path)) for path in files])[..., NETWORK_CHANNELS]
    mask = np.stack([np.asarray(Image.open(path.with_name(f"{path.stem}_mask.tif"))) > 127 for path in files])
    statistics = tuple(foreground_statistics(slices[..., channel]) for channel in range(3))
    return Patient(folder.name, np.ascontiguousarray(slices), mask, statistics)


def read_images(folder: Path, split: str) -> list[LabelledImage]:
    """Read the "Training" or "Testing" half of "Brain Tumor MRI Dataset" as grey pictures."""
    numbers = _figshare_numbers(folder / "kaggle_to_figshare.csv")
    images = []
    for name, label in FOLDERS.items():
        for path in sorted((folder / split / name).glob("*.jpg")):
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("L"))
            number = numbers.get((split, path.name))
            images.append(LabelledImage(path.name, pixels, LABELS.index(label), number))
    if not images:
        raise FileNotFoundError(f"no pictures in {folder / split}")
    return images


def _figshare_numbers(table: Path) -> dict[tuple[str, str], int]:
    if not table.is_file():
        return {}
    with table.open(newline="") as file:
        return {(row["kaggle_split"], row["kaggle_file"]): int(row["figshare_number"]) for row in csv.DictReader(file)}


def site_of(patient: str) -> str:
    """Return the TCGA tissue source site of a patient's folder name ("TCGA_DU_8166_19970322" -> "DU")."""
    match = re.match(r"TCGA_([A-Z0-9]{2})_", patient)
    if match is None:
        raise ValueError(f"{patient!r} is not a TCGA folder name")
    return match.group(1)
