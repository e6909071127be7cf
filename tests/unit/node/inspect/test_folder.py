"""Files find their series; what belongs to none is named."""

from pathlib import Path

from support.builders import change, write_series

from node.inspect.folder import contents


def test_files_are_grouped_by_series_at_any_depth_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    second = write_series(tmp_path / "a" / "b", sequence="flair", SeriesNumber=12)
    first = write_series(tmp_path / "c", sequence="t1", SeriesNumber=2)
    moved = first[0].rename(tmp_path / "a" / "moved")

    found = contents(tmp_path)

    assert [series.series_number for series in found.series] == ["2", "12"]
    assert set(found.series[0].paths) == {moved, *first[1:]}
    assert set(found.series[1].paths) == set(second)


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    write_series(tmp_path / ".cache")
    (tmp_path / ".DS_Store").write_text("x")

    assert contents(tmp_path).empty


def test_files_that_are_not_dicom_are_named(tmp_path: Path) -> None:
    write_series(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").touch()

    assert contents(tmp_path).not_dicom == (tmp_path / "empty", tmp_path / "notes.txt")


def test_dicom_that_belongs_to_no_series_or_cannot_be_read_says_why(tmp_path: Path) -> None:
    first, second, *_ = write_series(tmp_path / "a")
    change(first, SeriesInstanceUID=None)
    second.write_bytes(second.read_bytes()[:140])
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")

    found = contents(tmp_path)

    told = {path.name: reason for path, reason in found.unusable}
    assert told["gone"] == "cannot be read: No such file or directory"
    assert told[first.name] == "has no Series Instance UID"
    assert second.name in told
    assert len(found.series[0].paths) == 3
