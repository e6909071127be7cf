"""The picture of one answer: the slices that tell most, what was marked on them, and what is said of it."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread

from dicom_io import codes, wording
from dicom_io.findings import Attention, Findings
from dicom_io.heat import heated, most_evident, scale
from dicom_io.lettering import readable
from dicom_io.measure import SegmentMeasures
from dicom_io.picture import Place, grey_tile, shown_slices, strip, where, window_of
from dicom_io.sheet import Bar, Key, Ramp, Words, sheet
from dicom_io.volume import Volume

Pixels = NDArray[np.uint8]

_SIDE = 440
_GAP = 6
_RAMP = 200


def of_key_image(encoded: bytes) -> Pixels:
    """Return the picture of a key image, uint8 (rows, columns, 3): what a viewer of the study will show."""
    pixels: Pixels = dcmread(BytesIO(encoded)).pixel_array
    return pixels


def of_volume(volume: Volume, findings: Findings, measures: Sequence[SegmentMeasures], notes: Sequence[str]) -> Pixels:
    """Draw findings on slices of a volume that is no DICOM, as a key image draws them."""
    mask, attention = findings.mask, findings.attention
    slices = shown_slices(volume, mask, attention)
    captions = [f"Slice {index + 1} of {len(volume.array)}, {where(volume, index)}" for index in slices]
    keys = [_key(one, len(volume.array)) for one in measures]
    picture = strip(volume, mask, slices, captions, attention)
    return sheet(picture, _words(volume, findings, keys, (*notes, *_explained(attention, len(volume.array)))))


def of_still(volume: Volume, findings: Findings, notes: Sequence[str]) -> Pixels:
    """Draw one picture as it was given, and beside it where the evidence lies; no side of it is named."""
    _, rows, columns = volume.array.shape
    scaled = _SIDE / max(rows, columns)
    place = Place(slice(0, rows), slice(0, columns), (max(1, round(columns * scaled)), max(1, round(rows * scaled))))
    tile = grey_tile(volume.array[0], place, window_of(volume.array))
    picture, attention = tile, findings.attention
    if attention is not None and attention.array.any():
        heat = Image.fromarray(attention.array[0]).resize(place.size, Image.Resampling.BILINEAR)
        gap = np.zeros((tile.shape[0], _GAP, 3), np.uint8)
        picture = np.concatenate([tile, gap, heated(tile, np.asarray(heat).clip(0, 1))], axis=1)
    return sheet(picture, _words(volume, findings, (), (*notes, *_explained(attention, 1))))


def png(picture: Pixels) -> bytes:
    """Encode a picture; the same pixels give the same bytes."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def _words(volume: Volume, findings: Findings, keys: Sequence[Key], notes: Sequence[str]) -> Words:
    scores = sorted(findings.scores, key=lambda score: -score.value)
    algorithm, attention = findings.algorithm, findings.attention
    return Words(
        sentence=readable(f"{findings.summary.rstrip('. ')}."),
        keys=keys,
        bars=[Bar(wording.label_name(score.label), score.value) for score in scores],
        bars_title=wording.SCORES_TITLE,
        ramps=[Ramp(scale(_RAMP), *wording.ends(attention))] if attention is not None and attention.array.any() else [],
        notes=[
            readable(f"{wording.series_line(volume)}  |  Glia {algorithm.name} {algorithm.full_version}"),
            *(readable(f"{note.rstrip('. ')}.") for note in notes),
        ],
    )


def _key(one: SegmentMeasures, slices: int) -> Key:
    written = codes.segment_codes(one.label)
    return Key(written.colour, f"{written.name}: {wording.size(one)}, on {one.slices} of {slices} slices")


def _explained(attention: Attention | None, slices: int) -> tuple[str, ...]:
    """Say where the evidence for which score lies, as a key image does."""
    if attention is None:
        return ()
    label = wording.label_name(attention.label)
    if not attention.array.any():
        return (f"No part of the images alone is evidence for {label}, as found by {attention.method}.",)
    on = f", is highest on slice {most_evident(attention)[0] + 1}" if slices > 1 else ", is shown as colour"
    return (f"Evidence for {label}, as found by {attention.method}{on}.", wording.NO_SEGMENTATION)
