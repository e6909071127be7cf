"""Send results by C-STORE, all of a batch over one association."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, _config
from pynetdicom.association import Association

from config.settings import Destination
from db.records import Result
from node.senders.base import SendReport
from node.status import is_stored

# Files leave byte for byte as they are stored; without this, pynetdicom's only switch for it, it would
# decode and encode them anew.
_config.STORE_SEND_CHUNKED_DATASET = True


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
                    yield _store(association, result)
                else:
                    yield SendReport(delivered=False, reason=self._why_not(association))
        finally:
            if association is not None and association.is_established:
                association.release()

    def _associate(self, metas: Iterable[FileMetaDataset]) -> Association:
        """Request an association for what the files need."""
        ae = AE(ae_title=self.ae_title)
        ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = self.timeout_seconds
        for sop_class, syntax in {(meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID) for meta in metas}:
            ae.add_requested_context(sop_class, syntax)
        return ae.associate(self.address.host, self.address.port, ae_title=self.address.ae_title)

    @property
    def _destination(self) -> str:
        return f"{self.address.ae_title} at {self.address.host}:{self.address.port}"

    def _why_not(self, association: Association) -> str:
        """Return the reason why there is no association (any more)."""
        if association.is_rejected:
            answer = association.acceptor.primitive
            reason = answer.reason_str if answer else "no reason given"
            return f"{self._destination} rejected the association: {reason}"
        return f"no association with {self._destination}: no connection, or it was aborted"


def _read_meta(result: Result) -> FileMetaDataset | None:
    try:
        return read_file_meta_info(result.path)
    except (OSError, InvalidDicomError):
        return None


def _store(association: Association, result: Result) -> SendReport:
    try:
        response = association.send_c_store(result.path)
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: no presentation context was accepted
        return SendReport(delivered=False, reason=str(error))
    if "Status" not in response:
        return SendReport(delivered=False, reason="no answer: timeout, or the connection was lost")
    if is_stored(response.Status):
        return SendReport(delivered=True)
    comment = response.get("ErrorComment", "")
    return SendReport(delivered=False, reason=f"status 0x{response.Status:04X} {comment}".strip())
