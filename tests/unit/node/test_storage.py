"""Files on stable storage: names that input cannot choose, all or nothing, and never a full disk."""

import fcntl
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest

from node.errors import OutOfSpace, StorageUnavailable
from node.storage import Area, Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "data", minimum_free_mb=0)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_kept_is_there_byte_for_byte(storage: Storage) -> None:
    kept = storage.keep(b"some bytes", Area.RESULTS, "1.2.3")

    assert kept.path.read_bytes() == b"some bytes"
    assert kept.size == 10
    assert kept.sha256 == sha256(b"some bytes").hexdigest() == kept.path.stem


@pytest.mark.parametrize("owner", ["../../etc", "/etc/passwd", "", "a/b", "x" * 5000, "\0", "\udcff"])
def test_no_owner_reaches_outside_the_folder(storage: Storage, tmp_path: Path, owner: str) -> None:
    kept = storage.keep(b"bytes", Area.RESULTS, owner)

    assert kept.path.resolve().is_relative_to(tmp_path / "data" / "results")
    assert files(tmp_path) == [kept.path]


def test_the_same_bytes_of_the_same_owner_are_one_file(storage: Storage, tmp_path: Path) -> None:
    first = storage.keep(b"bytes", Area.RESULTS, "1.2.3")
    again = storage.keep(b"bytes", Area.RESULTS, "1.2.3")

    assert first == again
    assert files(tmp_path) == [first.path]


def test_other_bytes_never_replace_what_is_there(storage: Storage) -> None:
    first = storage.keep(b"first", Area.RESULTS, "1.2.3")
    storage.keep(b"second", Area.RESULTS, "1.2.3")

    assert first.path.read_bytes() == b"first"


def test_a_disk_with_less_than_the_minimum_free_takes_nothing(tmp_path: Path) -> None:
    storage = Storage(tmp_path, minimum_free_mb=10**9)

    with pytest.raises(OutOfSpace, match="must stay free"):
        storage.keep(b"bytes", Area.RESULTS, "1.2.3")

    assert files(tmp_path) == []


def test_a_disk_that_fills_up_while_writing_leaves_nothing_behind(storage: Storage, tmp_path: Path) -> None:
    limit = os.sysconf("SC_PAGE_SIZE")
    # The kernel refuses to let a file grow beyond this limit, as a full disk does; Python ignores SIGXFSZ.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OutOfSpace):
            storage.keep(bytes(10 * limit), Area.RESULTS, "1.2.3")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_written_to_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")

    with pytest.raises(StorageUnavailable, match="cannot write to"):
        Storage(tmp_path / "data", minimum_free_mb=0)


def test_leftovers_of_a_dead_writer_are_removed(storage: Storage) -> None:
    kept = storage.keep(b"bytes", Area.RESULTS, "1.2.3")
    leftover = kept.path.with_name("0123.part")
    leftover.write_bytes(b"half")

    assert storage.remove_leftovers() == 1

    assert not leftover.exists()
    assert kept.path.exists()


def test_a_file_being_written_is_left_alone(storage: Storage) -> None:
    kept = storage.keep(b"bytes", Area.RESULTS, "1.2.3")
    part = kept.path.with_name("0123.part")

    with part.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        removed = storage.remove_leftovers()

    assert removed == 0
    assert part.exists()


def test_an_installation_keeps_its_first_name(storage: Storage, tmp_path: Path) -> None:
    first = storage.installation("one")

    assert first == "one"
    assert Storage(tmp_path / "data", minimum_free_mb=0).installation("two") == "one"


def test_rooms_that_start_at_once_agree_on_the_installation(tmp_path: Path) -> None:
    start = Barrier(8)

    def name(number: int) -> str:
        storage = Storage(tmp_path / "data", minimum_free_mb=0)
        start.wait()
        return storage.installation(f"name {number}")

    with ThreadPoolExecutor(8) as rooms:
        assert len(set(rooms.map(name, range(8)))) == 1


def test_what_is_kept_is_for_nobody_elses_eyes(storage: Storage, tmp_path: Path) -> None:
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
