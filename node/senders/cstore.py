"""Send results by C-STORE, all of a batch over one association."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config
from pynetdicom.association import Association

from config.settings import Destination
from db.records import Result
from node.senders.base import SendReport
from node.status import is_stored

# Files leave byte for byte as they are stored, where the destination takes their transfer syntax; without this,
# pynetdicom's only switch for it, it would decode and encode them anew.
_config.STORE_SEND_CHUNKED_DATASET = True


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
        try:
            association = self._associate(readable) if readable else None
        except OSError as error:  # the host has no address
            yield from (SendReport(False, f"{self._destination}: {error.strerror}") for _ in results)
            return
        try:
            for result, meta in zip(results, metas, strict=True):
                if association is None or meta is None:
                    yield SendReport(delivered=False, reason=f"cannot read {result.path}")
                elif association.is_established:
                    yield self._store(association, result, meta)
                else:
                    yield SendReport(delivered=False, reason=self._why_not(association))
        finally:
            if association is not None and association.is_established:
                association.release()

    def _associate(self, metas: Iterable[FileMetaDataset]) -> Association:
        """Request an association for what the files need."""
        ae = AE(ae_title=self.ae_title)
        ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = self.timeout_seconds
        for sop_class, stored in sorted({(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID) for meta in metas}):
            for syntax in self._syntaxes(stored):  # a context each, so that the destination may take several
                ae.add_requested_context(sop_class, syntax)
        return ae.associate(self.address.host, self.address.port, ae_title=self.address.ae_title)

    def _syntaxes(self, stored: UID) -> list[UID]:
        """Return what a file may be sent in, the best first; what is compressed goes as it is."""
        if stored not in NATIVE.values():
            return [stored]
        return [NATIVE[name] for name in self.address.transfer_syntaxes]

    def _store(self, association: Association, result: Result, meta: FileMetaDataset) -> SendReport:
        sop_class, stored = meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID
        proposed = self._syntaxes(stored)
        accepted = [c.transfer_syntax[0] for c in association.accepted_contexts if c.abstract_syntax == sop_class]
        syntax = next((one for one in proposed if one in accepted), None)
        if syntax is None:
            offered = " or ".join(one.name for one in proposed)
            return SendReport(False, f"{self._destination} does not take {sop_class.name} in {offered}")
        try:
            response = association.send_c_store(_as_sent(result.path, stored, syntax))
        except (OSError, RuntimeError, ValueError) as error:
            return SendReport(delivered=False, reason=str(error))
        return _report(response, syntax)

    @property
    def _destination(self) -> str:
        return f"{self.address.ae_title} at {self.address.host}:{self.address.port}"

    def _why_not(self, association: Association) -> str:
        """Return the reason why there is no association (any more)."""
        if association.is_rejected:
            answer = association.acceptor.primitive
            reason = answer.reason_str if answer else "no reason given"
            return f"{self._destination} rejected the association: {reason}"
        if association.rejected_contexts:  # all of them: pynetdicom has aborted it
            refused = sorted({UID(context.abstract_syntax or "").name for context in association.rejected_contexts})
            return f"{self._destination} does not take {' or '.join(refused)}"
        return f"no association with {self._destination}: no connection, or it was aborted"


def _read_meta(result: Result) -> FileMetaDataset | None:
    try:
        return read_file_meta_info(result.path)
    except (OSError, InvalidDicomError):
        return None


def _as_sent(path: Path, stored: UID, syntax: UID) -> Path | Dataset:
    """Return a file as it is, or its data set to be written in another transfer syntax."""
    if syntax == stored:
        return path
    dataset, written = dcmread(path), BytesIO()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(written, implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=True)
    written.seek(0)
    return dcmread(written)


def _report(response: Dataset, syntax: UID) -> SendReport:
    if "Status" not in response:
        reason = "no answer: timeout, or the connection was lost"
        return SendReport(delivered=False, reason=reason, transfer_syntax_uid=syntax)
    comment = response.get("ErrorComment", "")
    reason = "" if is_stored(response.Status) else f"status 0x{response.Status:04X} {comment}".strip()
    return SendReport(is_stored(response.Status), reason, response.Status, syntax)
