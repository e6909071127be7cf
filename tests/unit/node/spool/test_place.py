"""Reading an instance where it lies."""

import os
from hashlib import sha256
from pathlib import Path

import pytest
from support.power_loss import rotten

from node.errors import StorageUnavailable
from node.spool.errors import Corrupt
from node.spool.place import Place

DATA = bytes(range(256)) * 20


@pytest.fixture
def place(tmp_path: Path) -> Place:
    path = tmp_path / "00000001-ab.segment"
    path.write_bytes(b"before" + DATA + b"behind")
    return Place(path, 6, len(DATA), sha256(DATA).hexdigest(), 0)


def test_the_bytes_are_those_of_the_stretch(place: Place) -> None:
    assert place.read_bytes() == DATA
    assert place.read_bytes(check=True) == DATA
    place.check()


def test_it_reads_like_a_file_that_begins_and_ends_with_the_instance(place: Place) -> None:
    with place.open() as file:
        assert file.read(3) == DATA[:3]
        assert file.tell() == 3
        assert file.seek(-2, os.SEEK_END) == len(DATA) - 2
        assert file.read() == DATA[-2:]
        assert file.seek(10) == 10
        assert file.read(5) == DATA[10:15]
        assert file.seek(len(DATA) + 100) > len(DATA)
        assert file.read() == b""
        with pytest.raises(ValueError, match="before the beginning"):
            file.seek(-1)


def test_a_place_in_a_segment_that_is_gone_says_so(place: Place) -> None:
    place.path.unlink()

    with pytest.raises(StorageUnavailable, match="No such file"):
        place.read_bytes()


def test_changed_bytes_are_found_when_asked_for(place: Place) -> None:
    rotten(place.path, 6 + 100)

    assert place.read_bytes() != DATA
    with pytest.raises(Corrupt, match="not the 5120 bytes"):
        place.read_bytes(check=True)
    with pytest.raises(Corrupt, match="not the 5120 bytes"):
        place.check()


def test_missing_bytes_are_never_passed_over(place: Place) -> None:
    os.truncate(place.path, 100)

    with pytest.raises(Corrupt, match="ends at 100"):
        place.read_bytes()


def test_a_descriptor_does_not_outlive_its_file(place: Place) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(50):
        with place.open() as file:
            file.read(1)

    assert len(list(Path("/proc/self/fd").iterdir())) == before
