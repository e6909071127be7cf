"""A DICOM file becomes a data set; what is not DICOM, or would fill the memory, is refused."""

from io import BytesIO
from typing import BinaryIO, cast

import pydicom
from pydicom import filereader
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_io.elements import Encoding, Walk, inflate
from dicom_io.errors import NONSENSE, InvalidInstance, UnreadableFile
from dicom_io.stretch import InstanceFile, opened, size_of

MAX_FILE = 2**30
"""The largest file that is read, in bytes."""
MAX_INFLATED = 2**28 + 2**25
"""How many bytes a deflated data set may inflate to: 512 x 512 x 512 voxels of 16 bits, and ample headers."""

_LARGE = 2**24
"""Files beyond this many bytes are stepped over before they are parsed: so many could be elements of nothing."""
_HEAD = 2**18
_PIXELS = (b"\xe0\x7f\x10\x00", b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")
_DEFLATED = DeflatedExplicitVRLittleEndian.encode()


def read_dataset(path: InstanceFile, *, pixels: bool = True) -> Dataset:
    """Read a file's data set, with or without its Pixel Data.

    The data set holds the only copy of its bytes; without pixels no more than the head of the file is read.

    Raises
    ------
    UnreadableFile
        When it is not DICOM, is larger than ``MAX_FILE``, or inflates to more than ``MAX_INFLATED``.
    OSError
        When the disk fails, which is no fault of the file.
    """
    if not pixels and (header := _read_head(path)) is not None:
        return header
    size = size_of(path)
    if size > MAX_FILE:
        raise UnreadableFile(f"{path.name} has {size} bytes, more than the {MAX_FILE} that are read")
    with opened(path) as file:
        return _parse(file.read(), path, pixels=pixels)[0]


def read_meta(path: InstanceFile) -> tuple[FileMetaDataset, int]:
    """Read a file's File Meta Information (PS3.10 7.1); return it and where the data set begins.

    Raises
    ------
    UnreadableFile
        When it is not DICOM.
    OSError
        When the disk fails, which is no fault of the file.
    """
    with opened(path) as file:
        try:
            return _file_meta(cast(BinaryIO, file))
        except OSError:
            raise
        except NONSENSE as error:
            raise UnreadableFile(f"{path.name} is not readable as DICOM: {error}") from error


def _read_head(path: InstanceFile) -> Dataset | None:
    """Read the header from the first bytes of a large file; None where they do not reach its Pixel Data."""
    with opened(path) as file:
        head = file.read(_HEAD)
    if len(head) < _HEAD or _DEFLATED in head or not any(tag in head for tag in _PIXELS):
        return None
    try:
        dataset, end = _parse(head, path, pixels=False)
    except UnreadableFile:
        return None  # cut within an element
    return dataset if head[end : end + 4] in _PIXELS else None


def _parse(content: bytes, path: InstanceFile, *, pixels: bool) -> tuple[Dataset, int]:
    """Return the data set, and where reading ended."""
    try:
        if _DEFLATED in content or len(content) > _LARGE:
            meta, end_of_meta = _file_meta(BytesIO(content))
            syntax = str(meta.get("TransferSyntaxUID", ""))
            if syntax == DeflatedExplicitVRLittleEndian:
                return _inflated(content[end_of_meta:], meta, pixels=pixels), len(content)
            if len(content) > _LARGE:
                Walk(content, Encoding.of(syntax)).over(end_of_meta)
        file = BytesIO(content)
        dataset = pydicom.dcmread(file, stop_before_pixels=not pixels)
        dataset.buffer = None  # it would keep a second copy of the pixels
        return dataset, file.tell()
    except (*NONSENSE, InvalidInstance) as error:
        raise UnreadableFile(f"{path.name} is not readable as DICOM: {error}") from error


def _file_meta(file: BinaryIO) -> tuple[FileMetaDataset, int]:
    filereader.read_preamble(file, force=False)
    meta = filereader.read_dataset(file, False, True, stop_when=lambda tag, *_: tag.group != 2)
    return FileMetaDataset(meta), file.tell()


def _inflated(deflated: bytes, meta: FileMetaDataset, *, pixels: bool) -> Dataset:
    """Read a deflated data set; pydicom would inflate it without a limit."""
    stop = None if pixels else lambda tag, *_: tag >= 0x7FE00008
    inflated = inflate(deflated, MAX_INFLATED)
    if len(inflated) > _LARGE:
        Walk(inflated, Encoding()).over(0)
    dataset = filereader.read_dataset(BytesIO(inflated), False, True, stop_when=stop)
    dataset.file_meta = meta
    return dataset
