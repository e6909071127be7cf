"""One C-STORE request: kept before it is answered, or refused with status and reason."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.builders import new_series
from support.scu import encode_data_set

from db import inbox
from db.engine import reading
from db.records import ReceivedInstance
from node.receive import Receiver, StoreRequest
from node.status import Status
from node.storage import Storage

NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def receiver(tmp_path: Path, engine: Engine) -> Receiver:
    return Receiver(Storage(tmp_path / "data", minimum_free_mb=0), engine)


@pytest.fixture
def image() -> Dataset:
    return new_series(slices=1)[0]


def request_for(image: Dataset, encoded: bytes | None = None) -> StoreRequest:
    return StoreRequest(
        affected_sop_class_uid=image.get("SOPClassUID", MRImageStorage),
        affected_sop_instance_uid=image.get("SOPInstanceUID", "1.2.3"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        calling_ae_title="SCANNER",
        data_set=encode_data_set(image) if encoded is None else encoded,
    )


def received(engine: Engine, image: Dataset) -> tuple[ReceivedInstance, ...]:
    with reading(engine) as connection:
        return inbox.instances(connection, image.SeriesInstanceUID)


def test_success_means_that_bytes_and_row_are_there(receiver: Receiver, engine: Engine, image: Dataset) -> None:
    request = request_for(image)

    answer = receiver.receive(request, NOW)

    assert (answer.status, answer.reason) == (Status.SUCCESS, "")
    assert answer.series_instance_uid == image.SeriesInstanceUID
    (row,) = received(engine, image)
    assert row.path.read_bytes().endswith(request.data_set)
    assert row.path.stat().st_size == row.size
    assert (row.sop_instance_uid, row.calling_ae_title, row.received_at) == (image.SOPInstanceUID, "SCANNER", NOW)


def test_an_instance_sent_twice_is_one_row_and_one_file(receiver: Receiver, engine: Engine, image: Dataset) -> None:
    statuses = [receiver.receive(request_for(image), NOW).status for _ in range(2)]

    assert statuses == [Status.SUCCESS, Status.SUCCESS]
    (row,) = received(engine, image)
    assert list(row.path.parent.iterdir()) == [row.path]


def without(keyword: str) -> Callable[[Dataset], None]:
    return lambda image: image.__delitem__(keyword)


def setting(keyword: str, value: str) -> Callable[[Dataset], None]:
    return lambda image: setattr(image, keyword, value)


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (without("SOPInstanceUID"), Status.MISSING_OR_INVALID_UID),
        (without("SeriesInstanceUID"), Status.MISSING_OR_INVALID_UID),
        (without("StudyInstanceUID"), Status.MISSING_OR_INVALID_UID),
        (setting("SeriesInstanceUID", "../../etc"), Status.MISSING_OR_INVALID_UID),
        (setting("SOPInstanceUID", "../../etc"), Status.MISSING_OR_INVALID_UID),
        (setting("SOPClassUID", CTImageStorage), Status.SOP_CLASS_NOT_SUPPORTED),
        (setting("Modality", "CT"), Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS),
        (setting("Modality", ""), Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_what_is_not_an_mr_instance_is_refused_with_a_reason_and_not_kept(
    receiver: Receiver, tmp_path: Path, image: Dataset, spoil: Callable[[Dataset], None], status: Status
) -> None:
    spoil(image)

    with capture_logs() as lines:
        answer = receiver.receive(request_for(image), NOW)

    assert answer.status == status
    assert answer.reason
    assert [(line["action"], line["reason"]) for line in lines] == [("refuse", answer.reason)]
    assert not list((tmp_path / "data").rglob("*.*"))


def test_an_instance_that_is_not_the_announced_one_is_refused(receiver: Receiver, image: Dataset) -> None:
    request = replace(request_for(image), affected_sop_instance_uid=generate_uid(None))

    assert receiver.receive(request, NOW).status == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS


@pytest.mark.parametrize("length", [0, 7, 200, -1])
def test_a_truncated_data_set_is_refused(receiver: Receiver, image: Dataset, length: int) -> None:
    whole = encode_data_set(image)

    answer = receiver.receive(request_for(image, whole[:length]), NOW)

    assert 0xC000 <= answer.status <= 0xCFFF
    assert answer.reason


def test_a_request_without_an_instance_uid_is_refused(receiver: Receiver, image: Dataset) -> None:
    answer = receiver.receive(replace(request_for(image), affected_sop_instance_uid=""), NOW)

    assert answer.status == Status.MISSING_OR_INVALID_UID


def test_a_full_disk_is_out_of_resources(tmp_path: Path, engine: Engine, image: Dataset) -> None:
    receiver = Receiver(Storage(tmp_path / "data", minimum_free_mb=10**9), engine)

    answer = receiver.receive(request_for(image), NOW)

    assert answer.status == Status.OUT_OF_RESOURCES
    assert "must stay free" in answer.reason
    assert received(engine, image) == ()


def test_a_locked_database_is_out_of_resources_and_a_retry_succeeds(
    receiver: Receiver, engine: Engine, tmp_path: Path, image: Dataset
) -> None:
    with closing(sqlite3.connect(tmp_path / "glia.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked = receiver.receive(request_for(image), NOW)

    assert locked.status == Status.OUT_OF_RESOURCES
    assert "database" in locked.reason
    assert receiver.receive(request_for(image), NOW).status == Status.SUCCESS
    (row,) = received(engine, image)
    assert row.path.exists()


def test_an_error_nobody_foresaw_is_answered_and_logged_with_its_traceback(
    receiver: Receiver, engine: Engine, image: Dataset
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instances")

    with capture_logs() as lines:
        answer = receiver.receive(request_for(image), NOW)

    assert answer.status == Status.CANNOT_UNDERSTAND
    assert "unexpected" in answer.reason
    assert lines[0]["exc_info"]


def test_no_log_line_names_the_patient(receiver: Receiver, image: Dataset) -> None:
    with capture_logs() as lines:
        receiver.receive(request_for(image), NOW)
        receiver.receive(request_for(image, encode_data_set(image)[:300]), NOW)

    assert "secret" not in str(lines).lower()
