"""What Alembic runs to bring tables from one revision to another, on the connection that `db.migrate` gives it."""

from alembic import context

from db import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema.metadata)
context.run_migrations()
