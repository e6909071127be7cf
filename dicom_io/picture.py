"""Slices and what was marked on them -> one RGB picture, as a radiologist looks at a head (numpy and Pillow only)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from dicom_io.codes import segment_codes
from dicom_io.findings import Attention, Mask
from dicom_io.heat import STRONG, heated, most_evident
from dicom_io.lettering import font
from dicom_io.turn import View, side, view_of
from dicom_io.volume import Volume

_AMBER = (255, 196, 64)

Pixels = NDArray[np.uint8]

_WIDTH, _HEIGHT = 400, 460  # of one slice, at most
_GAP = 6
_CAPTION = 24
_MARGIN_MM = 6.0
_TINT = 0.2
_OUTLINE = 2
_OVERLOOKED = 40  # pixels
_RING = 7  # pixels from what it is around
_AIR = 0.1  # of the window
_SAMPLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """Grey values that are shown black and white."""

    low: float
    high: float

    @property
    def air(self) -> float:
        """The grey value below which nothing is taken for a head."""
        return self.low + _AIR * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Place:
    """Where turned slices are cropped, and how large they are shown; all in pixels, ends excluded."""

    rows: slice
    columns: slice
    size: tuple[int, int]
    """Shown (width, height): square pixels in mm."""


def window_of(array: NDArray[np.float32]) -> Window:
    """Return the window of a volume: from the darkest to all but the brightest of the head."""
    sample = array.reshape(-1)[:: max(1, array.size // _SAMPLE)]
    low, top = (float(value) for value in np.percentile(sample, (1.0, 99.9)))
    head = sample[sample > low + _AIR * (top - low)]
    return Window(low, float(np.percentile(head, 99.8)) if head.size else low + 1.0)


def shown_slices(volume: Volume, mask: Mask | None, attention: Attention | None = None) -> tuple[int, ...]:
    """Return up to three slices that tell most, from right to left, front to back or feet to head.

    Of a mask: the slice where it is largest and two more spread over it. Else, of an explanation: those with the
    highest evidence. Else: three spread over the middle third of the head.
    """
    if mask is not None and mask.array.any():
        chosen = _of_mask(mask)
    elif attention is not None and attention.array.any():
        chosen = set(most_evident(attention)[:3])
    else:
        chosen = _of_head(volume)
    axis = view_of(volume.geometry).axis
    return tuple(sorted(chosen, reverse=volume.geometry.slice_step[axis] < 0))


def where(volume: Volume, slice_: int) -> str:
    """Return where the middle of a slice lies in the patient, such as "H 34.5 mm"."""
    axis = view_of(volume.geometry).axis
    rows, columns = volume.array.shape[1:]
    return side(axis, volume.geometry.position((slice_, (rows - 1) / 2, (columns - 1) / 2))[axis])


def strip(
    volume: Volume,
    mask: Mask | None,
    slices: Sequence[int],
    captions: Sequence[str],
    attention: Attention | None = None,
) -> Pixels:
    """Draw slices side by side: plain; below with outlines, where the mask has voxels; below with evidence as colour.

    Returns
    -------
    NDArray
        uint8 (rows, columns, 3). Letters on each slice say where its edges lie in the patient; the captions stand
        below.
    """
    view = view_of(volume.geometry)
    window = window_of(volume.array)
    place = _place(volume, mask, attention, view, window)
    plain = [grey_tile(view.turned(volume.array[[k]])[0], place, window) for k in slices]
    rows = [plain]
    if mask is not None and mask.array.any():
        marks = [_enlarged(view.turned(mask.array[[k]])[0], place) for k in slices]
        rows.append([overlaid(tile, mark, mask) for tile, mark in zip(plain, marks, strict=True)])
    if attention is not None and attention.array.any():
        heats = [_spread(view.turned(attention.array[[k]])[0], place) for k in slices]
        rows.append([heated(tile, heat) for tile, heat in zip(plain, heats, strict=True)])
    width, height = place.size
    step_x, step_y = max(width, _width(captions)) + _GAP, height + _GAP
    picture = Image.new("RGB", (len(slices) * step_x - _GAP, len(rows) * step_y - _GAP + _CAPTION))
    draw = ImageDraw.Draw(picture)
    for column, caption in enumerate(captions):
        left = column * step_x + (step_x - _GAP - width) // 2
        for number, tiles in enumerate(rows):
            picture.paste(Image.fromarray(tiles[column]), (left, number * step_y))
            _letter_edges(draw, (left, number * step_y, width, height), view)
        foot = (left + width // 2, picture.height - _CAPTION + 4)
        draw.text(foot, caption, fill=(220, 220, 220), font=font(15), anchor="ma")
    return np.asarray(picture)


def grey_tile(turned: NDArray[np.float32], place: Place, window: Window) -> Pixels:
    """Show one turned slice (rows, columns) as RGB."""
    cropped = Image.fromarray(np.ascontiguousarray(turned[place.rows, place.columns], dtype=np.float32))
    shown = np.asarray(cropped.resize(place.size, Image.Resampling.BICUBIC))
    scaled = (shown - window.low) / max(window.high - window.low, 1e-6)
    return np.repeat((scaled.clip(0, 1) * 255).round().astype(np.uint8)[..., None], 3, axis=-1)


def overlaid(tile: Pixels, marks: Pixels, mask: Mask) -> Pixels:
    """Tint and outline each segment in its colour, and ring what is easily overlooked.

    ``marks`` (rows, columns) are segment numbers as shown.
    """
    painted = tile.astype(np.float32)
    for segment in mask.segments:
        inside = marks == segment.number
        colour = np.array(segment_codes(segment.label).colour, np.float32)
        painted[inside] = (1 - _TINT) * painted[inside] + _TINT * colour
        painted[inside & ~ndimage.binary_erosion(inside, np.ones((3, 3)), iterations=_OUTLINE)] = colour
        painted[_rings(inside)] = colour
    return painted.round().astype(np.uint8)


def _of_head(volume: Volume) -> set[int]:
    head = np.count_nonzero(volume.array > window_of(volume.array).air, axis=(1, 2))
    held = np.flatnonzero(head > head.max() / 5) if head.any() else np.arange(len(head))
    middle = held if held.size <= 3 else np.quantile(held, (1 / 3, 1 / 2, 2 / 3), method="nearest")
    return {int(index) for index in middle}


def _of_mask(mask: Mask) -> set[int]:
    """Return the largest cross-section, and the middle of what lies on either side of it."""
    counts = np.count_nonzero(mask.array, axis=(1, 2))
    largest, touched = int(counts.argmax()), np.flatnonzero(counts)
    below, above = touched[touched < largest], touched[touched > largest]
    if not below.size or not above.size:
        others = touched[touched != largest]
        chosen = {int(others[int(share * len(others))]) for share in (1 / 3, 2 / 3) if others.size}
    else:
        chosen = {int(below[len(below) // 2]), int(above[(len(above) - 1) // 2])}
    return chosen | {largest}


def _place(volume: Volume, mask: Mask | None, attention: Attention | None, view: View, window: Window) -> Place:
    """Crop to the head and all that is marked, and let it fill the space of a slice."""
    filled: NDArray[np.bool_] = np.any(volume.array > window.air, axis=0)
    if mask is not None:
        filled |= np.any(mask.array, axis=0)
    if attention is not None:
        filled |= np.any(attention.array >= STRONG, axis=0)
    turned = view.turned(filled[None])[0]
    rows, columns = (_span(turned.any(axis=1 - axis), view.spacing[axis]) for axis in (0, 1))
    height, width = ((part.stop - part.start) * mm for part, mm in zip((rows, columns), view.spacing, strict=True))
    scale = min(_WIDTH / width, _HEIGHT / height)
    return Place(rows, columns, (max(1, round(width * scale)), max(1, round(height * scale))))


def _span(filled: NDArray[np.bool_], spacing: float) -> slice:
    """Return the part of an axis that is filled, and a margin."""
    places = np.flatnonzero(filled)
    if not places.size:
        return slice(0, len(filled))
    margin = int(np.ceil(_MARGIN_MM / spacing))
    return slice(max(0, int(places[0]) - margin), min(len(filled), int(places[-1]) + 1 + margin))


def _enlarged(turned: Pixels, place: Place) -> Pixels:
    """Show segment numbers as what they are: whole voxels; at least a pixel of each, also where pixels are larger."""
    cropped = np.ascontiguousarray(turned[place.rows, place.columns])
    shown = np.array(Image.fromarray(cropped).resize(place.size, Image.Resampling.NEAREST))
    for number in np.setdiff1d(cropped, shown):
        voxel = np.argwhere(cropped == number)[0]
        row, column = ((voxel + 0.5) * shown.shape // cropped.shape).astype(int)
        shown[row, column] = number
    return shown


def _spread(turned: NDArray[np.float32], place: Place) -> NDArray[np.float32]:
    """Show evidence smoothly: it is coarser than voxels."""
    cropped = Image.fromarray(np.ascontiguousarray(turned[place.rows, place.columns], dtype=np.float32))
    return np.asarray(cropped.resize(place.size, Image.Resampling.BILINEAR)).clip(0, 1)


def _rings(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a ring around every mark of a few pixels."""
    marks, _ = ndimage.label(inside, np.ones((3, 3)))
    small: NDArray[np.bool_] = inside & (np.bincount(marks.ravel()) < _OVERLOOKED)[marks]
    if not small.any():
        return small
    away = ndimage.distance_transform_edt(~small)
    ring: NDArray[np.bool_] = (away >= _RING) & (away < _RING + _OUTLINE)
    return ring


def _width(captions: Sequence[str]) -> int:
    return max((int(font(15).getlength(caption)) for caption in captions), default=0)


def _letter_edges(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], view: View) -> None:
    """Say at the edges of one shown slice where they lie in the patient; ``box`` is left, top, width, height."""
    left, top, width, height = box
    middle, centre = top + height // 2, left + width // 2
    spots = [(left + 5, middle, "lm"), (left + width - 5, middle, "rm")]
    spots += [(centre, top + 4, "ma"), (centre, top + height - 4, "md")]
    for letters, (x, y, anchor) in zip(view.edges, spots, strict=True):
        draw.text((x, y), letters, fill=_AMBER, font=font(16), anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))
