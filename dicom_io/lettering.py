"""The letters of pictures and pages: a font that is always there, and what stands for letters it lacks."""

import re
import unicodedata
from functools import cache
from pathlib import Path

import reportlab
from PIL import ImageFont
from reportlab.pdfbase.ttfonts import TTFontFile

from dicom_io.errors import printable

_FONTS = Path(reportlab.__file__).parent / "fonts"
REGULAR, BOLD = _FONTS / "Vera.ttf", _FONTS / "VeraBd.ttf"
"""Bitstream Vera, which comes with reportlab: Latin-1 and some letters of central Europe and Turkey."""

UNWRITTEN = "[not in Latin letters]"

_GAP = "\ue000"
_GAPS = re.compile(f"{_GAP}[{_GAP}\\s.,'-]*{_GAP}|{_GAP}")


def readable(text: str) -> str:
    """Return a text in letters that the font has.

    A letter with a mark that it lacks loses the mark; a passage in another script becomes ``UNWRITTEN``: a letter
    exchanged for one that sounds alike could make one patient of two.
    """
    plain = unicodedata.normalize("NFC", printable(text, longest=len(text)))
    return _GAPS.sub(UNWRITTEN, "".join(_written(letter) for letter in plain))


def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the font for pictures; ``size`` is in pixels."""
    # The other engine is not part of every build of Pillow, and sets letters elsewhere.
    return ImageFont.truetype(BOLD if bold else REGULAR, size, layout_engine=ImageFont.Layout.BASIC)


def _written(letter: str) -> str:
    has = _letters()
    if ord(letter) in has:
        return letter
    parts = unicodedata.normalize("NFKD", letter)
    kept = "".join(part for part in parts if not unicodedata.combining(part))
    return kept if kept and all(ord(part) in has for part in kept) else _GAP


@cache
def _letters() -> frozenset[int]:
    """Return the letters that both weights draw; glyph 0 is the box that stands for none."""
    drawn = (
        {letter for letter, glyph in TTFontFile(str(path)).charToGlyph.items() if glyph} for path in (REGULAR, BOLD)
    )
    return frozenset.intersection(*map(frozenset, drawn))
