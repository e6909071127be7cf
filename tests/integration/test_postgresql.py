"""PostgreSQL as the database: what is promised of a commit, and what becomes of trouble with the server."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import Engine
from support.postgresql import PostgreSQL, running_postgresql
from support.records import NOW, new_job
from support.require import REPOSITORY
from support.wait import wait_until

from db import queue, wake
from db.engine import open_database, reading
from db.errors import DatabaseError, DatabaseUnreachable, DatabaseUnusable, Transient
from db.rows import jobs_where

LEASE = timedelta(seconds=60)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """Run a server that a test may stop, and must have running again at its end."""
    with running_postgresql() as running:
        yield running


@pytest.fixture
def database(server: PostgreSQL) -> Iterator[str]:
    name = server.new_database()
    yield name
    server.drop_database(name)


@pytest.fixture
def url(server: PostgreSQL, database: str) -> str:
    return server.url(database)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url, busy_timeout_seconds=5)
    yield opened
    opened.dispose()


def enqueue(engine: Engine, series: str = "1.1") -> None:
    with engine.begin() as conn:
        assert queue.enqueue(conn, new_job(series=(series,)), NOW) is not None


def jobs(engine: Engine) -> int:
    with reading(engine) as conn:
        return len(jobs_where(conn))


def setting(engine: Engine, name: str) -> str:
    with engine.begin() as conn:
        return str(conn.exec_driver_sql(f"SHOW {name}").scalar_one())


def test_a_commit_is_made_durable_even_where_the_server_would_not(server: PostgreSQL, database: str) -> None:
    server.execute(f"ALTER DATABASE {database} SET synchronous_commit TO off")

    engine = open_database(server.url(database), busy_timeout_seconds=5)

    assert setting(engine, "synchronous_commit") == "on"
    with engine.connect() as conn:  # a rollback takes nothing back
        conn.exec_driver_sql("SELECT 1")
        conn.rollback()
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    engine.dispose()


def test_a_stronger_promise_of_the_server_is_left_alone(server: PostgreSQL, database: str) -> None:
    server.execute(f"ALTER DATABASE {database} SET synchronous_commit TO remote_apply")

    engine = open_database(server.url(database), busy_timeout_seconds=5)

    assert setting(engine, "synchronous_commit") == "remote_apply"
    engine.dispose()


def test_a_server_that_does_not_sync_is_refused(server: PostgreSQL, url: str) -> None:
    server.execute("ALTER SYSTEM SET fsync TO off")
    server.execute("SELECT pg_reload_conf()")
    wait_until(lambda: server.execute("SHOW fsync") == [("off",)], what="the new settings")
    try:
        with pytest.raises(DatabaseUnusable, match="fsync off"):
            open_database(url, busy_timeout_seconds=5)
    finally:
        server.execute("ALTER SYSTEM RESET fsync")
        server.execute("SELECT pg_reload_conf()")
        wait_until(lambda: server.execute("SHOW fsync") == [("on",)], what="the old settings")


def test_a_database_in_another_encoding_is_refused(server: PostgreSQL) -> None:
    server.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LOCALE_PROVIDER libc LOCALE 'C'")

    with pytest.raises(DatabaseUnusable, match="LATIN1"):
        open_database(server.url("latin"), busy_timeout_seconds=5)
    server.drop_database("latin")


def test_a_database_or_a_user_that_is_not_there_is_permanent(server: PostgreSQL, url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="does not exist"):
        open_database(server.url("nowhere"), busy_timeout_seconds=5)
    with pytest.raises(DatabaseUnusable, match="does not exist"):
        open_database(url.replace("glia@", "nobody@"), busy_timeout_seconds=5)


def test_a_password_is_in_no_message(server: PostgreSQL) -> None:
    with pytest.raises(DatabaseError) as raised:
        open_database(server.url("nowhere").replace("glia@", "glia:secret@"), busy_timeout_seconds=5)

    assert "secret" not in f"{raised.value!r}"


def test_a_server_that_takes_no_writes_is_transient(server: PostgreSQL, database: str, engine: Engine) -> None:
    server.execute(f"ALTER DATABASE {database} SET default_transaction_read_only TO on")
    engine.dispose()
    with pytest.raises(DatabaseUnreachable, match="read-only"):
        enqueue(engine)

    server.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    engine.dispose()

    enqueue(engine)


def test_too_many_connections_are_transient(server: PostgreSQL, database: str, engine: Engine) -> None:
    server.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
    server.execute(f"GRANT ALL ON DATABASE {database} TO few")
    server.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO few", database)
    crowded = open_database(server.url(database).replace("glia@", "few@"), busy_timeout_seconds=5)
    with reading(crowded), pytest.raises(Transient, match="too many connections"), reading(crowded):
        pytest.fail("two connections")

    assert jobs(crowded) == 0
    crowded.dispose()
    server.execute("REASSIGN OWNED BY few TO glia; DROP OWNED BY few", database)
    server.execute("DROP ROLE few")


def test_a_connection_that_is_cut_off_is_transient_and_replaced(
    server: PostgreSQL, database: str, engine: Engine
) -> None:
    def enqueue_while_cut_off() -> None:
        with engine.begin() as conn:
            queue.enqueue(conn, new_job(), NOW)
            server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
            queue.enqueue(conn, new_job(series=("1.2",)), NOW)

    with pytest.raises(DatabaseUnreachable):
        enqueue_while_cut_off()

    assert jobs(engine) == 0
    enqueue(engine)


def test_after_a_restart_of_the_server_the_next_transaction_succeeds(server: PostgreSQL, engine: Engine) -> None:
    enqueue(engine)
    server.stop()
    with pytest.raises(DatabaseUnreachable):
        enqueue(engine, "1.2")
    server.start()

    enqueue(engine, "1.3")

    assert jobs(engine) == 2


def test_what_was_committed_is_there_after_a_crash_of_the_server(server: PostgreSQL, engine: Engine) -> None:
    """Let a process enqueue as fast as it can, crash the server, and count what it was told is committed."""
    script = f"""
from datetime import UTC, datetime
from itertools import count
from db import queue
from db.engine import open_database
from db.records import JobInput, NewJob
engine = open_database({engine.url.render_as_string(hide_password=False)!r}, 5)
for number in count():
    new = NewJob(model="m", study_instance_uid="1", inputs=(JobInput("flair", str(number)),), generation=0,
                 calling_ae_title="A")
    with engine.begin() as conn:
        queue.enqueue(conn, new, datetime.now(UTC))
    print(number, flush=True)
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    while writer.stdout.readline() != "50\n":
        assert writer.poll() is None

    server.crash()
    rest, trouble = writer.communicate(timeout=60)
    server.start()

    told = 51 + len(rest.split())
    assert "DatabaseUnreachable" in trouble
    assert jobs(engine) in (told, told + 1)  # one may have been committed without anybody being told


def test_who_waits_for_jobs_is_told_of_trouble_and_goes_on_after_it(server: PostgreSQL, engine: Engine) -> None:
    waker = wake.for_jobs(engine, lambda: datetime.now(UTC))
    assert not waker.wait(0)
    server.stop()
    for _ in range(2):
        with pytest.raises(DatabaseUnreachable):
            waker.wait(60)
    server.start()
    waiting = Event()

    def wait() -> bool:
        waiting.set()
        return waker.wait(60)

    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(wait)
        assert waiting.wait(60)
        enqueue(engine)

        assert told.result(30)
    waker.close()


def test_a_connection_that_is_lost_while_one_waits_is_told(server: PostgreSQL, database: str, engine: Engine) -> None:
    waker = wake.for_jobs(engine, lambda: datetime.now(UTC))
    assert not waker.wait(0)
    listeners = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND query LIKE 'LISTEN%'"
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(waker.wait, 60)
        server.execute(f"SELECT pg_terminate_backend(pid) FROM ({listeners}) AS listening")

        with pytest.raises(DatabaseUnreachable):
            told.result(30)
    waker.close()
