"""How the tables of a database are made, so that two ways to make them can be compared."""

from typing import Any

from sqlalchemy import Connection, inspect


def shape(conn: Connection) -> dict[str, object]:
    """Describe the tables, so that two ways to make them can be compared."""
    look = inspect(conn)
    keys = look.get_foreign_keys

    def partial(index: Any) -> list[str]:
        return [str(where) for where in index.get("dialect_options", {}).values()]

    return {
        table: {
            "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in look.get_columns(table)},
            "key": look.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": sorted(f"{k['constrained_columns']} {k['referred_table']}" for k in keys(table)),
            "indexes": sorted(f"{i['name']} {i['column_names']} {partial(i)}" for i in look.get_indexes(table)),
            "unique": sorted(str(u["column_names"]) for u in look.get_unique_constraints(table)),
            "checks": sorted(str((c["name"], c["sqltext"])) for c in look.get_check_constraints(table)),
        }
        for table in sorted(look.get_table_names())
        if table != "alembic_version"
    }
