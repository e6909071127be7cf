"""What the sender room may expect of every kind of destination."""

from pathlib import Path

from support.fakes import FakeSender
from support.rooms import destination

from db.records import Result
from node.senders.base import Sender, SendReport
from node.senders.cstore import CStoreSender

RESULT = Result(
    sop_instance_uid="1.2", sop_class_uid="1.2.3", series_instance_uid="1.3", kind="SEG", path=Path("nowhere.dcm")
)


def test_every_way_to_send_gives_one_report_for_each_result() -> None:
    nobody = destination(1)
    ways: list[Sender] = [CStoreSender("GLIA", nobody, 1.0), FakeSender()]

    for way in ways:
        reports = list(way.send([RESULT, RESULT]))
        assert len(reports) == 2
        assert all(isinstance(report, SendReport) for report in reports)
