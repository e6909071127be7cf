"""Which MR sequence a file shows, as its name or the user tells: NIfTI files and pictures do not say it themselves."""

import re
from collections.abc import Sequence
from pathlib import Path

from dicom_io.names import agent_said, sequence_said
from dicom_io.volume import SEQUENCE_TITLES
from node.predict.errors import InputRefused

_SHORT = {"t1n": "t1", "t1c": "t1c", "t1ce": "t1c", "t1gd": "t1c", "t2f": "flair", "fla": "flair"}
"""Names of BraTS and its kin, which no scanner uses."""
_DRAWN = re.compile(r"(?<![a-z])(seg|segmentation|mask|label|labels|roi|lesion)(?![a-z])", re.IGNORECASE)
_ENTITY = re.compile(r"(?<![a-z])(sub|ses|run)-[^_]*_?", re.IGNORECASE)
"""What BIDS puts before the contrast, as in sub-01_ses-2_FLAIR; "sub" would be taken for a subtraction."""
_SUFFIX = re.compile(r"(\.nii)?\.[^.]*$")

KNOWN = ", ".join(SEQUENCE_TITLES)


def contrast_said(name: str) -> str | None:
    """Return what a file's name says of its sequence: "flair", "t1", "t1c" or "t2"; None where it says none of them."""
    stem = _ENTITY.sub("", _SUFFIX.sub("", name))
    short = {_SHORT[word] for word in re.split(r"[^a-z0-9]+", stem.lower()) if word in _SHORT}
    if len(short) == 1:
        return short.pop()
    said = sequence_said(stem)
    if said is None or said.sequence not in SEQUENCE_TITLES:
        return None
    agent = agent_said(stem) if said.sequence == "t1" else None
    return "t1c" if agent and agent.when == "after" else said.sequence


def is_drawing(name: str) -> bool:
    """Tell whether a file's name says that it is a mask, and no image."""
    return bool(_DRAWN.search(_SUFFIX.sub("", name)))


def told_by_user(given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Read ``--sequence``: "t1c" where there is one file, else "FILE=t1c" for each file whose name does not tell.

    Parameters
    ----------
    names
        The files that there are.

    Returns
    -------
    dict
        File name -> sequence.

    Raises
    ------
    InputRefused
        When a sequence or a file is none, or it is not said of which file.
    """
    told = {}
    for one in given:
        file, equals, sequence = one.rpartition("=")
        if sequence not in SEQUENCE_TITLES:
            raise InputRefused(f"--sequence {one}: {sequence!r} is no sequence that models know, they know {KNOWN}")
        if not equals and len(names) != 1:
            raise InputRefused(f"--sequence {one} does not say of which file, write it as FILE={sequence}")
        if equals and file not in names:
            raise InputRefused(f"--sequence {one}: there is no file {file}, there are {', '.join(names)}")
        told[file or names[0]] = sequence
    return told


def sequence_of(path: Path, told: dict[str, str]) -> str:
    """Return the sequence of one file: as the user said, else as its name says.

    Raises
    ------
    InputRefused
        When neither tells.
    """
    sequence = told.get(path.name) or contrast_said(path.name)
    if sequence is None:
        raise InputRefused(
            f"the name {path.name} does not tell which MR sequence it shows, say so with --sequence ({KNOWN})"
        )
    return sequence
