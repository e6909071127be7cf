from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import StatementError
from support.records import instance

from db import inbox, schema
from db.records import ReceivedInstance, SeriesRecord


def test_times_come_back_aware_exact_and_in_utc(engine: Engine) -> None:
    vienna = timezone(timedelta(hours=1))
    sent = datetime(2025, 3, 1, 0, 30, 0, 123456, tzinfo=vienna)

    with engine.begin() as conn:
        inbox.receive(conn, instance(received_at=sent))
        (got,) = inbox.instances(conn, "1.2.3.1")

    assert got.received_at == sent
    assert got.received_at.tzinfo is UTC


def test_a_time_without_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="without a time zone"), engine.begin() as conn:
        inbox.receive(conn, instance(received_at=datetime(2025, 3, 1)))


def test_every_field_of_a_received_record_has_its_column() -> None:
    assert {column.name for column in schema.instances.c} == set(ReceivedInstance.__slots__)
    assert {column.name for column in schema.series.c} == set(SeriesRecord.__slots__)


def test_the_tables_do_not_change_without_a_new_revision() -> None:
    """When this fails, write a file in db/migrations/versions, raise schema.HEAD, and write the new outline here."""
    outline = {table.name: len(table.c) for table in schema.metadata.sorted_tables}

    assert schema.HEAD == "0002"
    assert outline == {
        "series": 15,
        "instances": 13,
        "jobs": 23,
        "interventions": 6,
        "results": 6,
        "deliveries": 10,
        "spool_segments": 2,
    }
