"""Rows read as records, in the order in which they came."""

from dataclasses import fields
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, select

from db import schema
from db.records import Delivery, Intervention, Job, ReceivedInstance, Result, SeriesRecord


def series_where(conn: Connection, *conditions: ColumnElement[bool]) -> tuple[SeriesRecord, ...]:
    """Series, the first received first."""
    table = schema.series
    query = select(*_columns(table, SeriesRecord)).where(*conditions)
    rows = conn.execute(query.order_by(table.c.first_received_at, table.c.series_instance_uid)).mappings()
    return tuple(SeriesRecord(**row) for row in rows)


def instances_where(conn: Connection, *conditions: ColumnElement[bool]) -> tuple[ReceivedInstance, ...]:
    """Instances, the first received first."""
    table = schema.instances
    query = select(*_columns(table, ReceivedInstance)).where(*conditions)
    rows = conn.execute(query.order_by(table.c.received_at, table.c.sop_instance_uid)).mappings()
    return tuple(ReceivedInstance(**row) for row in rows)


def jobs_where(conn: Connection, *conditions: ColumnElement[bool]) -> tuple[Job, ...]:
    """Jobs, the first enqueued first."""
    query = select(*_columns(schema.jobs, Job)).where(*conditions).order_by(schema.jobs.c.id)
    return tuple(Job(**row) for row in conn.execute(query).mappings())


def interventions_where(conn: Connection, *conditions: ColumnElement[bool]) -> tuple[Intervention, ...]:
    """Interventions, the first made first."""
    table = schema.interventions
    query = select(*_columns(table, Intervention)).where(*conditions).order_by(table.c.id)
    return tuple(Intervention(**row) for row in conn.execute(query).mappings())


def results_where(conn: Connection, *conditions: ColumnElement[bool]) -> tuple[Result, ...]:
    """Results, the earliest job's first, and of one job the reports first; conditions may also concern jobs."""
    table = schema.results
    query = select(*_columns(table, Result)).select_from(table.join(schema.jobs)).where(*conditions)
    rows = conn.execute(query.order_by(table.c.job_id, table.c.kind.desc(), table.c.sop_instance_uid)).mappings()
    return tuple(Result(**row) for row in rows)


def deliveries_where(conn: Connection, *conditions: ColumnElement[bool]) -> tuple[Delivery, ...]:
    """Deliveries with their results, the first owed first; conditions may also concern results and jobs."""
    own, result = _columns(schema.deliveries, Delivery), _columns(schema.results, Result)
    query = (
        select(*own, *result, schema.results.c.job_id)
        .select_from(schema.deliveries.join(schema.results).join(schema.jobs))
        .where(*conditions)
        .order_by(schema.deliveries.c.id)
    )
    return tuple(
        Delivery(
            result=Result(**{column.name: row[column] for column in result}),
            job_id=row[schema.results.c.job_id],
            **{column.name: row[column] for column in own},
        )
        for row in conn.execute(query).mappings()
    )


def _columns(table: Table, record: type) -> list[Column[Any]]:
    """Name the columns that are fields of the record."""
    return [table.c[field.name] for field in fields(record) if field.name in table.c]
