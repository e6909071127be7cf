"""A picture and the words about it -> one RGB picture that is read at its own size (numpy and Pillow only)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dicom_io.lettering import font

DISCLAIMER = "RESEARCH USE ONLY - NOT A MEDICAL DEVICE"

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]

WHITE, GREY, AMBER, BLUE = (255, 255, 255), (190, 190, 190), (255, 196, 64), (110, 160, 220)
_NARROWEST = 880
_PAD = 16
_BAR = 260


@dataclass(frozen=True, slots=True)
class Key:
    """What a colour in the picture stands for."""

    colour: Colour
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A score between 0 and 1, drawn as a bar."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Ramp:
    """What a range of colours in the picture stands for: what its ends are called.

    ``colours`` is uint8 (n, 3), drawn a pixel wide each.
    """

    colours: Pixels
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Words:
    """What is written about a picture: above it the sentence, below it keys, ramps, bars and notes."""

    sentence: str
    keys: Sequence[Key] = ()
    bars: Sequence[Bar] = ()
    bars_title: str = ""
    notes: Sequence[str] = ()
    ramps: Sequence[Ramp] = ()


@dataclass(slots=True)
class _Column:
    """Things to draw one below the other: how high each is, and how it is drawn at a place."""

    height: int = 0
    steps: list[tuple[int, Callable[[ImageDraw.ImageDraw, int], None]]] = field(default_factory=list)

    def add(self, height: int, draw: Callable[[ImageDraw.ImageDraw, int], None]) -> None:
        """Put a thing below all others."""
        self.steps.append((self.height, draw))
        self.height += height


def sheet(picture: Pixels, words: Words) -> Pixels:
    """Put a picture and its words on one sheet, uint8 (rows, columns, 3), nothing cut off; both sides are even."""
    width = max(picture.shape[1], _NARROWEST) + 2 * _PAD
    width += width % 2
    above, below = _Column(_PAD), _Column(_PAD)
    _text(above, DISCLAIMER, font(19, bold=True), AMBER, width)
    above.height += 8
    _text(above, words.sentence, font(20, bold=True), WHITE, width)
    above.height += 10
    for key in words.keys:
        _key(below, key, width)
    for ramp in words.ramps:
        _ramp(below, ramp, width)
    if words.bars:
        _text(below, words.bars_title, font(15), GREY, width)
    longest = max((int(font(17).getlength(bar.name)) for bar in words.bars), default=0)
    for bar in words.bars:
        _bar(below, bar, min(longest, width - _BAR - 150))
    below.height += 8
    for note in words.notes:
        _text(below, note, font(15), GREY, width)
    height = above.height + picture.shape[0] + below.height + _PAD
    page = Image.new("RGB", (width, height + height % 2))
    draw = ImageDraw.Draw(page)
    page.paste(Image.fromarray(picture), ((width - picture.shape[1]) // 2, above.height))
    for top, column in ((0, above), (above.height + picture.shape[0], below)):
        for offset, step in column.steps:
            step(draw, top + offset)
    return np.asarray(page)


def wrapped(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break a text into lines of at most ``width`` pixels; a word that is longer is broken too."""
    lines = [""]
    for word in text.split():
        rest = word
        while face.getlength(rest) > width:
            fits = next(n for n in range(len(rest), 0, -1) if n == 1 or face.getlength(rest[:n]) <= width)
            lines += [rest[:fits], ""]
            rest = rest[fits:]
        joined = f"{lines[-1]} {rest}".strip()
        if face.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(rest)
    return [line for line in lines if line]


def _text(column: _Column, text: str, face: ImageFont.FreeTypeFont, colour: Colour, width: int) -> None:
    for line in wrapped(text, face, width - 2 * _PAD):
        column.add(int(face.size * 1.4), partial(_line, _PAD, line, face, colour))


def _line(
    left: int, line: str, face: ImageFont.FreeTypeFont, colour: Colour, draw: ImageDraw.ImageDraw, top: int
) -> None:
    draw.text((left, top), line, colour, face)


def _key(column: _Column, key: Key, width: int) -> None:
    face, left = font(17), _PAD + 28
    top = column.height
    for line in wrapped(key.text, face, width - left - _PAD):
        column.add(26, partial(_line, left, line, face, WHITE))
    column.steps.append((top, lambda draw, y: draw.rectangle((_PAD, y + 2, _PAD + 17, y + 19), key.colour)))


def _ramp(column: _Column, ramp: Ramp, width: int) -> None:
    face = font(17)
    left = _PAD + int(face.getlength(ramp.low)) + 12
    right = left + len(ramp.colours) + 12
    top = column.height
    column.steps.append((top, partial(_line, _PAD, ramp.low, face, WHITE)))
    for line in wrapped(ramp.high, face, width - right - _PAD):
        column.add(26, partial(_line, right, line, face, WHITE))

    def draw_colours(draw: ImageDraw.ImageDraw, y: int) -> None:
        for offset, (red, green, blue) in enumerate(ramp.colours.tolist()):
            draw.line((left + offset, y + 3, left + offset, y + 18), (red, green, blue))

    column.steps.append((top, draw_colours))
    column.height += 6


def _bar(column: _Column, bar: Bar, name_width: int) -> None:
    face, left = font(17), _PAD + name_width + 16
    (name,) = wrapped(bar.name, face, name_width)[:1] or [""]

    def draw_bar(draw: ImageDraw.ImageDraw, y: int) -> None:
        draw.text((_PAD, y), name, WHITE, face)
        draw.rectangle((left, y + 3, left + _BAR, y + 18), outline=GREY)
        if round(_BAR * bar.value) > 0:
            draw.rectangle((left, y + 3, left + round(_BAR * bar.value), y + 18), BLUE)
        draw.text((left + _BAR + 14, y), f"{bar.value:.1%}", WHITE, face)

    column.add(26, draw_bar)
