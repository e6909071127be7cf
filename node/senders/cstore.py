"""Send results by C-STORE, all of a batch over one association."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from config.settings import Destination
from db.records import Result
from dicom_io.elements import META_STARTS, Encoding, Walk
from dicom_io.errors import UnreadableFile
from dicom_io.files import read_meta
from node.senders.association import RequestedAssociation, Stored
from node.senders.base import SendReport
from node.senders.negotiation import NoAssociation
from node.status import is_stored

NATIVE: Mapping[str, UID] = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}
"""Transfer syntaxes by their names in the settings: one can be written as another, and nothing is lost."""


@dataclass(frozen=True, slots=True)
class CStoreSender:
    """A storage SCU (PS3.4 B) that calls one address.

    Attributes
    ----------
    timeout_seconds
        How long to wait for the connection, for the association and for each response.
    """

    ae_title: str
    address: Destination
    timeout_seconds: float

    def send(self, results: Sequence[Result]) -> Iterator[SendReport]:
        """Send results in order, with one report for each, as it becomes known."""
        metas = [_read_meta(result) for result in results]
        readable = [meta for meta in metas if meta is not None]
        association, why_not = self._associate(readable) if readable else (None, "")
        in_order = False
        try:
            for result, meta in zip(results, metas, strict=True):
                if meta is None:
                    yield SendReport(delivered=False, reason=f"cannot read {result.path}")
                elif association is None:
                    yield SendReport(delivered=False, reason=why_not)
                else:
                    try:
                        yield self._store(association, result, meta)
                    except NoAssociation as error:
                        association, why_not = None, f"no association with {self._destination} any more: {error}"
                        yield SendReport(delivered=False, reason=why_not)
            in_order = True
        finally:
            if association is not None:
                association.release() if in_order else association.abort()

    def _associate(self, metas: Iterable[FileMetaDataset]) -> tuple[RequestedAssociation | None, str]:
        """Request an association for what the files need; return it, or why there is none."""
        stored = sorted({(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID) for meta in metas})
        # A context each, so that the destination may take several.
        wanted = [(sop_class, syntax) for sop_class, written in stored for syntax in self._syntaxes(written)]
        contexts = list(dict.fromkeys(wanted))
        address, titles = (self.address.host, self.address.port), (self.ae_title, self.address.ae_title)
        try:
            association = RequestedAssociation.request(address, titles, contexts, self.timeout_seconds)
        except NoAssociation as error:
            return None, f"no association with {self._destination}: {error}"
        except OSError as error:
            return None, f"no association with {self._destination}: {error.strerror or error}"
        if not association.accepted:
            association.abort()
            names = sorted({UID(sop_class).name for sop_class, _ in contexts})
            return None, f"{self._destination} does not take {' or '.join(names)}"
        return association, ""

    def _syntaxes(self, stored: UID) -> list[UID]:
        """Return what a file may be sent in, the best first; what is compressed goes as it is."""
        if stored not in NATIVE.values():
            return [stored]
        return [NATIVE[name] for name in self.address.transfer_syntaxes]

    def _store(self, association: RequestedAssociation, result: Result, meta: FileMetaDataset) -> SendReport:
        sop_class, stored = meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID
        proposed = self._syntaxes(stored)
        syntax = next((one for one in proposed if (sop_class, one) in association.accepted), None)
        if syntax is None:
            offered = " or ".join(one.name for one in proposed)
            return SendReport(False, f"{self._destination} does not take {sop_class.name} in {offered}")
        try:
            with _data_set(result.path, meta, syntax) as data_set:
                answer = association.store(sop_class, meta.MediaStorageSOPInstanceUID, syntax, data_set)
        except (OSError, ValueError) as error:
            return SendReport(delivered=False, reason=str(error))
        return _report(answer, syntax)

    @property
    def _destination(self) -> str:
        return f"{self.address.ae_title} at {self.address.host}:{self.address.port}"


def _read_meta(result: Result) -> FileMetaDataset | None:
    try:
        return read_meta(result.path)[0]
    except (OSError, UnreadableFile):
        return None


@contextmanager
def _data_set(path: Path, meta: FileMetaDataset, syntax: UID) -> Iterator[BufferedIOBase]:
    """Yield a data set byte for byte as it is stored, or written anew in another transfer syntax."""
    if syntax == meta.TransferSyntaxUID:
        _, begin = read_meta(path)
        with path.open("rb") as file:
            file.seek(begin)
            yield file
    else:
        dataset, written = dcmread(path), BytesIO()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(written, implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=True)
        written.seek(Walk(written.getvalue(), Encoding()).over(META_STARTS, group=0x0002)[1])
        yield written


def _report(answer: Stored, syntax: UID) -> SendReport:
    reason = "" if is_stored(answer.status) else f"status 0x{answer.status:04X} {answer.comment}".strip()
    return SendReport(is_stored(answer.status), reason, answer.status, syntax)
