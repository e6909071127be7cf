from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from support.postgresql import PostgreSQL
from support.records import NOW, instance, new_job

from db import inbox, queue
from db.engine import open_database, reading
from db.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnreachable, DatabaseUnusable, Transient
from db.rows import jobs_where


@pytest.fixture
def url(postgresql: PostgreSQL, template: str) -> Iterator[str]:
    name = postgresql.new_database(template)
    yield postgresql.url(name)
    postgresql.drop_database(name)


def enqueue(engine: Engine, series: str = "1.1") -> None:
    with engine.begin() as conn:
        assert queue.enqueue(conn, new_job(series=(series,)), NOW) is not None


def jobs(engine: Engine) -> int:
    with reading(engine) as conn:
        return len(jobs_where(conn))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("53100", DatabaseFull),
        ("53200", DatabaseBusy),
        ("40P01", DatabaseBusy),
        ("40001", DatabaseBusy),
        ("57014", DatabaseBusy),
        ("57P02", DatabaseUnreachable),
        ("58030", DatabaseUnusable),
        ("XX001", DatabaseUnusable),
        ("42501", DatabaseUnusable),
    ],
)
def test_what_the_server_reports_is_told_in_our_words(engine: Engine, code: str, kind: type[DatabaseError]) -> None:
    with pytest.raises(kind, match="trouble") as raised, engine.begin() as conn:
        conn.exec_driver_sql(f"DO $$ BEGIN RAISE 'trouble' USING ERRCODE = '{code}'; END $$")

    assert type(raised.value) is kind
    enqueue(engine)


def test_a_server_that_is_not_there_is_transient(url: str) -> None:
    with pytest.raises(DatabaseUnreachable) as raised:
        open_database(url.replace("?host=", "?port=1&host="), busy_timeout_seconds=5)

    assert isinstance(raised.value, Transient)


def test_a_lock_that_another_holds_too_long_is_busy(engine: Engine, url: str) -> None:
    impatient = open_database(url, busy_timeout_seconds=0.05)
    with engine.begin() as conn:
        inbox.receive(conn, instance())

        with pytest.raises(DatabaseBusy), impatient.begin() as other:
            inbox.receive(other, instance())

    with impatient.begin() as other:
        inbox.receive(other, instance())
    impatient.dispose()


def test_to_write_where_one_only_looks_is_a_mistake_of_ours(engine: Engine) -> None:
    with pytest.raises(Exception, match="read-only") as raised, reading(engine) as conn:
        queue.enqueue(conn, new_job(), NOW)

    assert not isinstance(raised.value, DatabaseError)


def test_readers_see_one_state_to_their_end(engine: Engine) -> None:
    with reading(engine) as conn:
        before = len(jobs_where(conn))
        enqueue(engine)

        assert len(jobs_where(conn)) == before

    assert jobs(engine) == before + 1


def test_text_sorts_by_its_characters_and_not_as_a_language_does(engine: Engine) -> None:
    uids = ["b", "A", "1.9", "B", "a"]
    with engine.begin() as conn:
        inbox.receive_many(conn, [instance(sop=uid, series=uid, study=uid) for uid in uids])
        for uid in uids:
            seen = inbox.series(conn, uid)
            assert seen is not None
            inbox.complete(conn, seen, "")
            inbox.settle(conn, uid, 0, seen.state.WAITING, "", NOW)

        assert inbox.studies_due(conn, NOW) == tuple(sorted(uids))


def test_another_driver_may_be_named(url: str) -> None:
    engine = open_database(url.replace("postgresql://", "postgresql+psycopg://"), busy_timeout_seconds=5)

    enqueue(engine)
    engine.dispose()
