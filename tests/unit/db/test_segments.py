from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.records import instance

from db import inbox, segments
from db.records import Mark


def test_marks_are_kept_replaced_and_forgotten(engine: Engine) -> None:
    first, second = (Mark(segment=name, indexed_to=4096) for name in ("a", "b"))
    further = Mark(segment="a", indexed_to=2**40)
    with engine.begin() as conn:
        assert segments.marks(conn) == {}
        segments.mark(conn, [first, second])
        segments.mark(conn, [further])
        assert segments.marks(conn) == {"a": further, "b": second}

        segments.forget(conn, ["a", "c"])

        assert segments.marks(conn) == {"b": second}


def test_marks_and_rows_are_written_together_or_not_at_all(engine: Engine) -> None:
    def index_and_fail() -> None:
        with engine.begin() as conn:
            inbox.receive_many(conn, [instance()])
            segments.mark(conn, [Mark(segment="a", indexed_to=4096)])
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        index_and_fail()

    with engine.begin() as conn:
        assert segments.marks(conn) == {}
        assert inbox.instances(conn, "1.2.3.1") == ()


def test_a_file_is_live_as_long_as_an_instance_in_it_is_named(engine: Engine) -> None:
    one, two, three = (Path(f"/spool/{n}") for n in (1, 2, 3))
    with engine.begin() as conn:
        inbox.receive(conn, replace(instance(sop="1.1", path=one), offset=512))
        inbox.receive(conn, replace(instance(sop="1.2", path=one), offset=4096))
        inbox.receive(conn, instance(sop="1.3", path=two))
        assert segments.live(conn, [one, two, three]) == {one, two}

        inbox.receive(conn, instance(sop="1.3", sha256="bb", path=three))

        assert segments.live(conn, [one, two, three]) == {one, three}
        assert segments.live(conn, []) == frozenset()
        assert segments.live(conn, [Path(f"/spool/{n}") for n in range(3000)]) == {one, three}
