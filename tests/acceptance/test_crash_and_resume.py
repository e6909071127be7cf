"""`kill -9` of the whole node at random moments: nothing that was acknowledged is lost, nothing comes twice."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.filereader import read_dataset
from support.builders import make_series, make_study
from support.intake import bytes_of
from support.node_process import NodeProcess
from support.pacs import Pacs, running_pacs
from support.scu import associate, store
from support.wait import wait_until

from db import inbox, views
from db.engine import open_database, reading
from db.records import DeliveryState, JobState
from dicom_io.mr import write_classic
from dicom_io.phantom import brain_phantom
from dicom_io.uids import derive

SENDER = "SCANNER"
SERIES, SLICES = 8, 25
KILLS = 3
REPORT = 9002
"""Series Number of reports; measurements are SRs too."""
# Until the sender notices that the node is dead; the quiet time is longer, or its series would count as complete.
SENDER_SECONDS = 5.0
# Series are analysed while others still arrive; one that a kill cut off waits until its sender has gone on.
TABLES = {
    "completion": {"quiet_seconds": 30, "complete_on_release": [SENDER]},
    # Each kill may hit the same job, which must not be taken for one that kills its worker.
    "worker": {"lease_seconds": 3, "retry_seconds": 0.5, "maximum_attempts": KILLS + 2},
    "sender": {"timeout_seconds": 2, "first_retry_seconds": 0.5},
}


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[list[Path]]:
    """Eight FLAIR series of 25 instances, each a study of its own."""
    folder = tmp_path_factory.mktemp("scans")
    phantom = brain_phantom(shape=(SLICES, 96, 96), spacing=(5.0, 2.4, 2.4), seed=4)
    voxels = np.clip(phantom.contrasts["flair"], 0, 4095).astype(np.uint16)
    written = []
    for number in range(SERIES):
        study = make_study(study_instance_uid=derive("crash", str(number)))
        geometry = replace(phantom.geometry, frame_of_reference_uid=derive("crash frame", str(number)))
        attributes = make_series(series_instance_uid=derive("crash series", str(number)))
        written.append(write_classic(folder / str(number), voxels, geometry, study, attributes))
    return written


class Scanner:
    """Sends every series, one association each, as often as it takes; remembers what was acknowledged."""

    def __init__(self, series: list[list[Path]], port: int) -> None:
        self.acknowledged: dict[Path, None] = {}
        self._series = series
        self._port = port
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self) -> None:
        self._thread.join(timeout=120)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        for paths in self._series:
            while any(path not in self.acknowledged for path in paths):
                self._send(paths)

    def _send(self, paths: list[Path]) -> None:
        association = associate(self._port, calling=SENDER, timeout=SENDER_SECONDS)
        if not association.is_established:
            return
        for path in paths:
            if path in self.acknowledged:
                continue
            try:
                answer = store(association, path)
            except RuntimeError:  # the node was killed: the association is gone
                return
            if answer.status == 0x0000:
                self.acknowledged[path] = None
        association.release()


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    with running_pacs(ae_title=SENDER) as pacs:
        yield pacs


def test_whatever_was_acknowledged_survives_kills_and_every_series_is_analysed_once(
    series: list[list[Path]],
    pacs: Pacs,
    make_node: Callable[..., NodeProcess],
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    moments = random.Random(seed)
    node = make_node({SENDER: pacs.port}, TABLES)
    scanner = Scanner(series, node.port)

    node.start()
    scanner.start()
    for _ in range(KILLS):
        threading.Event().wait(moments.uniform(0.1, 8.0))
        node.kill()
        node.start()
    scanner.wait()

    every = [path for paths in series for path in paths]
    with capsys.disabled():
        print(f"\nseed {seed}: {len(scanner.acknowledged)} instances acknowledged over {KILLS} kills")  # noqa: T201
    assert set(scanner.acknowledged) == set(every)
    engine = open_database(f"sqlite:///{node.data / 'glia.sqlite'}", busy_timeout_seconds=10)
    studies = {str(dcmread(paths[0]).StudyInstanceUID): paths for paths in series}

    def all_delivered() -> bool:
        with reading(engine) as conn:
            jobs = [job for study in studies for job in views.jobs_of_study(conn, study)]
            deliveries = [one for study in studies for one in views.deliveries_of_study(conn, study)]
        return (
            len(jobs) >= SERIES
            and all(job.state is JobState.DONE for job in jobs)
            and all(delivery.state is DeliveryState.DELIVERED for delivery in deliveries)
        )

    wait_until(all_delivered, timeout=180, interval=0.5, what=f"all results (seed {seed})\n{node.log_text()[-3000:]}")
    node.stop()

    with reading(engine) as conn:
        for study, paths in studies.items():
            (record,) = views.series_of_study(conn, study)
            kept = {one.sop_instance_uid: one for one in inbox.instances(conn, record.series_instance_uid)}
            for path in paths:
                sent = dcmread(path)
                assert data_set_of(bytes_of(kept[str(sent.SOPInstanceUID)])) == data_set_of(path.read_bytes())
            jobs = views.jobs_of_study(conn, study)
            assert len(jobs) == 1, f"{[(job.generation, job.state) for job in jobs]} (seed {seed})"
            kinds = Counter(delivery.result.kind for delivery in views.deliveries_of_study(conn, study))
            assert kinds["SR"] == kinds["KEY IMAGE"] == 1
            assert kinds["SEG"] == kinds["MEASUREMENTS"] <= 1
    arrived = [read_dataset(BytesIO(data), is_implicit_VR=False, is_little_endian=True) for data in pacs.received]
    reports = Counter(
        str(one.StudyInstanceUID)
        for one in {one.SOPInstanceUID: one for one in arrived}.values()
        if one.SeriesNumber == REPORT
    )
    assert reports == Counter(dict.fromkeys(studies, 1))


def data_set_of(data: bytes) -> bytes:
    """Return the bytes after the file meta information: what went over the wire."""
    meta_length = int.from_bytes(data[140:144], "little")
    return data[144 + meta_length :]
