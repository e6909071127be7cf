"""A sender of tests: writes files, well-formed or not, and sends them over a real association."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, _config
from pynetdicom.association import Association


@dataclass(frozen=True, slots=True)
class Sent:
    """What the receiver answered to one file."""

    status: int
    comment: str


def encode_data_set(data_set: Dataset, implicit: bool = False) -> bytes:
    """Return a data set as bytes, little endian, without file meta information."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, implicit
    write_dataset(buffer, data_set)
    return bytes(buffer.getvalue())


def write_file(
    path: Path,
    data_set: Dataset,
    *,
    encoded: bytes | None = None,
    sop_instance_uid: str | None = None,
    sop_class_uid: str | None = None,
    implicit: bool = False,
) -> Path:
    """Write a file to be sent; what it claims to be, and its bytes, may differ from the data set.

    Parameters
    ----------
    encoded
        The bytes of the data set as they go over the wire, when they are not to be well-formed.
    sop_instance_uid, sop_class_uid
        What the C-STORE request says, when it is not what the data set says.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class_uid or data_set.SOPClassUID
    meta.MediaStorageSOPInstanceUID = sop_instance_uid or data_set.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    head = BytesIO()
    write_file_meta_info(head, meta, enforce_standard=False)
    body = encode_data_set(data_set, implicit) if encoded is None else encoded
    path.write_bytes(b"".join((bytes(128), b"DICM", head.getvalue(), body)))
    return path


def write_series(folder: Path, series: Sequence[Dataset]) -> list[Path]:
    """Write a series as files to be sent."""
    folder.mkdir(parents=True, exist_ok=True)
    return [write_file(folder / f"{number:03}.dcm", data_set) for number, data_set in enumerate(series)]


def associate(
    port: int, calling: str = "SCANNER", called: str = "GLIA", sop_class: str = MRImageStorage, timeout: float = 20.0
) -> Association:
    """Request an association with a node on a loopback port; it may have been rejected."""
    ae = AE(ae_title=calling)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = timeout
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        ae.add_requested_context(sop_class, syntax)
    return ae.associate("127.0.0.1", port, ae_title=called)


def store(association: Association, path: Path) -> Sent:
    """Send one file byte for byte over an open association."""
    _config.STORE_SEND_CHUNKED_DATASET = True  # else pynetdicom decodes the file and mends what is wrong with it
    response = association.send_c_store(path)
    return Sent(response.get("Status", -1), response.get("ErrorComment", ""))


def send(port: int, paths: Sequence[Path], calling: str = "SCANNER", called: str = "GLIA") -> list[Sent]:
    """Send files over one association and release it."""
    association = associate(port, calling, called)
    assert association.is_established
    answers = [store(association, path) for path in paths]
    association.release()
    return answers
