"""Pictures of figures for a page, as small PNG files: the same numbers give the same bytes."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inference.evaluation.metrics import reliability, roc_area, roc_curve, wilson_interval
from inference.evaluation.png import save

Cell = TypeVar("Cell")
Picture = NDArray[np.floating] | NDArray[np.uint8]
Panel = tuple[Picture, NDArray[np.bool_] | None, NDArray[np.floating] | None, str]
"""An image (rows, columns), a mask or None, a heat map 0..1 or None, and the words above it."""
Outline = tuple[NDArray[np.bool_], NDArray[np.bool_], str]
"""A true and a found mask (rows, columns) and the words above them."""

PANEL_INCHES = 1.7
BLUE, ORANGE, GREY = "#1f6fb4", "#d95f02", "#888888"


def confusion_picture(
    matrix: NDArray[np.integer],
    labels: Sequence[str],
    path: Path,
    caption: str = "Confusion matrix: rows are the truth, columns what was found.",
) -> None:
    """Write a confusion matrix (classes, classes), shaded by the share of its row."""
    side = 1.6 + 0.9 * len(labels)
    figure, axes = _axes(side + 0.6, side)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [label.replace("_", " ") for label in labels]
    axes.set_xticks(range(len(labels)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(labels)), names)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(int(count)), ha="center", va="center", color=colour)
    axes.set(xlabel="found", ylabel="truth")
    save(figure, path, caption)


def roc_picture(
    truth: NDArray[np.integer],
    scores: NDArray[np.floating],
    labels: Sequence[str],
    path: Path,
    caption: str = "ROC curve of each class against the rest, with the area under it.",
) -> None:
    """Write the curves of truth (n,), class numbers, and scores (n, classes); a class without members has none."""
    figure, axes = _axes(4.6, 4.2)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    for number, label in enumerate(labels):
        members = truth == number
        if members.any() and not members.all():
            area = roc_area(members, scores[:, number])
            axes.plot(*roc_curve(members, scores[:, number]), label=f"{label.replace('_', ' ')} {area:.4f}")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", frameon=False)
    save(figure, path, caption)


def calibration_picture(
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
    path: Path,
    caption: str = "Calibration: how often an answer is right against how sure it was, with 95 % intervals; the bars "
    "count the answers.",
) -> None:
    """Write accuracy against confidence (n,) in 15 bins, with how many answers are in each."""
    figure, axes = _axes(4.6, 4.2)
    found = reliability(confidence, correct.astype(bool))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    for one in found:
        low, high = wilson_interval(round(one.accuracy * one.members), one.members)
        axes.plot([one.confidence] * 2, [low, high], color=BLUE, linewidth=1)
        axes.plot([one.confidence], [one.accuracy], "o", color=BLUE)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    counts = axes.twinx()
    counts.bar([one.confidence for one in found], [one.members for one in found], 0.03, color=ORANGE, alpha=0.4)
    counts.set(ylabel="answers", ylim=(0, 2 * max((one.members for one in found), default=1)))
    save(figure, path, caption)


def curve_picture(
    epochs: Sequence[Mapping[str, float]],
    path: Path,
    caption: str = "Training curves: solid is training, dashed validation, a dotted line a new stage.",
) -> None:
    """Write a panel for each figure of the epochs, as a card keeps them under ``provenance["epochs"]``."""
    columns = {column: None for row in epochs for column in row}
    names = [name for name in columns if not name.startswith("val_") and name not in ("epoch", "learning_rate")]
    names += [name[4:] for name in columns if name.startswith("val_") and name[4:] not in columns]
    if not names:
        raise ValueError("there is no epoch to draw")
    figure = _figure(4.2 * len(names), 3.2)
    starts = [number for number, row in enumerate(epochs) if number and row.get("epoch") == 0]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for key, style in ((name, "-"), (f"val_{name}", "--")):
            if key in columns:
                axes.plot([row.get(key, math.nan) for row in epochs], style, color=BLUE if style == "-" else ORANGE)
        for start in starts:
            axes.axvline(start - 0.5, color=GREY, linewidth=0.8, linestyle=":")
        axes.set(xlabel="epoch", title=name.replace("_", " "))
    save(figure, path, caption)


def montage_picture(
    rows: Sequence[Sequence[Panel]], path: Path, caption: str = "Examples; a mask is outlined, a heat map laid over."
) -> None:
    """Write rows of images with their masks' outlines, heat maps and captions."""
    figure, panels = _panels(rows)
    for axes, (image, mask, heat, words) in panels:
        axes.imshow(image, cmap="gray")
        if heat is not None:
            axes.imshow(heat, cmap="inferno", alpha=0.55 * np.clip(heat, 0, 1), vmin=0, vmax=1)
        if mask is not None and mask.any():
            axes.contour(mask, [0.5], colors=[ORANGE], linewidths=1.2)
        axes.set_title(words, fontsize=7)
    save(figure, path, caption)


def outline_picture(
    rows: Sequence[Sequence[Outline]], path: Path, caption: str = "Outlines: blue is the truth, orange what was found."
) -> None:
    """Write rows of true and found outlines on white, without the images that they belong to."""
    figure, panels = _panels(rows)
    for axes, (truth, found, words) in panels:
        axes.imshow(np.ones(truth.shape), cmap="gray", vmin=0, vmax=1)
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("#cccccc")
        for mask, colour in ((truth, BLUE), (found, ORANGE)):
            if mask.any():
                axes.contour(mask, [0.5], colors=[colour], linewidths=1.2)
        axes.set_title(words, fontsize=7)
    save(figure, path, caption)


def histogram_picture(
    groups: Mapping[str, Sequence[float]], axis: str, path: Path, caption: str, bins: int = 30
) -> None:
    """Write how often values lie where, an outline of shares for each group."""
    figure, axes = _axes(5.6, 3.4)
    edges = np.histogram_bin_edges(np.concatenate([np.asarray(values) for values in groups.values()]), bins).tolist()
    for name, values in groups.items():
        axes.hist(values, edges, weights=np.full(len(values), 1 / len(values)), histtype="step", label=name)
    axes.set(xlabel=axis, ylabel="share")
    if len(groups) > 1:
        axes.legend(frameon=False)
    save(figure, path, caption)


def members_picture(
    names: Sequence[str], groups: Mapping[str, Sequence[float]], axis: str, path: Path, caption: str
) -> None:
    """Write a dot for each member in each group, in the order given, and each group's mean as a line."""
    figure, axes = _axes(max(4.6, 1.6 + 0.32 * len(names)), 3.6)
    for number, (group, values) in enumerate(groups.items()):
        colour = f"C{number}"
        axes.plot(range(len(names)), values, "o", color=colour, alpha=0.8, label=group.replace("_", " "))
        axes.axhline(float(np.mean(values)), color=colour, linewidth=0.8, linestyle="--")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    axes.set(ylabel=axis)
    axes.legend(frameon=False, fontsize=8)
    save(figure, path, caption)


def agreement_picture(truth: Sequence[float], found: Sequence[float], axis: str, path: Path, caption: str) -> None:
    """Write what was found against what is true, a dot for each member; on the line they are equal."""
    figure, axes = _axes(4.2, 4.0)
    highest = 1.05 * max([*truth, *found, 1e-6])
    axes.plot([0, highest], [0, highest], color=GREY, linewidth=0.8, linestyle=":")
    axes.plot(truth, found, "o", color=BLUE)
    axes.set(xlabel=f"true {axis}", ylabel=f"found {axis}", xlim=(0, highest), ylim=(0, highest))
    save(figure, path, caption)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = _figure(width, height)
    return figure, figure.add_subplot()


def _panels(rows: Sequence[Sequence[Cell]]) -> tuple[Figure, list[tuple[Axes, Cell]]]:
    """Return a figure with a frameless place for each cell of the rows."""
    columns = max((len(row) for row in rows), default=0)
    if not columns:
        raise ValueError("there is nothing to show")
    figure = _figure(PANEL_INCHES * columns, (PANEL_INCHES + 0.25) * len(rows))
    places = figure.subplots(len(rows), columns, squeeze=False)
    for axes in places.flat:
        axes.set_axis_off()
    cells = [
        (axes, cell) for line, row in zip(places, rows, strict=True) for axes, cell in zip(line, row, strict=False)
    ]
    return figure, cells
