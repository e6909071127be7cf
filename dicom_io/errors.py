"""Why DICOM input cannot be read, or a result may not leave. All permanent: trying again changes nothing."""

import struct
import zlib

from pydicom.errors import BytesLengthException, InvalidDicomError

NONSENSE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    *(BytesLengthException, InvalidDicomError, struct.error, zlib.error),
)
"""What pydicom and its decoders raise on nonsense, some of it only when a value is asked for. RuntimeError: sequences
nested too deep. The bytes must be in memory: an OSError of the disk is no fault of theirs."""


class DicomError(Exception):
    """Base of all errors of this package."""


class DicomInputError(DicomError):
    """The input cannot become a volume; the message is the reason an operator reads."""


class MissingSlices(DicomInputError):
    """Slices are missing, doubled or too few."""


class MixedGeometry(DicomInputError):
    """Orientation, matrix or spacing differ within the series, or the slices are sheared."""


class UnsupportedPixels(DicomInputError):
    """The pixel data cannot be decoded or is not one grey value per pixel."""


class NotAnImage(DicomInputError):
    """The object is not an MR image of a patient."""


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
