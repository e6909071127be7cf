import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from support.records import NOW, instance, result

from db import inbox, outbox
from db.engine import open_database, reading
from db.errors import DatabaseUnusable

ROOT = Path(__file__).parents[3]


def test_opening_again_keeps_what_is_there(engine: Engine, other_engine: Engine, url: str) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance())

    again = open_database(url, busy_timeout_seconds=1)

    with reading(again) as conn:
        assert inbox.series(conn, "1.2.3.1") is not None
    again.dispose()


def test_processes_that_open_a_new_database_at_once_all_succeed(empty_url: str) -> None:
    script = f"""
from uuid import uuid4
from db.engine import open_database
with open_database({empty_url!r}, 5).begin() as conn:
    conn.exec_driver_sql("INSERT INTO spool_segments VALUES ('" + uuid4().hex + "', 0)")
"""
    openers = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) for _ in range(3)]

    assert [opener.wait(60) for opener in openers] == [0, 0, 0]
    engine = open_database(empty_url, 5)
    with reading(engine) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM spool_segments").scalar_one() == 3
    engine.dispose()


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


def test_mistakes_of_ours_are_not_dressed_up_as_trouble_of_the_database(engine: Engine) -> None:
    with pytest.raises(IntegrityError) as raised, engine.begin() as conn:
        outbox.owe(conn, 17, [result()], ["PACS"], NOW)  # there is no job 17

    assert raised.value.orig is not None


def test_other_databases_are_refused() -> None:
    with pytest.raises(DatabaseUnusable, match=r"^mysql: only"):
        open_database("mysql://host/glia", busy_timeout_seconds=1)
