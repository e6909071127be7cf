"""Real associations: what is answered 0x0000 is there byte for byte, and nothing bad stops the listener."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import AsynchronousOperationsWindowNegotiation
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.association import echo as echo_in_pdus
from support.association import peer, proposal
from support.association import store as store_in_pdus
from support.builders import new_series
from support.intake import LIMITS, bytes_of
from support.node_process import echo
from support.rooms import settings
from support.scu import associate, encode_data_set, send, store, write_file, write_series
from support.wait import wait_until

from db import inbox, views
from db.engine import open_database, reading
from db.records import ReceivedInstance, SeriesState
from dicom_io.survey import survey
from inference.card import Input
from node.completion import Completion
from node.decision import Need
from node.index import Index
from node.listener import Listener
from node.loop import Loop
from node.receive import Receiver
from node.spool.spool import Spool
from node.upkeep import Upkeep


def now() -> datetime:
    return datetime.now(UTC)


pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR UI")


class Node:
    """A listener and its database, on a free port."""

    def __init__(self, folder: Path, minimum_free_mb: int = 0, **keys: object) -> None:
        chosen = settings(listener__port=0, completion__interval_seconds=0.05, **keys)
        self.folder = folder
        self.engine: Engine = open_database(f"sqlite:///{folder}/glia.sqlite", busy_timeout_seconds=0.2)
        needs = [Need("segment", (Input(("flair",)),))]
        completion = Completion(self.engine, chosen.completion, needs, survey, datetime.now(UTC))
        self.loop = Loop(chosen.completion.interval_seconds)
        self.spool = Spool(folder / "data" / "spool", replace(LIMITS, minimum_free=minimum_free_mb * 1_000_000))
        index = Index(self.engine, self.spool, self.loop.wake, retry_seconds=0.05)
        upkeep = Upkeep(self.engine, self.spool, timedelta(minutes=1), None, now)
        self.listener = Listener(chosen.listener, Receiver(self.spool, index, now), index, completion, upkeep, now)
        self.port = self.listener.start()
        self._look_out = Thread(target=self.loop.run, args=[self.listener.look])
        self._look_out.start()

    def stop(self) -> None:
        self.loop.stop()
        self._look_out.join()
        self.listener.stop()
        self.spool.close()
        self.engine.dispose()

    def instances(self, data_set: Dataset, expected: int = 1) -> tuple[ReceivedInstance, ...]:
        """Return the rows of a series, once there are so many: they follow the answer."""

        def rows() -> tuple[ReceivedInstance, ...]:
            with reading(self.engine) as connection:
                return inbox.instances(connection, data_set.SeriesInstanceUID)

        wait_until(lambda: len(rows()) == expected, what=f"{expected} rows")
        return rows()

    def state(self, data_set: Dataset) -> SeriesState | None:
        with reading(self.engine) as connection:
            series = inbox.series(connection, data_set.SeriesInstanceUID)
        return series.state if series else None

    def models(self, data_set: Dataset) -> list[str]:
        with reading(self.engine) as connection:
            return [job.model for job in views.jobs_of_study(connection, data_set.StudyInstanceUID)]


@contextmanager
def running_node(folder: Path, **keys: object) -> Iterator[Node]:
    folder.mkdir(exist_ok=True)
    node = Node(folder, **keys)
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with running_node(tmp_path / "node") as running:
        yield running


@pytest.fixture
def image() -> Dataset:
    return new_series(slices=1)[0]


def assert_goes_on(node: Node, tmp_path: Path) -> None:
    """Send a good instance: the listener has survived whatever came before."""
    (answer,) = send(node.port, write_series(tmp_path / "good", new_series(slices=1)))
    assert answer.status == 0x0000


def test_it_answers_a_c_echo(node: Node) -> None:
    assert echo(node.port)


@pytest.mark.parametrize("implicit", [False, True])
def test_an_acknowledged_instance_is_there_byte_for_byte(
    node: Node, tmp_path: Path, image: Dataset, implicit: bool
) -> None:
    image.add_new(0x00091001, "UN", b"\0\1private\2")
    encoded = encode_data_set(image, implicit).replace(b"Phantom", b"Phan\0om")  # nobody may mend this on the way
    path = write_file(tmp_path / "image.dcm", image, encoded=encoded, implicit=implicit)

    (answer,) = send(node.port, [path])

    assert (answer.status, answer.comment) == (0x0000, "")
    (row,) = node.instances(image)
    assert bytes_of(row).endswith(encoded)
    assert dcmread(BytesIO(bytes_of(row))).SOPInstanceUID == image.SOPInstanceUID
    assert row.calling_ae_title == "SCANNER"


def test_a_quiet_series_is_enqueued_once(tmp_path: Path) -> None:
    series = new_series()
    with running_node(tmp_path / "node", completion__quiet_seconds=0.5) as node:
        send(node.port, write_series(tmp_path / "series", series))

        wait_until(lambda: node.state(series[0]) == SeriesState.ENQUEUED, what="the job")

        assert node.models(series[0]) == ["segment"]


def test_a_trusted_senders_series_is_enqueued_when_its_association_is_released(tmp_path: Path) -> None:
    series = new_series()
    paths = write_series(tmp_path / "series", series)
    with running_node(tmp_path / "node", completion__complete_on_release=["SCANNER"]) as node:
        association = associate(node.port)
        for path in paths:
            store(association, path)
        wait_until(lambda: node.state(series[0]) == SeriesState.RECEIVING, what="its rows")

        association.release()

        wait_until(lambda: node.state(series[0]) == SeriesState.ENQUEUED, what="the job")


def associate_as_the_library_serves(port: int, called: str = "GLIA") -> Association:
    """Request an association that asks for more than the fast path knows, so that pynetdicom serves it."""
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = window.maximum_number_operations_performed = 2
    ae = AE(ae_title="SCANNER")
    ae.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    return ae.associate("127.0.0.1", port, ae_title=called, ext_neg=[window])


def test_an_association_that_the_library_serves_keeps_and_completes_its_series_too(tmp_path: Path) -> None:
    series = new_series()
    paths = write_series(tmp_path / "series", series)
    with running_node(tmp_path / "node", completion__complete_on_release=["SCANNER"]) as node:
        association = associate_as_the_library_serves(node.port)
        assert [store(association, path).status for path in paths] == [0x0000] * len(paths)
        refused = store(association, write_file(tmp_path / "cut.dcm", series[0], encoded=b"cut"))

        association.release()

        wait_until(lambda: node.state(series[0]) == SeriesState.ENQUEUED, what="the job")
        assert [bytes_of(row)[-100:] for row in node.instances(series[0], len(paths))] == [
            path.read_bytes()[-100:] for path in paths
        ]
        assert 0xC000 <= refused.status <= 0xCFFF
        assert refused.comment


def test_what_the_library_refuses_is_said_in_the_same_words(node: Node) -> None:
    with capture_logs() as lines:
        associate_as_the_library_serves(node.port).abort()
        assert associate_as_the_library_serves(node.port, called="OTHER").is_rejected
        wait_until(lambda: len(lines) == 3, what="the log lines")

    assert {line["event"]: line.get("reason") for line in lines} == {
        "presentation contexts refused": ["CT Image Storage: Abstract Syntax Not Supported"],
        "association aborted": None,
        "association rejected": "called AE title OTHER is not ours, GLIA",
    }


def test_a_sender_that_breaks_the_rules_is_aborted_and_the_log_says_why(node: Node, tmp_path: Path) -> None:
    with capture_logs() as lines, peer(node.port) as caller:
        caller.associate().send(store_in_pdus(b"abc")[0] + echo_in_pdus())
        assert [said[0] for said in caller.read_all()] == [7]
        wait_until(lambda: lines, what="the log line")

    (line,) = lines
    assert (line["event"], line["calling_ae_title"]) == ("association aborted", "SCANNER")
    assert line["reason"] == "fragments of two presentation contexts in one message"
    assert_goes_on(node, tmp_path)


def test_a_proposal_of_another_protocol_version_is_rejected_for_that(node: Node) -> None:
    with capture_logs() as lines, peer(node.port) as caller:
        caller.send(proposal(version=2))
        assert [said[0] for said in caller.read_all()] == [3]
        wait_until(lambda: lines, what="the log line")

    assert lines[0]["reason"] == "another protocol version"


def test_a_series_sent_over_two_associations_waits_for_both(tmp_path: Path) -> None:
    series = new_series()
    paths = write_series(tmp_path / "series", series)
    with running_node(tmp_path / "node", completion__complete_on_release=["*"]) as node:
        first, second = associate(node.port), associate(node.port)
        store(first, paths[0])
        store(second, paths[1])
        with capture_logs() as lines:
            first.release()
            store(second, paths[2])
            assert send(node.port, paths[3:4])[0].status == 0x0000
        assert not [line for line in lines if line["action"] == "enqueue"]

        second.release()

        wait_until(lambda: node.models(series[0]), what="the job")


def test_a_broken_off_association_does_not_complete_its_series(tmp_path: Path) -> None:
    broken, whole = new_series(), new_series()
    with running_node(tmp_path / "node", completion__complete_on_release=["*"]) as node:
        association = associate(node.port)
        store(association, write_series(tmp_path / "broken", broken)[0])
        association.abort()
        send(node.port, write_series(tmp_path / "whole", whole))

        wait_until(lambda: node.state(whole[0]) == SeriesState.ENQUEUED, what="the other series")

        assert node.state(broken[0]) == SeriesState.RECEIVING


def remove(keyword: str) -> Callable[[Dataset], None]:
    return lambda image: image.__delitem__(keyword)


def change(keyword: str, value: str) -> Callable[[Dataset], None]:
    return lambda image: setattr(image, keyword, value)


@pytest.mark.parametrize(
    ("spoil", "status", "reason"),
    [
        (remove("SOPInstanceUID"), 0xC210, "SOP Instance UID"),
        (remove("SeriesInstanceUID"), 0xC210, "Series Instance UID"),
        (remove("StudyInstanceUID"), 0xC210, "Study Instance UID"),
        (change("SeriesInstanceUID", "../../etc"), 0xC210, "Series Instance UID"),
        (change("StudyInstanceUID", "../../etc"), 0xC210, "Study Instance UID"),
        (change("SOPInstanceUID", "1.2.3"), 0xA900, "SOP Instance UID"),
        (change("Modality", "CT"), 0xA900, "Modality"),
    ],
)
def test_a_bad_instance_is_refused_with_status_and_reason_and_the_listener_goes_on(
    node: Node, tmp_path: Path, image: Dataset, spoil: Callable[[Dataset], None], status: int, reason: str
) -> None:
    claimed = image.SOPInstanceUID
    spoil(image)
    path = write_file(tmp_path / "bad.dcm", image, sop_instance_uid=claimed)

    with capture_logs() as lines:
        (answer,) = send(node.port, [path])

    assert answer.status == status
    assert reason in answer.comment
    (line,) = [line for line in lines if line["action"] == "refuse"]
    assert line["reason"].startswith(answer.comment)
    assert "secret" not in str(lines).lower()
    assert_goes_on(node, tmp_path)


def test_an_object_of_another_class_is_refused(node: Node, tmp_path: Path, image: Dataset) -> None:
    image.SOPClassUID = CTImageStorage
    path = write_file(tmp_path / "ct.dcm", image, sop_class_uid=MRImageStorage)

    (answer,) = send(node.port, [path])

    assert answer.status == 0xA900
    assert_goes_on(node, tmp_path)


def test_a_presentation_context_that_is_not_mr_is_not_accepted(node: Node) -> None:
    with capture_logs() as lines:
        association = associate(node.port, sop_class=CTImageStorage)

        assert not association.accepted_contexts
        wait_until(lambda: lines, what="the log line")

    assert lines[0]["reason"] == ["CT Image Storage: Abstract Syntax Not Supported"]
    assert associate(node.port, sop_class=EnhancedMRImageStorage).accepted_contexts


@pytest.mark.parametrize("length", [1, 100, 400, -100, -1])
def test_a_truncated_data_set_is_refused(node: Node, tmp_path: Path, image: Dataset, length: int) -> None:
    path = write_file(tmp_path / "cut.dcm", image, encoded=encode_data_set(image)[:length])

    (answer,) = send(node.port, [path])

    assert 0xC000 <= answer.status <= 0xCFFF
    assert answer.comment
    assert node.instances(image, 0) == ()
    assert_goes_on(node, tmp_path)


def test_a_uid_that_is_a_path_touches_no_file_outside(node: Node, tmp_path: Path, image: Dataset) -> None:
    path_like = "../../etc"
    image.SOPInstanceUID = path_like
    before = {path for path in tmp_path.rglob("*") if "node" not in path.parts}
    path = write_file(tmp_path / "path.dcm", image)

    (answer,) = send(node.port, [path])

    assert answer.status == 0xC210
    assert {found for found in tmp_path.rglob("*") if "node" not in found.parts} == before | {path}
    assert node.instances(image, 0) == ()
    assert_goes_on(node, tmp_path)


def test_only_configured_senders_are_let_in(tmp_path: Path) -> None:
    with running_node(tmp_path / "node", listener__calling_ae_titles=["SCANNER"]) as node:
        with capture_logs() as lines:
            association = associate(node.port, calling="STRANGER")

            assert association.is_rejected
            wait_until(lambda: [line for line in lines if line["action"] == "refuse"], what="the log line")

        (line,) = [line for line in lines if line["action"] == "refuse"]
        assert line["calling_ae_title"] == "STRANGER"
        assert "listener.calling_ae_titles" in line["reason"]
        assert_goes_on(node, tmp_path)


def test_a_sender_that_calls_another_title_is_rejected(node: Node, tmp_path: Path) -> None:
    with capture_logs() as lines:
        assert associate(node.port, called="OTHER").is_rejected
        wait_until(lambda: lines, what="the log line")

    assert lines[0]["reason"] == "called AE title OTHER is not ours, GLIA"
    assert_goes_on(node, tmp_path)


def test_one_association_too_many_is_rejected_and_the_next_let_in_again(tmp_path: Path) -> None:
    with running_node(tmp_path / "node", listener__maximum_associations=1) as node:
        first = associate(node.port)
        assert associate(node.port).is_rejected

        first.release()

        wait_until(lambda: associate(node.port).is_established, what="a free place")


def test_a_full_disk_is_out_of_resources_and_keeps_nothing(tmp_path: Path, image: Dataset) -> None:
    path = write_file(tmp_path / "image.dcm", image)
    with running_node(tmp_path / "node", minimum_free_mb=10_000_000) as node:
        answers = send(node.port, [path, path])

        assert [answer.status for answer in answers] == [0xA700, 0xA700]
        assert "must stay free" in answers[0].comment
        assert node.instances(image, 0) == ()
        assert echo(node.port)


def test_a_locked_database_holds_up_no_sender_and_its_rows_come_when_it_is_free_again(
    node: Node, tmp_path: Path, image: Dataset
) -> None:
    path = write_file(tmp_path / "image.dcm", image)
    with closing(sqlite3.connect(node.folder / "glia.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (answer,) = send(node.port, [path])
        assert node.instances(image, 0) == ()

    assert answer.status == 0x0000
    assert len(node.instances(image)) == 1


def test_many_associations_at_once_lose_nothing(node: Node, tmp_path: Path) -> None:
    series = [new_series() for _ in range(6)]
    folders = [write_series(tmp_path / str(number), one) for number, one in enumerate(series)]
    answers: list[int] = []
    senders = [
        Thread(target=lambda paths: answers.extend(sent.status for sent in send(node.port, paths)), args=[paths])
        for paths in folders
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert answers == [0x0000] * 36
    for one in series:
        assert {row.sop_instance_uid for row in node.instances(one[0], len(one))} == {
            image.SOPInstanceUID for image in one
        }


def test_no_log_line_names_the_patient(node: Node, tmp_path: Path, image: Dataset) -> None:
    good = write_file(tmp_path / "good.dcm", image)
    cut = write_file(tmp_path / "cut.dcm", image, encoded=encode_data_set(image)[:300])
    other = write_file(tmp_path / "other.dcm", image, sop_instance_uid=generate_uid(None))

    with capture_logs() as lines:
        send(node.port, [good, cut, other])

    assert len(lines) >= 3
    assert "secret" not in str(lines).lower()
