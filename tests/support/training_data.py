"""Tiny data sets in the layout of their origins, for tests of training and evaluation."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

PATIENTS = ("TCGA_CS_0001_20000101", "TCGA_CS_0002_20000101", "TCGA_DU_0003_20000101", "TCGA_DU_0004_20000101")


def write_lgg(folder: Path, patients: tuple[str, ...] = PATIENTS, slices: int = 4, side: int = 64) -> Path:
    """Write patients with a bright square on every slice but the first; the mask is the square."""
    rng = np.random.default_rng(0)
    for patient in patients:
        (folder / patient).mkdir(parents=True)
        for number in range(1, slices + 1):
            picture = rng.integers(60, 90, (side, side, 3), dtype=np.uint8)
            mask = np.zeros((side, side), dtype=np.uint8)
            if number > 1:
                picture[20:40, 24:44, 1] = 220
                mask[20:40, 24:44] = 255
            Image.fromarray(picture).save(folder / patient / f"{patient}_{number}.tif")
            Image.fromarray(mask).save(folder / patient / f"{patient}_{number}_mask.tif")
    return folder


def write_brain_tumour_mri(folder: Path, pictures: int = 6, side: int = 48) -> Path:
    """Write a Training and a Testing half whose classes differ in where they are bright; half have a number."""
    rng = np.random.default_rng(0)
    rows = []
    for split in ("Training", "Testing"):
        for position, name in enumerate(("glioma", "meningioma", "notumor", "pituitary")):
            (folder / split / name).mkdir(parents=True)
            for number in range(pictures):
                picture = rng.integers(20, 60, (side, side), dtype=np.uint8)
                picture[12 * position : 12 * position + 12] += 150
                file = f"{split[:2]}-{name}_{number:04d}.jpg"
                Image.fromarray(picture).save(folder / split / name / file)
                if number % 2:
                    rows.append((split, file, 100 * position + 10 * number))
    with (folder / "kaggle_to_figshare.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(("kaggle_split", "kaggle_file", "figshare_number"))
        writer.writerows(rows)
    return folder
