import fcntl
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from support.records import NOW, instance, new_job, result

from db import inbox, outbox, queue, schema
from db.engine import open_database, reading
from db.errors import DatabaseBusy, DatabaseFull, DatabaseUnusable, Permanent, SchemaTooNew, SchemaTooOld, Transient

ROOT = Path(__file__).parents[3]


def test_every_new_connection_writes_ahead_and_syncs_each_commit(engine: Engine) -> None:
    with engine.connect() as one, engine.execution_options(glia_reading=True).connect() as two:
        for conn in (two, one):
            assert conn.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
            assert conn.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
            assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
            assert conn.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 5000


def test_the_folder_is_made_for_the_owner_only(engine: Engine, tmp_path: Path) -> None:
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_opening_again_keeps_what_is_there(engine: Engine, other_engine: Engine, url: str) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance())

    again = open_database(url, busy_timeout_seconds=1)

    with reading(again) as conn:
        assert inbox.series(conn, "1.2.3.1") is not None
    again.dispose()


def test_processes_that_open_a_new_database_at_once_all_succeed(url: str) -> None:
    script = f"""
from db.engine import open_database
with open_database({url!r}, 5).begin() as conn:
    conn.exec_driver_sql("INSERT INTO jobs (model, study_instance_uid, inputs, series_instance_uids, generation,"
        "calling_ae_title, notes, refusal, failure, state, attempts, reason, enqueued_at, not_before, report)"
        "VALUES (hex(randomblob(8)), '', '[]', '', 0, '', '[]', '', '', 'waiting', 0, '', '', '', '')")
"""
    openers = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) for _ in range(3)]

    assert [opener.wait(60) for opener in openers] == [0, 0, 0]
    engine = open_database(url, 5)
    with reading(engine) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM jobs").scalar_one() == 3
    engine.dispose()


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


def test_a_newer_schema_is_refused_and_left_alone(engine: Engine, url: str) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql(f"PRAGMA user_version={schema.VERSION + 1}")

    with pytest.raises(SchemaTooNew, match=f"version {schema.VERSION + 1}.*up to {schema.VERSION}"):
        open_database(url, busy_timeout_seconds=1)

    with reading(engine) as conn:
        assert conn.exec_driver_sql("PRAGMA user_version").scalar_one() == schema.VERSION + 1


@pytest.mark.parametrize("version", [1, schema.VERSION - 1])
def test_an_older_schema_is_refused_with_what_to_do_and_left_alone(tmp_path: Path, version: int) -> None:
    file = tmp_path / "glia.sqlite"
    with closing(sqlite3.connect(file)) as old:
        old.execute("CREATE TABLE series (series_instance_uid TEXT)")
        old.execute(f"PRAGMA user_version={version}")

    with pytest.raises(SchemaTooOld, match=rf"^{file}: schema version {version} .*{schema.VERSION};.*move {file}"):
        open_database(f"sqlite:///{file}", busy_timeout_seconds=1)

    with closing(sqlite3.connect(file)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (version,)
        assert old.execute("SELECT name FROM sqlite_master").fetchall() == [("series",)]


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "postgresql://host/glia", "sqlite:///x?mode=memory"]
)
def test_what_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="only files"):
        open_database(url, busy_timeout_seconds=1)


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


def test_readers_see_one_committed_state_and_do_not_wait_for_a_writer(engine: Engine, other_engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.1"))

    with reading(other_engine) as reader, engine.begin() as writer:
        before = len(inbox.instances(reader, "1.2.3.1"))
        inbox.receive(writer, instance(sop="1.2.3.1.2"))
        writer.commit()
        during = len(inbox.instances(reader, "1.2.3.1"))

    with reading(other_engine) as reader:
        afterwards = len(inbox.instances(reader, "1.2.3.1"))
    assert (before, during, afterwards) == (1, 1, 2)


def test_a_failing_transaction_leaves_nothing(engine: Engine) -> None:
    def receive_and_fail() -> None:
        with engine.begin() as conn:
            inbox.receive(conn, instance())
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        receive_and_fail()

    with reading(engine) as conn:
        assert inbox.series(conn, "1.2.3.1") is None


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


def test_mistakes_of_ours_are_not_dressed_up_as_trouble_of_the_database(engine: Engine) -> None:
    with pytest.raises(IntegrityError) as raised, engine.begin() as conn:
        outbox.owe(conn, 17, [result()], ["PACS"], NOW)  # there is no job 17

    assert isinstance(raised.value.orig, sqlite3.IntegrityError)
