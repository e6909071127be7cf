"""Which character set a result is written in: that of its source, or the one that its destination asks for."""

from collections.abc import Iterator

from pydicom import DataElement, Dataset
from pydicom.charset import python_encoding
from pydicom.multival import MultiValue

_TEXTS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))  # PS3.5 6.1.2.2: what Specific Character Set is about


def chosen(asked: str, header: Dataset, patient_name: DataElement) -> object:
    """Return the character set asked for, where it has every letter of the source; else the source's own.

    Parameters
    ----------
    asked
        One of `Profile.character_set`; empty for the source's own.
    """
    own: object = header.get("SpecificCharacterSet")
    if not asked:
        return own
    try:
        for text in _texts(header, patient_name):
            text.encode(python_encoding[asked])
    except UnicodeEncodeError:
        return own
    return asked


def writable(words: str, character_set: object) -> str:
    """Return words in ASCII, which every character set has, except where it is Unicode's."""
    return words if character_set == "ISO_IR 192" else words.encode("ascii", "replace").decode()


def _texts(header: Dataset, patient_name: DataElement) -> Iterator[str]:
    for element in (*header, patient_name):
        if element.VR in _TEXTS and element.value is not None:
            values = element.value if isinstance(element.value, MultiValue) else (element.value,)
            yield from map(str, values)
