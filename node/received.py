"""Received instances: what the spool keeps with each, so that its row can be written again, and where it is read."""

import json
from datetime import datetime

from db.records import ReceivedInstance
from dicom_io.instance import InstanceIdentity
from dicom_io.stretch import Stretch
from node.errors import Permanent
from node.spool.place import Place

_VERSION = 1


def header_of(identity: InstanceIdentity, calling_ae_title: str, received_at: datetime) -> bytes:
    """Return what is kept with an instance."""
    return json.dumps(
        {
            "version": _VERSION,
            "sop_instance_uid": identity.sop_instance_uid,
            "sop_class_uid": identity.sop_class_uid,
            "series_instance_uid": identity.series_instance_uid,
            "study_instance_uid": identity.study_instance_uid,
            "transfer_syntax_uid": identity.transfer_syntax_uid,
            "calling_ae_title": calling_ae_title,
            "modality": identity.modality,
            "series_description": identity.series_description,
            "received_at": received_at.isoformat(),
        }
    ).encode()


def file_of(instance: ReceivedInstance) -> Stretch:
    """Return where the bytes of an instance are."""
    return Stretch(instance.path, instance.offset, instance.size)


def instance_of(header: bytes, place: Place) -> ReceivedInstance:
    """Return the row of an instance.

    Raises
    ------
    Permanent
        When the header is none that this version writes.
    """
    try:
        kept = json.loads(header)
        version = kept.pop("version")
        if version != _VERSION:
            raise Permanent(f"written by another version of Glia, in form {version}")
        received_at = datetime.fromisoformat(kept.pop("received_at"))
        return ReceivedInstance(
            path=place.path,
            offset=place.offset,
            size=place.size,
            sha256=place.sha256,
            received_at=received_at,
            **kept,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Permanent(f"what is kept with it cannot be read: {error}") from error
