"""A reader opens the studies and their results in OHIF, and sees what was meant, where it was meant."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from support import dcmtk
from support.orthanc import AE_TITLE, running_orthanc
from support.process import free_port
from support.require import require_data
from support.source_series import mask_findings
from support.viewer import (
    MEASUREMENTS,
    SEGMENTS,
    View,
    Viewer,
    likeness,
    off_line,
    overlap,
    painted,
    running_viewer,
)

from dicom_io.case import Case
from dicom_io.codes import segment_codes
from dicom_io.equipment import Equipment
from dicom_io.findings import Findings
from dicom_io.measure import Diameters, diameters
from dicom_io.mr import write_phantom_study
from dicom_io.phantom import brain_phantom
from dicom_io.read import read_volume
from dicom_io.results import encode
from dicom_io.volume import Volume

AT = datetime(2026, 1, 2, 3, 4, 5)
HERE = Equipment(site="north", serial="0001")
SEG, REPORT, MEASUREMENT_REPORT = 9001, 9002, 9003
LEAST_OVERLAP = 0.95
YELLOW = (255, 255, 0)
"""What OHIF draws measurements in."""
MOST_PIXELS_OFF = 3.0
LEAST_VOXELS = 100
"""A slice with fewer is mostly outline, which viewers draw as thick as they like."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A study in Orthanc with the results of findings on one of its volumes.

    Attributes
    ----------
    mask
        uint8 (slices, rows, columns): where the overlay has to be seen, whatever the SEG says.
    """

    volume: Volume
    mask: NDArray[np.uint8]
    findings: Findings

    @property
    def uid(self) -> str:
        return self.volume.header.study_instance_uid

    @property
    def diameters(self) -> Diameters:
        longest = diameters(self.mask > 0, self.volume.geometry)
        assert longest
        return longest

    @property
    def slices(self) -> list[int]:
        """The first, the fullest and the last slice with a mask worth looking at, and one without a mask."""
        voxels = (self.mask > 0).sum(axis=(1, 2))
        worth, empty = np.flatnonzero(voxels >= LEAST_VOXELS), np.flatnonzero(voxels == 0)
        return [int(k) for k in (worth[0], voxels.argmax(), worth[-1], empty[-1])]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a viewer shows of one slice, without its segments and with them."""

    slice: int
    plain: View
    marked: View


@dataclass(slots=True)
class Room:
    """A viewer and the Orthanc it looks at, filled as studies are asked for."""

    viewer: Viewer
    dicom_port: int
    folder: Path
    studies: dict[str, Study] = field(default_factory=dict)

    def study(self, name: str) -> Study:
        """Return a study of this name; the first time, send it and its results to Orthanc."""
        if name not in self.studies:
            folder = self.folder / name
            study, sources = STUDIES[name](folder / "sources")
            results = folder / "results"
            results.mkdir(parents=True)
            case = Case(study.uid, {"flair": study.volume})
            for result in encode(case, study.findings, HERE, AT):
                (results / f"{result.kind}.dcm").write_bytes(result.data)
            assert dcmtk.send([*sources, results], self.dicom_port, called=AE_TITLE) > 1
            self.studies[name] = study
        return self.studies[name]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("viewer")
    with (
        running_orthanc(folder, free_port(), dicomweb=True) as orthanc,
        running_viewer(orthanc, folder) as viewer,
    ):
        yield Room(viewer, orthanc.dicom_port, folder)


def phantom(folder: Path) -> tuple[Study, list[Path]]:
    """A made-up patient; the matrix is odd, so the SEG goes as bytes."""
    return made_up(folder, pixel=(0.95, 0.95), seed=0)


def oblong_phantom(folder: Path) -> tuple[Study, list[Path]]:
    """The same with pixels that are not square."""
    return made_up(folder, pixel=(0.85, 1.0), seed=1)


def mirrored_phantom(folder: Path) -> tuple[Study, list[Path]]:
    """The same with a SEG that is wrong: left is right."""
    study, sources = made_up(folder, pixel=(0.95, 0.95), seed=2)
    wrong = np.flip(study.mask, axis=2).copy()
    return replace(study, findings=mask_findings(study.volume, wrong)), sources


def made_up(folder: Path, pixel: tuple[float, float], seed: int) -> tuple[Study, list[Path]]:
    """Write a phantom under UIDs of its own; ``pixel`` is in mm along (row, column)."""
    scan = brain_phantom(shape=(13, 250, 225), spacing=(9.0, *pixel))
    paths = write_phantom_study(folder, scan, acquired=AT, seed=seed)["flair"]
    volume = read_volume(paths)
    mask = scan.tumour.astype(np.uint8)
    return Study(volume, mask, mask_findings(volume, mask)), paths


def brainix(_: Path) -> tuple[Study, list[Path]]:
    """A patient, classic MR, with the tumour as a person has drawn it."""
    flair, roi = (sorted(require_data(f"dicom/brainix/{name}").glob("*.dcm")) for name in ("FLAIR", "ROI"))
    volume = read_volume(flair)
    drawn = {round(float(d.ImagePositionPatient[2])): d.pixel_array > 0 for d in map(dcmread, roi)}
    heights = [round(volume.geometry.position((k, 0, 0))[2]) for k in range(len(volume.array))]
    mask = np.stack([drawn[height] for height in heights]).astype(np.uint8)
    return Study(volume, mask, mask_findings(volume, mask)), flair


def enhanced(_: Path) -> tuple[Study, list[Path]]:
    """A patient, Enhanced MR with frames in no spatial order, with a shape that no mirroring maps onto itself."""
    path = require_data("dicom/enhanced/BRTUM003.dcm")
    volume = read_volume([path])
    mask = np.zeros(volume.array.shape, np.uint8)
    mask[9:14, 70:140, 150:170] = 1
    mask[9:12, 120:140, 150:200] = 1
    return Study(volume, mask, mask_findings(volume, mask)), [path]


STUDIES = {
    "phantom": phantom,
    "oblong phantom": oblong_phantom,
    "mirrored phantom": mirrored_phantom,
    "brainix": brainix,
    "enhanced": enhanced,
}


def load_segmentation(viewer: Viewer, study: Study) -> list[str]:
    """Open a study and its SEG and return the names of the segments in the panel."""
    viewer.open(study.uid)
    viewer.load(SEG)
    viewer.answer("Yes")
    return [row.title for row in viewer.panel(SEGMENTS)]


def go_to(viewer: Viewer, study: Study, slice_: int) -> View:
    return viewer.view(study.volume.geometry, study.volume.array.shape, slice_)


def look(viewer: Viewer, study: Study, slices: Sequence[int]) -> list[Look]:
    """Look at slices, with their segments and without."""

    def views() -> list[View]:
        return [go_to(viewer, study, slice_) for slice_ in slices]

    marked = views()
    viewer.toggle()
    plain = views()
    viewer.toggle()
    return [Look(*seen) for seen in zip(slices, plain, marked, strict=True)]


def overlaps(mask: NDArray[np.uint8], looks: list[Look]) -> list[float]:
    """How well, slice by slice, what is painted covers the places of the mask's voxels."""
    colour = segment_codes("flair_abnormality").colour
    return [overlap(painted(at.plain, at.marked, colour), at.plain.of(mask[at.slice]) > 0) for at in looks]


def most_alike(view: View, array: NDArray[np.float32]) -> tuple[int, str]:
    """Which slice of a volume a view shows, and what it would have to be mirrored in."""
    candidates = {(k, ""): slice_ for k, slice_ in enumerate(array)}
    for name, axis in {"rows": 0, "columns": 1}.items():
        candidates |= {(k, name): np.flip(slice_, axis) for k, slice_ in enumerate(array)}
    return max(candidates, key=lambda which: likeness(view, candidates[which]))


# Not where pixels are oblong: OHIF 3.13 takes their height for their width there (cornerstone3D issue 2758).
@pytest.mark.parametrize("name", ["phantom", "brainix", "enhanced"])
def test_the_viewer_lists_the_diameters_and_draws_them_where_they_were_measured(room: Room, name: str) -> None:
    study = room.study(name)
    viewer = room.viewer

    load_segmentation(viewer, study)
    viewer.load(MEASUREMENT_REPORT)
    viewer.answer("Yes")
    (row,) = viewer.panel(MEASUREMENTS)
    view = go_to(viewer, study, study.diameters.slice)
    viewer.picture(f"{name}-measurements")

    length, width = (float(x) for x in re.findall(r"[LW]: ([\d.]+) mm", row.details))
    assert length == pytest.approx(study.diameters.long_mm, abs=0.1)
    assert width == pytest.approx(study.diameters.short_mm, abs=0.1)
    for axis in (study.diameters.long_axis, study.diameters.short_axis):
        assert off_line(view, axis, YELLOW) <= MOST_PIXELS_OFF


@pytest.mark.parametrize("name", ["phantom", "oblong phantom", "brainix", "enhanced"])
def test_segments_lie_in_the_viewer_where_they_lie_in_the_patient_and_nowhere_else(room: Room, name: str) -> None:
    study = room.study(name)

    names = load_segmentation(room.viewer, study)
    looks = look(room.viewer, study, study.slices)
    go_to(room.viewer, study, study.diameters.slice)
    room.viewer.picture(f"{name}-segmentation")

    assert names == ["FLAIR abnormality"]
    for at in looks:
        assert most_alike(at.plain, study.volume.array) == (at.slice, "")
    assert min(overlaps(study.mask, looks)) > LEAST_OVERLAP


def test_a_mirrored_segmentation_does_not_pass_for_the_right_one(room: Room) -> None:
    study = room.study("mirrored phantom")

    load_segmentation(room.viewer, study)
    looks = look(room.viewer, study, study.slices[:-1])
    go_to(room.viewer, study, study.diameters.slice)
    room.viewer.picture("mirrored-segmentation")

    assert max(overlaps(study.mask, looks)) < 0.5
    assert min(overlaps(np.flip(study.mask, axis=2), looks)) > LEAST_OVERLAP


@pytest.mark.parametrize("name", ["phantom", "brainix", "enhanced"])
def test_the_report_reads_as_text_in_the_viewer(room: Room, name: str) -> None:
    study = room.study(name)

    room.viewer.open(study.uid)
    room.viewer.load(REPORT)
    text = room.viewer.text("Oncology Measurement Report")
    room.viewer.picture(f"{name}-report")

    assert study.findings.summary in text
    assert "Research use only, not a medical device" in text
    assert re.search(r"Volume: \d+", text)
