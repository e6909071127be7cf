"""A destination's answers to test objects, as an operator reads them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian
from rich.console import Console

from db.records import Result
from dicom_io.profile import Profile
from node.demo.images import TestSet
from node.demo.rehearse import send_test_objects
from node.senders.base import SendReport


class Choosy:
    """Takes all kinds but one; warns of SEGs."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused

    def send(self, results: Sequence[Result]) -> Iterator[SendReport]:
        for result in results:
            if result.kind == self.refused:
                yield SendReport(False, "status 0xA700 no place")
            else:
                yield SendReport(True, "", 0xB000 if result.kind == "SEG" else 0, ExplicitVRLittleEndian)


def rehearse(folder: Path, sender: Choosy) -> tuple[bool, str]:
    console = Console(file=StringIO(), width=200)
    wanted = TestSet(folder, "one", Profile(objects=("SEG", "KEY IMAGE")), datetime(2026, 3, 1, tzinfo=UTC), "1.0")
    taken = send_test_objects(wanted, None, sender, console)
    assert isinstance(console.file, StringIO)
    return taken, console.file.getvalue()


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("│ ").split("│")] for line in text.splitlines() if "│" in line]


def test_what_was_taken_is_told_object_by_object_and_images_in_one_row(tmp_path: Path) -> None:
    taken, text = rehearse(tmp_path, Choosy())

    syntax = "Explicit VR Little Endian"
    assert taken
    assert cells(text) == [
        ["image (16 times)", "MR Image Storage", syntax, "taken"],
        ["segmentation", "Segmentation Storage", syntax, "taken, with warning 0xB000"],
        ["key image", "Secondary Capture Image Storage", syntax, "taken"],
    ]
    assert text.endswith("18 of 18 objects were taken\n")


def test_one_that_is_not_taken_fails_the_whole_and_says_why(tmp_path: Path) -> None:
    taken, text = rehearse(tmp_path, Choosy(refused="KEY IMAGE"))

    assert not taken
    assert cells(text)[-1] == ["key image", "Secondary Capture Image Storage", "", "not taken: status 0xA700 no place"]
    assert text.endswith("17 of 18 objects were taken\n")
