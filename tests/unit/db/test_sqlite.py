import fcntl
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.records import NOW, instance, new_job

from db import inbox, queue
from db.engine import open_database, reading
from db.errors import DatabaseBusy, DatabaseFull, DatabaseUnusable, Permanent, Transient

ROOT = Path(__file__).parents[3]


@pytest.fixture
def url(sqlite_url: str) -> str:
    return sqlite_url


def test_every_new_connection_writes_ahead_and_syncs_each_commit(engine: Engine) -> None:
    with engine.connect() as one, engine.execution_options(glia_reading=True).connect() as two:
        for conn in (two, one):
            assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
            assert conn.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
            assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
            assert conn.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 5000


def test_the_folder_is_made_for_the_owner_only(engine: Engine, tmp_path: Path) -> None:
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_openers_wait_for_one_another(engine: Engine, url: str, tmp_path: Path) -> None:
    opener = threading.Thread(target=lambda: open_database(url, 5).dispose())

    with (tmp_path / "data" / "glia.sqlite.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opener.start()
        opener.join(0.2)
        waited = opener.is_alive()
    opener.join(10)

    assert waited
    assert not opener.is_alive()


@pytest.mark.parametrize("no_file", ["sqlite://", "sqlite:///:memory:", "sqlite:///x?mode=memory"])
def test_what_is_no_file_is_refused(no_file: str) -> None:
    with pytest.raises(DatabaseUnusable, match="only files"):
        open_database(no_file, busy_timeout_seconds=1)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "glia.sqlite"
    file.write_bytes(b"not a database, but long enough to look at" * 100)

    with pytest.raises(DatabaseUnusable, match="not a database"):
        open_database(f"sqlite:///{file}", busy_timeout_seconds=1)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DatabaseUnusable, match=r"glia\.sqlite: File exists"):
        open_database(f"sqlite:///{tmp_path}/file/glia.sqlite", busy_timeout_seconds=1)


def test_a_locked_database_is_busy_and_then_works_again(engine: Engine, url: str) -> None:
    impatient = open_database(url, busy_timeout_seconds=0.05)

    with engine.begin() as conn:
        inbox.receive(conn, instance())
        for _ in range(3):
            with pytest.raises(DatabaseBusy), impatient.begin():
                pytest.fail("two writers at once")

    with impatient.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.2"))
    impatient.dispose()


def test_a_thread_that_waits_too_long_for_another_of_its_process_is_told_busy(url: str) -> None:
    impatient = open_database(url, busy_timeout_seconds=0.05)

    with impatient.begin(), pytest.raises(DatabaseBusy, match="other threads"), impatient.begin():
        pytest.fail("two writers at once")

    with impatient.begin() as conn:
        inbox.receive(conn, instance())
    impatient.dispose()


def test_a_connection_may_write_several_times_in_a_row(engine: Engine) -> None:
    with engine.connect() as conn:
        for number in range(3):
            with conn.begin():
                inbox.receive(conn, instance(sop=f"1.2.3.1.{number}"))

    with reading(engine) as conn:
        assert len(inbox.instances(conn, "1.2.3.1")) == 3


def test_a_commit_survives_the_death_of_its_process(url: str, tmp_path: Path) -> None:
    script = f"""
import os
from datetime import datetime, UTC
from db import queue
from db.engine import open_database
from db.records import JobInput, NewJob
inputs = (JobInput("flair", "1.1"),)
job = NewJob(model="m", study_instance_uid="1", inputs=inputs, generation=0, calling_ae_title="A")
with open_database({url!r}, 5).begin() as conn:
    queue.enqueue(conn, job, datetime.now(UTC))
os.kill(os.getpid(), 9)
"""
    process = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=60, check=False)
    assert process.returncode == -9
    shutil.copytree(tmp_path / "data", tmp_path / "copy")  # as the disk is, the journal not yet folded in

    engine = open_database(f"sqlite:///{tmp_path}/copy/glia.sqlite", 5)
    with reading(engine) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 1
    engine.dispose()


def test_a_full_disk_is_transient(engine: Engine) -> None:
    with engine.begin() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")  # SQLite then answers as on a full disk

        with pytest.raises(DatabaseFull) as raised:
            inbox.receive(conn, instance(path=Path("/x" * 100_000)))

    assert isinstance(raised.value, Transient)


def test_a_file_that_cannot_be_written_is_permanent(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("PRAGMA query_only=ON")  # SQLite then answers as for a file that is read-only

        with pytest.raises(DatabaseUnusable) as raised:
            queue.enqueue(conn, new_job(), NOW)

    assert isinstance(raised.value, Permanent)
