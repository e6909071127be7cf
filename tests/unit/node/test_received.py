import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_io.instance import InstanceIdentity
from node.errors import Permanent
from node.received import header_of, instance_of
from node.spool.place import Place

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
PLACE = Place(Path("/spool/1.segment"), 4096, 1000, "ab" * 32, 3968)
IDENTITY = InstanceIdentity(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
    sop_instance_uid="1.2.3",
    study_instance_uid="1.2",
    series_instance_uid="1.2.9",
    modality="MR",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    series_description="Schädel FLAIR",
)


def test_a_row_comes_back_from_what_is_kept_with_the_instance() -> None:
    row = instance_of(header_of(IDENTITY, "SCANNER", NOW), PLACE)

    assert (row.path, row.offset, row.size, row.sha256) == (PLACE.path, 4096, 1000, "ab" * 32)
    assert (row.sop_instance_uid, row.series_instance_uid, row.study_instance_uid) == ("1.2.3", "1.2.9", "1.2")
    assert (row.series_description, row.calling_ae_title, row.received_at) == ("Schädel FLAIR", "SCANNER", NOW)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"version": 1}',
        json.dumps({"version": 1, "received_at": "yesterday"}).encode(),
        json.dumps(json.loads(header_of(IDENTITY, "A", NOW)) | {"more": 1}).encode(),
    ],
)
def test_what_is_no_header_of_ours_is_said(header: bytes) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        instance_of(header, PLACE)


def test_a_header_of_another_version_is_said() -> None:
    header = json.dumps(json.loads(header_of(IDENTITY, "A", NOW)) | {"version": 2}).encode()

    with pytest.raises(Permanent, match="another version of Glia, in form 2"):
        instance_of(header, PLACE)
