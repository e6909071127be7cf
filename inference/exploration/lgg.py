"""What is in "LGG MRI Segmentation": patients, sites, lesions, empty masks, contrasts, grades and duplicates."""

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.evaluation.plots import histogram_picture, montage_picture
from inference.exploration.distribution import counts, spread
from inference.exploration.repeats import repeats_within
from inference.training.datasets import Patient, read_patients, site_of
from inference.training.duplicates import WITHIN, hash_pictures

TITLE = "LGG MRI Segmentation"
ORIGIN = (
    "Buda et al. 2019, of TCGA-LGG on The Cancer Imaging Archive, by way of Kaggle; here 94 of its 110 patients. "
    "CC BY-NC-SA 4.0: its pictures are not shown here, only figures and sums over patients."
)
CHANNELS = ("flair", "t1", "t1c")
STANDS_IN = 4.0
"""Mean difference in grey values up to which a contrast is FLAIR standing in; JPEG leaves such a difference."""
HEAD = 0.1
"""Share of a slice that must not be black for it to be compared with others'."""
BLACK = 16
CLINICAL = {
    "grade": ("neoplasm_histologic_grade", {"1": "II", "2": "III"}),
    "histological_type": (
        "histological_type",
        {"1": "astrocytoma", "2": "oligoastrocytoma", "3": "oligodendroglioma"},
    ),
}
"""Columns of ``data.csv`` and what their numbers mean."""

Patients = Sequence[Patient]


def explore(data: Path, folder: Path) -> Mapping[str, object]:
    """Return the data set's figures and draw its pictures into a folder.

    Parameters
    ----------
    data
        The folder ``kaggle_3m``.
    """
    patients = read_patients(data)
    _draw(patients, folder)
    lesion_areas = _areas(patients)
    by_site = {site: list(some) for site, some in groupby(sorted(patients, key=_site), key=_site)}
    return {
        "all": _balance(patients),
        "sites": {site: _balance(some) for site, some in by_site.items()},
        "per_patient": {
            "slices": spread([len(one.mask) for one in patients]),
            "slices_with_lesion": spread([int(one.mask.any(axis=(1, 2)).sum()) for one in patients]),
            "lesion_voxels": spread([int(one.mask.sum()) for one in patients]),
        },
        "lesion_area_of_a_slice_in_pixels": spread(lesion_areas),
        "sizes": counts("x".join(map(str, one.mask.shape[1:])) for one in patients),
        "contrasts": _contrasts(patients),
        "grey_values_of_the_head": {
            channel: {
                "mean_over_patients": float(np.mean([one.statistics[number][0] for one in patients])),
                "lowest_mean": min(one.statistics[number][0] for one in patients),
                "highest_mean": max(one.statistics[number][0] for one in patients),
                "deviation_over_patients": float(np.mean([one.statistics[number][1] for one in patients])),
            }
            for number, channel in enumerate(CHANNELS)
        },
        **_clinical(data / "data.csv", {one.name for one in patients}),
        "duplicates": _duplicates(patients),
    }


def _site(patient: Patient) -> str:
    return site_of(patient.name)


def _balance(patients: Patients) -> Mapping[str, float]:
    slices = sum(len(one.mask) for one in patients)
    lesion = sum(int(one.mask.any(axis=(1, 2)).sum()) for one in patients)
    return {
        "patients": len(patients),
        "slices": slices,
        "with_lesion": lesion,
        "empty_masks": slices - lesion,
        "share_of_empty_masks": (slices - lesion) / slices,
        "share_of_lesion_voxels": float(np.mean(np.concatenate([one.mask.mean(axis=(1, 2)) for one in patients]))),
    }


def _areas(patients: Patients) -> NDArray[np.int64]:
    areas = np.concatenate([one.mask.sum(axis=(1, 2)) for one in patients])
    return areas[areas > 0]


def _contrasts(patients: Patients) -> Mapping[str, int]:
    """Count the patients who have each contrast: where one is missing the files repeat FLAIR."""

    def has(one: Patient, channel: str) -> bool:
        other = one.slices[..., CHANNELS.index(channel)].astype(np.int16)
        return float(np.abs(other - one.slices[..., 0]).mean()) > STANDS_IN

    kinds = [" and ".join(["flair", *(name for name in CHANNELS[1:] if has(one, name))]) for one in patients]
    return counts(kinds)


def _clinical(table: Path, names: set[str]) -> Mapping[str, object]:
    """Count the patients of each grade and type; empty where the data set came without its table."""
    if not table.is_file():
        return {}
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if any(name.startswith(row["Patient"]) for name in names)]
    return {
        title: counts(meanings.get(row[column].split(".")[0], "not stated") for row in rows)
        for title, (column, meanings) in CLINICAL.items()
    }


def _duplicates(patients: Patients) -> Mapping[str, object]:
    """Count slices alike by their FLAIR: neighbours of one patient may be, those of two must not."""
    pairs = [(one.name, image) for one in patients for image in one.slices[..., 0] if (image > BLACK).mean() > HEAD]
    names = np.array([name for name, _ in pairs])
    return {
        "hash": f"perceptual, of FLAIR slices with a head, up to {WITHIN} of 255 bits apart; labels are patients",
        "slices": repeats_within(hash_pictures([image for _, image in pairs]), names),
    }


def _draw(patients: Patients, folder: Path) -> None:
    histogram_picture(
        {"slices with lesion": _areas(patients).astype(float).tolist()},
        "lesion area, pixels",
        folder / "areas.png",
        "Lesion area of the slices that have one; the empty ones are not drawn.",
    )
    histogram_picture(
        {"slices with lesion": [float(one.mask.any(axis=(1, 2)).mean()) for one in patients]},
        "share of a patient's slices",
        folder / "shares.png",
        "Share of each patient's slices that have a lesion.",
        bins=20,
    )
    where = np.mean([one.mask.any(axis=0) for one in patients], axis=0)
    montage_picture(
        [[(where, None, None, f"brightest: {where.max():.0%} of the patients")]],
        folder / "places.png",
        "Where lesions are: the share of patients with a lesion at a place of the picture, on whatever slice.",
    )
