"""What a path holds: DICOM, NIfTI or a picture."""

from collections.abc import Sequence
from pathlib import Path

from node.decision import Need
from node.inspect.folder import Contents, contents
from node.predict.dicom import DicomReader
from node.predict.errors import InputRefused
from node.predict.material import Material
from node.predict.nifti import nifti_material
from node.predict.still import still_material

_NIFTI = (".nii", ".nii.gz")
_PICTURES = (".png", ".jpg", ".jpeg")
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def material_of(path: Path, sequences: Sequence[str], needs: Sequence[Need], reader: DicomReader) -> Material:
    """Find out what a path holds, and which models are asked about it.

    Parameters
    ----------
    sequences
        ``--sequence``, as the user wrote it.

    Raises
    ------
    InputRefused
        When there is nothing in it that a model could be asked about.
    """
    try:
        if not path.exists():
            raise InputRefused("there is no such file or folder")
        if path.is_file() and _is_picture(path):
            return still_material(path, needs, sequences)
        niftis = _niftis(path)
        found = contents(path) if path.is_dir() or not niftis else Contents((), (), ())
    except OSError as error:
        raise InputRefused(f"cannot be read: {error.strerror or error}") from error
    if niftis and found.series:
        raise InputRefused("holds DICOM and NIfTI files, give the folder of one of them")
    if niftis:
        return nifti_material(path, niftis, needs, sequences, reader.other_frame)
    if not found.series:
        raise InputRefused(_nothing(path, found))
    if sequences:
        raise InputRefused("DICOM tells its sequences itself, leave --sequence out")
    return reader.material(found, needs)


def _niftis(path: Path) -> list[Path]:
    """Return the NIfTI files: the file itself, or those that lie in the folder, not deeper."""
    there = sorted(path.iterdir()) if path.is_dir() else [path]
    return [one for one in there if one.is_file() and one.name.lower().endswith(_NIFTI) and one.name[0] != "."]


def _is_picture(path: Path) -> bool:
    """Tell a picture by its first bytes, or by a name that promises one."""
    if path.suffix.lower() in _PICTURES:
        return True
    with path.open("rb") as file:
        return file.read(8).startswith(_SIGNATURES)


def _nothing(path: Path, found: Contents) -> str:
    if found.empty:
        return "there are no files in it"
    if path.is_file():
        said = f"it {found.unusable[0][1]}" if found.unusable else "it is neither DICOM nor NIfTI (.nii, .nii.gz)"
        return f"{said}, and no PNG or JPEG picture either"
    pictures = [one for one in found.not_dicom if one.suffix.lower() in _PICTURES]
    if pictures:
        return "pictures are looked at one by one, as nothing says how they lie to one another: name one of them"
    if found.unusable:
        where, reason = found.unusable[0]
        return f"no file in it can be used: {where.name} {reason}"
    return "there are neither DICOM nor NIfTI files in it"
