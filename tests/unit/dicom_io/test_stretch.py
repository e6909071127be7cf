from hashlib import file_digest, sha256
from pathlib import Path

import pytest
from support.builders import write_series

from dicom_io.read import read_volume
from dicom_io.stretch import Stretch, opened, size_of
from dicom_io.survey import survey


def test_a_stretch_reads_as_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "many"
    path.write_bytes(b"before" + b"0123456789" + b"after")
    stretch = Stretch(path, 6, 10)

    with opened(stretch) as file:
        assert file.read(4) == b"0123"
        assert file.read() == b"456789"
        assert file.read() == b""
        assert file.seek(-2, 2) == 8
        assert file.read(10) == b"89"
        file.seek(0)
        assert file_digest(file, "sha256").digest() == sha256(b"0123456789").digest()
    assert size_of(stretch) == 10
    assert stretch.name == "many at byte 6"


def test_a_whole_file_reads_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(b"0123")

    with opened(path) as file:
        assert file.read() == b"0123"
    assert size_of(path) == 4
    assert Stretch(path, 0, 4).name == "one"


def test_a_file_that_ends_too_early_is_an_error_and_not_a_shorter_instance(tmp_path: Path) -> None:
    path = tmp_path / "many"
    path.write_bytes(bytes(12))

    with (
        pytest.raises(OSError, match="many ends 2 bytes before many at byte 4 does"),
        opened(Stretch(path, 4, 10)) as f,
    ):
        f.read()


def test_a_series_within_one_file_is_the_same_volume_as_in_files_of_their_own(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "series")
    stretches, holder = [], tmp_path / "segment"
    for path in paths:
        data = path.read_bytes()
        stretches.append(Stretch(holder, holder.stat().st_size if holder.exists() else 0, len(data)))
        with holder.open("ab") as file:
            file.write(data)

    apart, together = read_volume(paths), read_volume(stretches)

    assert (together.array == apart.array).all()
    assert together.geometry == apart.geometry
    assert survey(stretches).candidates == survey(paths).candidates
    assert [source.path for source in together.sources] == stretches
