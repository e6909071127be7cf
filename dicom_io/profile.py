"""How one destination wants its results: which objects, how the SEG is encoded, which class the report is of."""

from dataclasses import dataclass
from typing import Literal

KINDS = ("SEG", "SR", "MEASUREMENTS", "KEY IMAGE", "PDF")
"""The objects of one analysis, in the order in which they are sent."""

SEG_ENCODINGS = ("auto", "binary", "fractional")
CHARACTER_SETS = ("", "ISO_IR 100", "ISO_IR 192")
SR_CLASSES = ("comprehensive 3d", "comprehensive")


@dataclass(frozen=True, slots=True)
class Profile:
    """The results of one destination; the default is what PS3 and current viewers read best.

    Attributes
    ----------
    objects
        Of KINDS. The report is the one object that says why there is no other.
    seg_encoding
        "binary": one bit a pixel. "fractional": bytes of 0 and 255. "auto": bits where viewers read them, else bytes.
    sr_class
        Of the report; older archives take Comprehensive SR alone.
    maximum_frames
        A SEG of more frames is not sent, and the report says so; 0 is no limit.
    character_set
        Specific Character Set where it has every letter of the source; empty for the source's own.

    Raises
    ------
    ValueError
        When a value is none of those, or an object is named twice.
    """

    objects: tuple[str, ...] = ("SEG", "SR", "MEASUREMENTS", "KEY IMAGE")
    seg_encoding: Literal["auto", "binary", "fractional"] = "auto"
    sr_class: Literal["comprehensive 3d", "comprehensive"] = "comprehensive 3d"
    maximum_frames: int = 0
    character_set: Literal["", "ISO_IR 100", "ISO_IR 192"] = ""

    def __post_init__(self) -> None:
        """Refuse what no result can be encoded by."""
        for kind in self.objects:
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is no object of an analysis; there are: {', '.join(KINDS)}")
        if len(set(self.objects)) < len(self.objects):
            raise ValueError(f"an object is named twice: {', '.join(self.objects)}")
        if self.seg_encoding not in SEG_ENCODINGS:
            raise ValueError(f"SEG encoding {self.seg_encoding!r} is none of {', '.join(SEG_ENCODINGS)}")
        if self.sr_class not in SR_CLASSES:
            raise ValueError(f"SR class {self.sr_class!r} is none of {', '.join(SR_CLASSES)}")
        if self.character_set not in CHARACTER_SETS:
            raise ValueError(f"character set {self.character_set!r} is none of {', '.join(CHARACTER_SETS[1:])}")
        if self.maximum_frames < 0:
            raise ValueError(f"maximum frames is {self.maximum_frames}; 0 is no limit")

    def packs(self, rows: int, columns: int) -> bool:
        """Whether a SEG of this matrix is written in bits."""
        return fits_bits(rows, columns) if self.seg_encoding == "auto" else self.seg_encoding == "binary"


DEFAULT = Profile()


def fits_bits(rows: int, columns: int) -> bool:
    """Whether viewers read a matrix packed in bits; others draw it garbled or not at all.

    Bits run on from frame to frame (PS3.5 8.1.1), so a frame must fill whole bytes, and the pixel data an
    even number of them; OHIF 3.13 and Weasis before 4.7 also want each row to.
    """
    return columns % 8 == 0 and rows * columns % 16 == 0
