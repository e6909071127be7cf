"""Why DICOM input cannot be read, or a result may not leave. All permanent: trying again changes nothing."""

import struct
import unicodedata
import zlib

from pydicom.errors import BytesLengthException, InvalidDicomError

NONSENSE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    StopIteration,
    *(BytesLengthException, InvalidDicomError, struct.error, zlib.error),
)
"""What pydicom and its decoders raise on nonsense, some of it only when a value is asked for. RuntimeError: sequences
nested too deep. The bytes must be in memory: an OSError of the disk is no fault of theirs."""


_LONGEST_REASON = 600
_UNPRINTABLE = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Categories of characters that a log line, a console and a DIMSE status must be spared."""


def printable(text: str, longest: int = _LONGEST_REASON) -> str:
    """Return a text of the input as one line: without control characters, cut where it is too long to read."""
    shown = text if len(text) <= longest else f"{text[: longest - 4]} ..."
    if shown.isprintable():
        return shown
    return "".join(" " if unicodedata.category(character) in _UNPRINTABLE else character for character in shown)


class DicomError(Exception):
    """Base of all errors of this package; the message is one printable line, whatever of the input it repeats."""

    def __init__(self, message: str) -> None:
        """Take the reason."""
        super().__init__(printable(message))


class DicomInputError(DicomError):
    """The input cannot become a volume; the message is the reason an operator reads."""


class MissingSlices(DicomInputError):
    """Slices are missing, doubled or too few."""


class MixedGeometry(DicomInputError):
    """Orientation, matrix or spacing differ within the series, or the slices are sheared."""


class UnsupportedPixels(DicomInputError):
    """The pixel data cannot be decoded or is not one grey value per pixel."""


class NotEligible(DicomInputError):
    """Models may not see it: no MR image of a head, or one made for another purpose."""


class AmbiguousSeries(DicomInputError):
    """The series holds several volumes, and none was named."""


class UnreadableFile(DicomInputError):
    """The bytes are not DICOM, or an attribute that is needed is missing or holds nonsense."""


class InconsistentCase(DicomInputError):
    """The series do not make up one case of one study."""


class InvalidInstance(DicomInputError):
    """The instance may not be acknowledged."""


class InvalidUid(InvalidInstance):
    """A UID is missing or is not a UID."""


class MismatchedInstance(InvalidInstance):
    """The data set is not the instance, or not of the SOP class, that its sender announced."""


class TruncatedInstance(InvalidInstance):
    """The data set ends before it is complete, or cannot be followed to its end."""


class ResultMismatch(DicomError):
    """A result decoded from its own bytes differs from the findings it was made of."""
