"""Measures the models that we ship on data they were not trained on, through the code that serves them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.evaluation.metrics import class_figures, confusion_matrix, dice, intersection_over_union
from inference.models.classify_efficientnetb0 import LABELS, ClassifyEfficientNetB0, as_input
from inference.models.segment_unet2d import CHANNELS, SegmentUnet2d
from inference.training.datasets import LabelledImage, Patient, read_images, read_patients
from inference.training.splits import split_by_number

Figures = Mapping[str, object]
CONTRASTS = {"FLAIR alone": CHANNELS[:1], "FLAIR and T1": CHANNELS[:2], "all contrasts": CHANNELS}


def measure_segmentation(model: SegmentUnet2d, data: Path) -> Figures:
    """Return Dice and IoU per patient (whole volume), on the card's test patients, for each choice of contrasts.

    The card's inputs say which choice is served.
    """
    names = set(str(_split(model.card.provenance)["test"]).split())
    patients = [patient for patient in read_patients(data) if patient.name in names]
    empty = sum(int((~patient.mask.any(axis=(1, 2))).sum()) for patient in patients)
    found = {title: _segmentation_figures(model, patients, contrasts) for title, contrasts in CONTRASTS.items()}
    return {"test_patients": len(patients), "empty_slices": empty, **found}


def _segmentation_figures(
    model: SegmentUnet2d, patients: Sequence[Patient], contrasts: tuple[str, ...]
) -> Mapping[str, object]:
    found = [_segment(model, patient, contrasts) for patient in patients]
    pairs = [(patient.mask, mask) for patient, mask in zip(patients, found, strict=True)]
    dices = [dice(truth, mask) for truth, mask in pairs]
    ious = [intersection_over_union(truth, mask) for truth, mask in pairs]
    return {
        "volume_dice_mean": _round(np.mean(dices)),
        "volume_dice_median": _round(np.median(dices)),
        "volume_dice_lowest": _round(np.min(dices)),
        "volume_iou_mean": _round(np.mean(ious)),
        "empty_slices_with_false_positives": sum(
            int(mask[~truth.any(axis=(1, 2))].any(axis=(1, 2)).sum()) for truth, mask in pairs
        ),
    }


def _segment(model: SegmentUnet2d, patient: Patient, contrasts: tuple[str, ...]) -> NDArray[np.bool_]:
    findings = model.predict(_case(patient, contrasts))
    if findings.mask is None:
        raise TypeError("a segmentation model gave no mask")
    return findings.mask.array.astype(bool)


def _case(patient: Patient, contrasts: tuple[str, ...]) -> Case:
    """Return a patient as a case; the files have no spacing, so 1 mm x 1 mm x 5 mm is assumed."""
    geometry = Geometry((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 5.0))
    volumes: dict[str, Volume] = {}
    for sequence in contrasts:
        array = patient.slices[..., CHANNELS.index(sequence)].astype(np.float32)
        header = SeriesHeader("1", f"1.{len(volumes) + 1}", "", "MR", sequence, "1", sequence)
        sources = tuple(SourceFrame(Path(patient.name), frame, "") for frame in range(len(array)))
        volumes[sequence] = Volume(array, geometry, header, sources)
    return Case("1", volumes, {sequence: volumes[sequence].array for sequence in contrasts[1:]})


def measure_classification(model: ClassifyEfficientNetB0, data: Path) -> Figures:
    """Return accuracy and confusion on Testing, and on the pictures of Training that no patient links to it.

    Testing shares patients with Training by its publisher's doing; the second figure does not, but the training
    chose its best epoch by it.
    """
    seed = model.card.provenance["seed"]
    if not isinstance(seed, int):
        raise TypeError(f"the card's seed is {seed!r}, not a whole number")
    training = {image.name: image for image in read_images(data, "Training")}
    held_out, _ = split_by_number({name: image.figshare_number for name, image in training.items()}, seed)
    return {
        "testing": _classify(model, read_images(data, "Testing")),
        "validation_patients_apart": _classify(model, [training[name] for name in sorted(held_out)]),
    }


def _classify(model: ClassifyEfficientNetB0, images: Sequence[LabelledImage]) -> Figures:
    pictures = np.stack([as_input(image.pixels, model.card.input_shape[0]) for image in images])
    found = model.network.predict(pictures, batch_size=16, verbose=0).argmax(axis=1)
    truth = np.array([image.label for image in images])
    matrix = confusion_matrix(truth, found, len(LABELS))
    per_class = zip(LABELS, class_figures(matrix), strict=True)
    return {
        "pictures": len(images),
        "accuracy": _round(np.mean(truth == found)),
        "recall": {label: _round(row.recall) for label, row in per_class if row.members},
        "confusion_rows_are_truth": matrix.tolist(),
    }


def _split(provenance: Mapping[str, object]) -> Mapping[str, object]:
    split = provenance["split"]
    if not isinstance(split, Mapping):
        raise TypeError("the card has no split")
    return split


def _round(value: float | np.floating) -> float:
    return round(float(value), 4)


MEASURES: Mapping[str, Callable[..., Figures]] = {
    "segment_unet2d": measure_segmentation,
    "classify_efficientnetb0": measure_classification,
}
