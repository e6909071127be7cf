"""How well segment_unet2d does: on unseen patients, and on the source's random slices."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.card import IN_SHORT
from inference.evaluation.lesions import SMALLEST_MM3
from inference.evaluation.metrics import dice, intersection_over_union, rounded
from inference.evaluation.outcome import Outcome, summarise
from inference.evaluation.plots import Outline, agreement_picture, curve_picture, members_picture, outline_picture
from inference.evaluation.short import in_words
from inference.evaluation.study import read_study, sequences_of
from inference.forward import Forward
from inference.model import Model
from inference.models.segment_unet2d import CHANNELS, SegmentUnet2d
from inference.training.datasets import Patient, read_patients
from inference.training.recipes.segment_unet2d import held_out_slices

Figures = Mapping[str, object]
Array = NDArray[np.bool_]
CONTRASTS = {"flair_alone": CHANNELS[:1], "flair_and_t1": CHANNELS[:2], "all_contrasts": CHANNELS}
SPACING = (5.0, 1.0, 1.0)
"""mm along (slices, rows, columns), assumed: the data set's files have none."""
BATCHES = (8, 16, 32)
"""The source does not say how many slices its batch means are of."""
SHOWN = (0.2, 0.4, 0.6, 0.8)
"""Which slices are shown, as places along those with a true or a found lesion."""
MARGIN = 8
"""Pixels around what is shown."""


def measure(model: Model, data: Path, folder: Path) -> Figures:
    """Measure on the card's test patients, for each choice of contrasts, and draw the choice that is served.

    Parameters
    ----------
    data
        The data set's folder ``kaggle_3m``.
    """
    names = set(str(_mapping(model.card.provenance["split"])["test"]).split())
    patients = [patient for patient in read_patients(data) if patient.name in names]
    outcomes = {
        title: [Outcome.of(one.name, one.mask, _mask(model, _case(one, contrasts)), SPACING) for one in patients]
        for title, contrasts in CONTRASTS.items()
    }
    served = _served(model)
    _draw(outcomes, served, folder)
    epochs = model.card.provenance.get("epochs")
    if isinstance(epochs, list) and epochs:
        curve_picture(epochs, folder / "curves.png")
    summaries = {choice: summarise(found) for choice, found in outcomes.items()}
    figures = {
        IN_SHORT: _in_short(summaries, served, len(patients)),
        "test_patients": len(patients),
        "slices": sum(len(patient.mask) for patient in patients),
        "spacing_mm": "1 x 1 x 5, assumed: the files have none",
        "smallest_lesion_mm3": SMALLEST_MM3,
        "served": served,
    }
    for title in next(iter(summaries.values())):
        figures[title] = {choice: summary[title] for choice, summary in summaries.items()}
    if isinstance(model, SegmentUnet2d):
        figures["bfloat16_beside_float32"] = _likeness(model, patients, CONTRASTS[served])
    figures["per_patient"] = {one.name: one.row() for one in outcomes[served]}
    return _mapping(rounded(figures))


def measure_slices(model: SegmentUnet2d, data: Path) -> Figures:
    """Measure weights that were trained on random slices as the source measured its own: means over batches.

    Masks are compared at the operating point. A batch's Dice is that of all its voxels together.
    """
    seed = model.card.provenance["seed"]
    if not isinstance(seed, int):
        raise TypeError(f"the card's seed is {seed!r}, not a whole number")
    pairs = held_out_slices(read_patients(data), seed)
    truth = np.stack([mask > 0.5 for _, mask in pairs])
    found = Forward(model.network)(np.stack([image for image, _ in pairs]))[..., 0] >= model.card.threshold
    lesion = truth.any(axis=(1, 2))
    means = {f"batches of {size}": _batch_means(truth, found, size) for size in BATCHES}
    figures = {
        IN_SHORT: {"as the source: Dice of batches of 16 random slices": f"{means['batches of 16']['dice']:.3f}"},
        "slices": len(pairs),
        "slices_with_lesion": int(lesion.sum()),
        "seed": seed,
        "weights_sha256": model.card.weights_sha256,
        "batch_means": means,
        "slice_dice_mean_where_lesion": np.mean(
            [dice(a, b) for a, b in zip(truth[lesion], found[lesion], strict=True)]
        ),
        "all_voxels_dice": dice(truth, found),
        "source": {"dice": 0.8411, "iou": 0.7368},
    }
    return _mapping(rounded(figures))


def measure_dicom(model: Model, folder: Path) -> Figures:
    """Measure on one DICOM study, as ``inference.evaluation.study`` reads it, with and without its T1 contrasts."""
    there = sequences_of(folder)
    choices = {choice: contrasts for choice, contrasts in CONTRASTS.items() if set(contrasts) <= set(there)}
    figures = {}
    for choice, contrasts in choices.items():
        study = read_study(folder, contrasts)
        outcome = Outcome.of(folder.name, study.truth, _mask(model, study.case), study.spacing)
        figures[choice] = outcome.row()
    return _mapping(rounded(figures))


def _in_short(summaries: Mapping[str, Mapping[str, Mapping[str, float]]], served: str, patients: int) -> Figures:
    lesions, empty = summaries[served]["lesions"], summaries[served]["empty_slices"]
    return {
        **{
            f"volume Dice, {choice.replace('_', ' ')}, mean of {patients} unseen patients": in_words(
                summary["volume_overlap"], "dice_mean"
            )
            for choice, summary in summaries.items()
        },
        "lesions found": f"{lesions['detected']:.0f} of {lesions['lesions']:.0f}",
        "empty slices with a false positive": f"{empty['with_false_positives']:.0f} of {empty['slices']:.0f}",
    }


def _batch_means(truth: Array, found: Array, size: int) -> Mapping[str, float]:
    cuts = range(0, len(truth), size)
    pairs = [(truth[cut : cut + size], found[cut : cut + size]) for cut in cuts]
    return {
        "dice": float(np.mean([dice(*pair) for pair in pairs])),
        "iou": float(np.mean([intersection_over_union(*pair) for pair in pairs])),
    }


PROTOCOLS = {"slices": ("source_protocol", measure_slices)}
"""What ``--protocol`` measures, and where the card keeps it."""


def _served(model: Model) -> str:
    """Return which of the choices the card's inputs are: the most of them."""
    taken = {sequence for one in model.card.inputs for sequence in one.any_of}
    return [choice for choice, contrasts in CONTRASTS.items() if set(contrasts) <= taken][-1]


def _likeness(model: SegmentUnet2d, patients: Sequence[Patient], contrasts: tuple[str, ...]) -> Figures:
    """Return how far masks of the two precisions that networks are served in agree, and each with the truth."""
    usual, found = model.forward, []
    for policy in ("float32", "mixed_bfloat16"):
        model.forward = Forward(model.network, policy=lambda _, policy=policy: policy)  # type: ignore[misc]
        found.append([_mask(model, _case(one, contrasts)) for one in patients])
    model.forward = usual
    agreement = [dice(one, other) for one, other in zip(*found, strict=True)]
    exact, short = ([dice(mask, one.mask) for mask, one in zip(of, patients, strict=True)] for of in found)
    return {
        "dice_with_one_another_mean": float(np.mean(agreement)),
        "dice_with_one_another_lowest": min(agreement),
        "float32_dice_with_truth_mean": float(np.mean(exact)),
        "bfloat16_dice_with_truth_mean": float(np.mean(short)),
    }


def _mask(model: Model, case: Case) -> Array:
    findings = model.predict(case)
    if findings.mask is None:
        raise TypeError("a segmentation model gave no mask")
    return findings.mask.array.astype(bool)


def _case(patient: Patient, contrasts: tuple[str, ...]) -> Case:
    """Return a patient as a case with the assumed spacing."""
    geometry = Geometry((0.0, 0.0, 0.0), (SPACING[2], 0.0, 0.0), (0.0, SPACING[1], 0.0), (0.0, 0.0, SPACING[0]))
    volumes: dict[str, Volume] = {}
    for sequence in contrasts:
        array = patient.slices[..., CHANNELS.index(sequence)].astype(np.float32)
        header = SeriesHeader("1", f"1.{len(volumes) + 1}", "", "MR", sequence, "1", sequence)
        sources = tuple(SourceFrame(Path(patient.name), frame, "") for frame in range(len(array)))
        volumes[sequence] = Volume(array, geometry, header, sources)
    return Case("1", volumes, {sequence: volumes[sequence].array for sequence in contrasts[1:]})


def _draw(outcomes: Mapping[str, Sequence[Outcome]], served: str, folder: Path) -> None:
    ranked = sorted(outcomes[served], key=lambda one: (-one.dice, one.name))
    order = {one.name: place for place, one in enumerate(ranked)}
    names = [one.name[5:12] for one in ranked]
    groups = {
        choice: [one.dice for one in sorted(found, key=lambda one: order[one.name])]
        for choice, found in outcomes.items()
    }
    members_picture(
        names, groups, "volume Dice", folder / "dice.png", "Volume Dice of each test patient; dashed: the means."
    )
    agreement_picture(
        [one.true_cm3 for one in ranked],
        [one.found_cm3 for one in ranked],
        "volume, cm3",
        folder / "volumes.png",
        f"Lesion volume of each test patient, true and found, {served.replace('_', ' ')}.",
    )
    outline_picture(
        [_outlines(title, ranked[place]) for title, place in _cases(len(ranked)).items()],
        folder / "cases.png",
        "Outlines, blue the truth and orange what was found, without the images, whose licence forbids it here: the "
        "patients with the highest, the median and the lowest Dice, each on the slices at 20, 40, 60 and 80 % of those "
        "with a true or a found lesion.",
    )


def _cases(count: int) -> Mapping[str, int]:
    return {"highest": 0, "median": (count - 1) // 2, "lowest": count - 1}


def _outlines(title: str, one: Outcome) -> list[Outline]:
    marked = np.flatnonzero((one.truth | one.found).any(axis=(1, 2)))
    chosen = [int(marked[int(place * (len(marked) - 1))]) if len(marked) else 0 for place in SHOWN]
    box = _around(one.truth | one.found)
    return [
        (one.truth[k][box], one.found[k][box], f"{title}: {one.name[5:12]}\nDice {one.dice:.2f}, slice {k + 1}")
        for k in chosen
    ]


def _around(mask: Array) -> tuple[slice, slice]:
    """Return a square of rows and columns about what any slice has marked; the whole slice where nothing is."""
    marked = mask.any(axis=0)
    if not marked.any():
        return slice(None), slice(None)
    ends = [(int(one.min()), int(one.max()) + 1) for one in np.nonzero(marked)]
    side = min(*marked.shape, max(last - first for first, last in ends) + 2 * MARGIN)
    starts = [
        min(max(0, (first + last - side) // 2), size - side)
        for (first, last), size in zip(ends, marked.shape, strict=True)
    ]
    rows, columns = (slice(start, start + side) for start in starts)
    return rows, columns


def _mapping(value: object) -> Figures:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not a mapping")
    return value
