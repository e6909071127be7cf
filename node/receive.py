"""One C-STORE request: bytes as sent onto stable storage, then the row committed, then the answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

import structlog
from pydicom.uid import UID
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import create_file_meta, encode_file_meta
from pynetdicom.events import Event
from sqlalchemy import Engine

from db import inbox
from db.errors import DatabaseError
from db.records import ReceivedInstance
from dicom_io.errors import DicomInputError, InvalidUid, MismatchedInstance
from dicom_io.header import MR_IMAGES
from dicom_io.instance import InstanceIdentity, identify
from node.errors import Refused, StorageUnavailable
from node.status import Status
from node.storage import Area, Storage

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """A C-STORE request (PS3.7 9.1.1), as plain values."""

    affected_sop_class_uid: str
    affected_sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    data_set: bytes

    @classmethod
    def of(cls, event: Event) -> Self:
        """Take the request out of pynetdicom's event."""
        request = event.request
        assert isinstance(request, C_STORE)
        return cls(
            affected_sop_class_uid=str(request.AffectedSOPClassUID),
            affected_sop_instance_uid=str(request.AffectedSOPInstanceUID),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            calling_ae_title=event.assoc.requestor.ae_title.strip(),
            data_set=event.encoded_dataset(include_meta=False),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told; the reason is empty when the instance is ours."""

    status: Status
    reason: str = ""
    series_instance_uid: str = ""


class Receiver:
    """Keeps what arrives, or says why not."""

    def __init__(self, storage: Storage, engine: Engine) -> None:
        self._storage = storage
        self._engine = engine

    def receive(self, request: StoreRequest, received_at: datetime) -> Answer:
        """Answer one request; success means that the bytes and the row are on stable storage.

        Never raises: whatever goes wrong with one instance, the listener goes on.
        """
        log = _log.bind(calling_ae_title=request.calling_ae_title, sop=request.affected_sop_instance_uid[:64])
        try:
            instance = self._keep(request, received_at)
        except Refused as refusal:
            answer = Answer(Status(refusal.status), str(refusal))
        except StorageUnavailable as error:
            answer = Answer(Status.OUT_OF_RESOURCES, str(error))
        except DatabaseError as error:
            answer = Answer(Status.OUT_OF_RESOURCES, f"the database is not available: {error}")
        except Exception as error:
            log.exception("instance refused", action="refuse", reason=f"unexpected {type(error).__name__}")
            return Answer(Status.CANNOT_UNDERSTAND, f"unexpected {type(error).__name__}, see the node's log")
        else:
            log.debug("instance received", action="receive", series=instance.series_instance_uid)
            return Answer(Status.SUCCESS, series_instance_uid=instance.series_instance_uid)
        log.warning("instance refused", action="refuse", status=f"0x{answer.status:04X}", reason=answer.reason)
        return answer

    def _keep(self, request: StoreRequest, received_at: datetime) -> ReceivedInstance:
        part10 = _part10(request)
        identity = _identify(part10)
        kept = self._storage.keep(part10, Area.RECEIVED, identity.series_instance_uid)
        instance = ReceivedInstance(
            sop_instance_uid=identity.sop_instance_uid,
            sop_class_uid=identity.sop_class_uid,
            series_instance_uid=identity.series_instance_uid,
            study_instance_uid=identity.study_instance_uid,
            transfer_syntax_uid=request.transfer_syntax_uid,
            calling_ae_title=request.calling_ae_title,
            modality=identity.modality,
            series_description=identity.series_description,
            path=kept.path,
            size=kept.size,
            sha256=kept.sha256,
            received_at=received_at,
        )
        # When this fails the file stays: a commit that raised may have been written all the same, and the
        # same bytes may be those of an instance acknowledged before. A retry finds the file and uses it.
        with self._engine.begin() as connection:
            inbox.receive(connection, instance)
        return instance


def _part10(request: StoreRequest) -> bytes:
    """Return the data set as sent, under file meta information of ours (PS3.10 7.1)."""
    if not (request.affected_sop_class_uid and request.affected_sop_instance_uid):
        raise Refused("the request names no SOP class or no instance", Status.MISSING_OR_INVALID_UID)
    meta = create_file_meta(
        sop_class_uid=UID(request.affected_sop_class_uid),
        sop_instance_uid=UID(request.affected_sop_instance_uid),
        transfer_syntax=UID(request.transfer_syntax_uid),
    )
    return b"".join((bytes(128), b"DICM", encode_file_meta(meta), request.data_set))


def _identify(part10: bytes) -> InstanceIdentity:
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
