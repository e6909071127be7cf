"""C-STORE requests: the bytes as sent onto stable storage, then the answer; the row follows behind, for certain."""

import mmap
from collections.abc import Callable, Sequence
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO

import structlog
from pydicom.uid import UID
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION

from dicom_io.errors import DicomInputError, InvalidUid, MismatchedInstance
from dicom_io.file_meta import file_meta
from dicom_io.header import MR_IMAGES
from dicom_io.instance import InstanceIdentity, identify
from node.errors import OutOfSpace, Refused, StorageUnavailable
from node.index import Arrived, Index
from node.intake import Answer, Buffer, StoreRequest
from node.received import header_of, instance_of
from node.spool.spool import Spool
from node.status import Status

HELD_BYTES = 4 << 20
"""An instance of which more comes is collected in a file without a name, not in memory."""
_IMPLEMENTATION = (str(PYNETDICOM_IMPLEMENTATION_UID), PYNETDICOM_IMPLEMENTATION_VERSION)

_log = structlog.get_logger()


class Receiver:
    """Keeps what arrives, or says why not: the intake of the listener (see node/intake.py).

    Parameters
    ----------
    now
        Returns the time, aware.
    """

    def __init__(self, spool: Spool, index: Index, now: Callable[[], datetime]) -> None:
        self._spool = spool
        self._index = index
        self._now = now

    def begin(self, request: StoreRequest) -> "Arrival":
        """Get ready for the data set of one request."""
        return Arrival(self, request)

    def collecting_file(self) -> IO[bytes]:
        """Return a file that nobody else sees, on the disk of the spool; raises OSError."""
        return TemporaryFile(dir=self._spool.folder)

    def answer(self, request: StoreRequest, part10: Callable[[], bytes | mmap.mmap]) -> Answer:
        """Keep an instance and say what the sender is told; success means that it is on stable storage.

        Never raises: whatever goes wrong with one instance, the listener goes on.
        """
        log = _log.bind(calling_ae_title=request.calling_ae_title, sop=request.affected_sop_instance_uid[:64])
        try:
            series = self._keep(request, part10())
        except Refused as refusal:
            answer = Answer(Status(refusal.status), str(refusal))
        except StorageUnavailable as error:
            answer = Answer(Status.OUT_OF_RESOURCES, str(error))
        except OSError as error:
            answer = Answer(Status.OUT_OF_RESOURCES, f"cannot collect the instance: {error.strerror}")
        except Exception as error:
            log.exception("instance refused", action="refuse", reason=f"unexpected {type(error).__name__}")
            return Answer(Status.CANNOT_UNDERSTAND, f"unexpected {type(error).__name__}, see the node's log")
        else:
            log.debug("instance received", action="receive", series=series)
            return Answer(Status.SUCCESS, series_instance_uid=series)
        log.warning("instance refused", action="refuse", status=f"0x{answer.status:04X}", reason=answer.reason)
        return answer

    def _keep(self, request: StoreRequest, part10: bytes | mmap.mmap) -> str:
        identity = _identify(part10)
        if self._index.is_full:
            raise OutOfSpace("the database is too far behind: too many instances wait for their rows")
        header = header_of(identity, request.calling_ae_title, self._now())
        with memoryview(part10) as whole:
            place = self._spool.keep(header, [whole])
        self._index.add(Arrived(instance_of(header, place), place))
        return identity.series_instance_uid


class Arrival:
    """One instance on its way in: in memory while it is small, else in a file without a name."""

    def __init__(self, receiver: Receiver, request: StoreRequest) -> None:
        self._receiver = receiver
        self._request = request
        self._held: list[Buffer] = []
        self._size = 0
        self._file: IO[bytes] | None = None
        self._failure: OSError | Refused | None = None

    def add(self, parts: Sequence[Buffer]) -> None:
        """Take the next bytes of the data set."""
        if self._failure:
            return
        self._held += [bytes(part) for part in parts]
        self._size += sum(map(len, parts))
        if self._size > HELD_BYTES:
            try:
                self._spill()
            except (OSError, Refused) as error:  # the sender is told at the end: it would not listen before
                self.drop()
                self._failure = error

    def finish(self, parts: Sequence[Buffer]) -> Answer:
        """Take the last bytes of the data set and return the answer, once it holds."""
        self._held += parts
        try:
            return self._receiver.answer(self._request, self._part10)
        finally:
            self.drop()

    def drop(self) -> None:
        """Forget the instance."""
        self._held.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _part10(self) -> bytes | mmap.mmap:
        """Return the whole instance as a file has it."""
        if self._failure:
            raise self._failure
        if self._file is None:
            return b"".join((_before(self._request), *self._held))
        self._spill()
        self._file.flush()
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def _spill(self) -> None:
        if self._file is None:
            self._file = self._receiver.collecting_file()
            self._file.write(_before(self._request))
        self._file.writelines(self._held)
        self._held.clear()
        self._size = 0


def _before(request: StoreRequest) -> bytes:
    """Return what stands before the data set as it was sent: file meta information of ours (PS3.10 7.1)."""
    if not (request.affected_sop_class_uid and request.affected_sop_instance_uid):
        raise Refused("the request names no SOP class or no instance", Status.MISSING_OR_INVALID_UID)
    return file_meta(
        request.affected_sop_class_uid,
        request.affected_sop_instance_uid,
        request.transfer_syntax_uid,
        _IMPLEMENTATION,
    )


def _identify(part10: bytes | mmap.mmap) -> InstanceIdentity:
    """Read who the instance is, and refuse it where it is not what the request says, or not MR."""
    try:
        identity = identify(part10)
    except DicomInputError as error:
        raise Refused(str(error), _status_of(error)) from error
    if identity.sop_class_uid not in MR_IMAGES:
        raise Refused(f"SOP class {UID(identity.sop_class_uid).name} is not MR", Status.SOP_CLASS_NOT_SUPPORTED)
    if identity.modality != "MR":
        raise Refused("Modality is not MR", Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS)
    return identity


def _status_of(error: DicomInputError) -> Status:
    match error:
        case InvalidUid():
            return Status.MISSING_OR_INVALID_UID
        case MismatchedInstance():
            return Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS
        case _:
            return Status.UNREADABLE_DATA_SET
