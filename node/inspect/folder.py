"""The files of a folder by the series they belong to; what belongs to none is named."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from dicom_io.errors import NONSENSE

TAGS = ["StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"]


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """The files of one series."""

    study_instance_uid: str
    series_instance_uid: str
    series_number: str
    series_description: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder holds.

    Attributes
    ----------
    not_dicom
        Files that are not DICOM.
    unusable
        DICOM files that belong to no series, or that cannot be read, each with the reason.
    """

    series: tuple[FoundSeries, ...]
    not_dicom: tuple[Path, ...]
    unusable: tuple[tuple[Path, str], ...]

    @property
    def empty(self) -> bool:
        """Whether there are no files at all."""
        return not (self.series or self.not_dicom or self.unusable)


def contents(folder: Path) -> Contents:
    """Look into every file below a folder, but for hidden ones; series come in the order of study and number."""
    files: dict[tuple[str, str], list[Path]] = {}
    names: dict[tuple[str, str], tuple[str, str]] = {}
    not_dicom: list[Path] = []
    unusable: list[tuple[Path, str]] = []
    for path in _files(folder):
        try:
            header = dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
            key, name = _key(header)
        except InvalidDicomError:
            not_dicom.append(path)
        except NONSENSE as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            unusable.append((path, f"cannot be read: {reason or type(error).__name__}"))
        else:
            if key[1]:
                files.setdefault(key, []).append(path)
                names.setdefault(key, name)
            else:
                unusable.append((path, "has no Series Instance UID"))
    found = [FoundSeries(*key, *names[key], tuple(paths)) for key, paths in files.items()]
    return Contents(tuple(sorted(found, key=_order)), tuple(not_dicom), tuple(unusable))


def _key(header: Dataset) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return study and series, and number and description, as text."""
    study, series, number, description = (str(header.get(tag) or "").strip() for tag in TAGS)
    return (study, series), (number, description)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(where, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in paths if path.is_file() or not path.exists())  # no pipes: nobody may write to them


def _order(series: FoundSeries) -> tuple[str, int, str]:
    number = series.series_number
    return series.study_instance_uid, int(number) if number.isdecimal() else 0, series.series_instance_uid
