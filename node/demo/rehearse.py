"""``glia send-test-objects``: what a site's viewer will be sent, sent once as a test; nothing of it is kept here."""

from collections.abc import Sequence
from pathlib import Path

from pydicom.uid import UID
from rich.console import Console
from rich.table import Table
from rich.text import Text

from node.demo.images import PATIENT_ID, STUDY_DESCRIPTION, TestSet, borrow_images, scan_phantom
from node.demo.objects import TestObject, write_test_objects
from node.senders.base import Sender, SendReport


def send_test_objects(wanted: TestSet, study: Path | None, sender: Sender, console: Console) -> bool:
    """Make a set of test objects, send it, and print what became of each; return whether all were taken.

    Parameters
    ----------
    study
        A folder whose images are borrowed under the test patient's name; None for a phantom's.

    Raises
    ------
    node.demo.errors.DemoError
        When no series of the study is a volume.
    """
    volume, found = borrow_images(wanted, study) if study else scan_phantom(wanted)
    objects = list(write_test_objects(wanted, volume, found))
    reports = list(sender.send([one.result for one in objects]))
    console.print(f"{STUDY_DESCRIPTION}: patient {PATIENT_ID}, study {wanted.study_instance_uid}", soft_wrap=True)
    console.print(_table(objects, reports))
    taken = sum(report.delivered for report in reports)
    console.print(f"{taken} of {len(objects)} objects were taken")
    return taken == len(objects)


def _table(objects: Sequence[TestObject], reports: Sequence[SendReport]) -> Table:
    """Return a row per object; images that fared alike share one."""
    table = Table()
    for heading in ("object", "SOP class", "transfer syntax", "answer"):
        table.add_column(heading, overflow="fold")
    rows: dict[tuple[str, ...], int] = {}
    for one, report in zip(objects, reports, strict=True):
        row = (one.name, UID(one.result.sop_class_uid).name, UID(report.transfer_syntax_uid).name, _answer(report))
        rows[row] = rows.get(row, 0) + 1
    for (name, *others), number in rows.items():
        table.add_row(Text(f"{name} ({number} times)" if number > 1 else name), *map(Text, others))
    return table


def _answer(report: SendReport) -> str:
    if report.delivered:
        return "taken" if not report.status else f"taken, with warning 0x{report.status:04X}"
    return f"not taken: {report.reason}"
