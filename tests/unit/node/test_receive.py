"""One C-STORE request: kept before it is answered, or refused with status and reason."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.builders import make_geometry, new_series, write_multiframe
from support.intake import LIMITS, OpenIntake, bytes_of, open_intake
from support.scu import encode_data_set
from support.wait import wait_until

from db import inbox, views
from db.engine import reading
from db.records import ReceivedInstance
from node.index import Index
from node.intake import StoreRequest
from node.receive import HELD_BYTES, Receiver
from node.status import Status

NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def intake(tmp_path: Path, engine: Engine) -> Iterator[OpenIntake]:
    with open_intake(engine, tmp_path / "data", lambda: NOW) as opened:
        yield opened


@pytest.fixture
def image() -> Dataset:
    return new_series(slices=1)[0]


def request_for(image: Dataset) -> StoreRequest:
    return StoreRequest(
        affected_sop_class_uid=image.get("SOPClassUID", MRImageStorage),
        affected_sop_instance_uid=image.get("SOPInstanceUID", "1.2.3"),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        calling_ae_title="SCANNER",
    )


def received(engine: Engine, intake: OpenIntake, image: Dataset) -> tuple[ReceivedInstance, ...]:
    """Return the rows of a series once all are written."""
    intake.index.stop()
    with reading(engine) as connection:
        return inbox.instances(connection, image.SeriesInstanceUID)


def test_success_means_that_bytes_and_row_are_there(intake: OpenIntake, engine: Engine, image: Dataset) -> None:
    data_set = encode_data_set(image)

    answer = intake.take(request_for(image), data_set)

    assert (answer.status, answer.reason) == (Status.SUCCESS, "")
    assert answer.series_instance_uid == image.SeriesInstanceUID
    (row,) = received(engine, intake, image)
    assert bytes_of(row).endswith(data_set)
    assert sha256(bytes_of(row)).hexdigest() == row.sha256
    assert (row.sop_instance_uid, row.calling_ae_title, row.received_at) == (image.SOPInstanceUID, "SCANNER", NOW)


def test_an_instance_sent_twice_is_one_row(intake: OpenIntake, engine: Engine, image: Dataset) -> None:
    statuses = [intake.take(request_for(image), encode_data_set(image)).status for _ in range(2)]

    assert statuses == [Status.SUCCESS, Status.SUCCESS]
    assert len(received(engine, intake, image)) == 1


@pytest.mark.parametrize("frames", [1, 40])
def test_a_data_set_that_comes_in_parts_is_kept_as_one(
    intake: OpenIntake, engine: Engine, tmp_path: Path, frames: int
) -> None:
    voxels = np.random.default_rng(0).integers(0, 4096, (frames, 256, 256), dtype=np.uint16)
    path = write_multiframe(tmp_path / "m.dcm", voxels=voxels, geometry=make_geometry(shape=voxels.shape))
    image = dcmread(path)
    data_set = encode_data_set(image)
    parts = [memoryview(data_set)[start : start + 100_001] for start in range(0, len(data_set), 100_001)]

    answer = intake.take(request_for(image), *parts)

    assert answer.status == Status.SUCCESS
    (row,) = received(engine, intake, image)
    assert bytes_of(row).endswith(data_set)
    assert row.size > HELD_BYTES or frames == 1


def test_an_instance_whose_association_broke_off_leaves_nothing(intake: OpenIntake, image: Dataset) -> None:
    small, large = (intake.receiver.begin(request_for(image)) for _ in range(2))
    small.add([b"half"])
    large.add([bytes(HELD_BYTES + 1)])

    small.drop()
    large.drop()

    assert not [path for path in intake.spool.folder.iterdir() if path.suffix not in (".segment", ".making", "")]


def test_a_large_instance_that_cannot_be_collected_is_refused_at_its_end(intake: OpenIntake, image: Dataset) -> None:
    arrival = intake.receiver.begin(request_for(image))
    moved = intake.spool.folder.rename(intake.spool.folder.with_name("elsewhere"))

    arrival.add([bytes(HELD_BYTES + 1)])
    arrival.add([b"more"])
    answer = arrival.finish([b"end"])
    moved.rename(intake.spool.folder)

    assert answer.status == Status.OUT_OF_RESOURCES
    assert answer.reason.startswith("cannot collect the instance: No such file")


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
    intake: OpenIntake, engine: Engine, image: Dataset, spoil: Callable[[Dataset], None], status: Status
) -> None:
    spoil(image)

    with capture_logs() as lines:
        answer = intake.take(request_for(image), encode_data_set(image))

    assert answer.status == status
    assert answer.reason
    assert [(line["action"], line["reason"]) for line in lines] == [("refuse", answer.reason)]
    intake.index.stop()
    with reading(engine) as connection:
        assert views.counts(connection).instances == 0


def test_an_instance_that_is_not_the_announced_one_is_refused(intake: OpenIntake, image: Dataset) -> None:
    request = replace(request_for(image), affected_sop_instance_uid=generate_uid(None))

    assert intake.take(request, encode_data_set(image)).status == Status.DATA_SET_DOES_NOT_MATCH_SOP_CLASS


@pytest.mark.parametrize("length", [0, 7, 200, -1])
def test_a_truncated_data_set_is_refused(intake: OpenIntake, image: Dataset, length: int) -> None:
    whole = encode_data_set(image)

    answer = intake.take(request_for(image), whole[:length])

    assert 0xC000 <= answer.status <= 0xCFFF
    assert answer.reason


def test_a_request_without_an_instance_uid_is_refused(intake: OpenIntake, image: Dataset) -> None:
    answer = intake.take(replace(request_for(image), affected_sop_instance_uid=""), encode_data_set(image))

    assert answer.status == Status.MISSING_OR_INVALID_UID


def test_a_full_disk_is_out_of_resources(tmp_path: Path, engine: Engine, image: Dataset) -> None:
    with open_intake(engine, tmp_path, limits=replace(LIMITS, minimum_free=10**15)) as intake:
        answer = intake.take(request_for(image), encode_data_set(image))

        assert answer.status == Status.OUT_OF_RESOURCES
        assert "must stay free" in answer.reason
        assert received(engine, intake, image) == ()


def test_a_locked_database_does_not_keep_a_sender_waiting(
    intake: OpenIntake, engine: Engine, tmp_path: Path, image: Dataset
) -> None:
    with closing(sqlite3.connect(tmp_path / "glia.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = intake.take(request_for(image), encode_data_set(image))

    assert answer.status == Status.SUCCESS
    wait_until(lambda: not intake.index.is_late(NOW + timedelta(days=1)), what="the row")
    assert len(received(engine, intake, image)) == 1


def test_a_database_too_far_behind_is_out_of_resources(tmp_path: Path, engine: Engine, image: Dataset) -> None:
    with open_intake(engine, tmp_path / "data") as intake:
        receiver = Receiver(intake.spool, Index(engine, intake.spool, lambda: None, most_behind=0), lambda: NOW)
        answer = receiver.begin(request_for(image)).finish([encode_data_set(image)])

    assert answer.status == Status.OUT_OF_RESOURCES
    assert "the database is too far behind" in answer.reason


def test_an_error_nobody_foresaw_is_answered_and_logged_with_its_traceback(intake: OpenIntake, image: Dataset) -> None:
    def broken() -> datetime:
        raise LookupError("no clock")

    receiver = Receiver(intake.spool, intake.index, broken)
    with capture_logs() as lines:
        answer = receiver.begin(request_for(image)).finish([encode_data_set(image)])

    assert answer.status == Status.CANNOT_UNDERSTAND
    assert "unexpected" in answer.reason
    assert lines[0]["exc_info"]


def test_no_log_line_names_the_patient(intake: OpenIntake, image: Dataset) -> None:
    with capture_logs() as lines:
        intake.take(request_for(image), encode_data_set(image))
        intake.take(request_for(image), encode_data_set(image)[:300])

    assert "secret" not in str(lines).lower()
