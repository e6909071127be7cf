"""One picture of all findings: slices as a radiologist sees them, with the overlay of the SEG that was delivered."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from dicom_io.volume import Volume
from inference.preprocess.grid import SquareFit, axial_turn

TILE = 240
COLUMNS = 6
GAP = 4
BAND = 34
COLOUR = (255, 120, 60)
FOOTER = "Research use only, not a medical device"


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One finding: its series, its mask on the series' grid (or None) and the words above it."""

    title: str
    volume: Volume
    mask: NDArray[np.uint8] | None


def write_montage(panels: Sequence[Panel], path: Path) -> None:
    """Write the picture: for each panel one row of plain slices and, where there is a mask, one with the overlay."""
    strips = [_strip(panel) for panel in panels]
    width = COLUMNS * (TILE + GAP) - GAP
    picture = Image.new("RGB", (width, sum(strip.height for strip in strips) + BAND))
    top = 0
    for strip in strips:
        picture.paste(strip, (0, top))
        top += strip.height
    _write(picture, (8, top + 7), FOOTER, (170, 170, 170))
    picture.save(path)


def _strip(panel: Panel) -> Image.Image:
    turn, spacing = axial_turn(panel.volume.geometry)
    slices = turn.forward(panel.volume.array)
    mask = None if panel.mask is None else turn.forward(panel.mask)
    chosen = _choose(len(slices), mask)
    fit = SquareFit.of((slices.shape[1], slices.shape[2]), (spacing[1], spacing[2]), TILE)
    grey = _window(fit.forward(slices[chosen], fill=float(slices.min())), slices)
    rows = [_row(np.repeat(grey[..., None], 3, axis=-1))]
    if mask is not None and mask.any():
        marks = fit.forward((mask[chosen] > 0).astype(np.float32), fill=0.0) >= 0.5
        rows.append(_row(_overlay(grey, marks)))
    height = BAND + len(rows) * (TILE + GAP)
    strip = Image.new("RGB", (rows[0].width, height))
    _write(strip, (8, 8), panel.title, (255, 255, 255))
    for number, row in enumerate(rows):
        strip.paste(row, (0, BAND + number * (TILE + GAP)))
    return strip


def _choose(count: int, mask: NDArray[np.uint8] | None) -> NDArray[np.intp]:
    """Return slices evenly spread over the finding, or over the middle of the head."""
    marked = np.arange(0) if mask is None else np.flatnonzero(mask.any(axis=(1, 2)))
    first, last = (marked[0], marked[-1]) if marked.size >= COLUMNS else (count * 0.25, count * 0.8)
    if 0 < marked.size < COLUMNS:
        first, last = marked.mean() - COLUMNS / 2, marked.mean() + COLUMNS / 2
    return np.clip(np.linspace(first, last, COLUMNS).round(), 0, count - 1).astype(np.intp)


def _window(shown: NDArray[np.float32], slices: NDArray[np.float32]) -> NDArray[np.uint8]:
    high = float(np.percentile(slices[slices > 0.1 * slices.max()], 99.0)) if slices.max() > 0 else 1.0
    grey: NDArray[np.uint8] = (shown.clip(0, high) / high * 255).astype(np.uint8)
    return grey


def _overlay(grey: NDArray[np.uint8], marks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Tint what is marked and draw its outline."""
    colour = np.repeat(grey[..., None], 3, axis=-1).astype(np.float32)
    outline = marks & ~ndimage.binary_erosion(marks, structure=np.ones((1, 3, 3)))
    colour[marks] = 0.72 * colour[marks] + 0.28 * np.array(COLOUR)
    colour[outline] = COLOUR
    return colour.astype(np.uint8)


def _row(tiles: NDArray[np.uint8]) -> Image.Image:
    row = Image.new("RGB", (COLUMNS * (TILE + GAP) - GAP, TILE))
    for number, tile in enumerate(tiles):
        row.paste(Image.fromarray(tile), (number * (TILE + GAP), 0))
    return row


def _write(picture: Image.Image, place: tuple[int, int], text: str, colour: tuple[int, int, int]) -> None:
    ImageDraw.Draw(picture).text(place, text, fill=colour, font=ImageFont.load_default(size=17))
