"""Real scans go in by DCMTK's storescu, and SEG and SR come back to a real Orthanc."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from support import dcmtk
from support.node_process import NodeProcess
from support.orthanc import AE_TITLE, Orthanc, running_orthanc
from support.process import free_port
from support.require import require_data
from support.wait import wait_until

from inference.evaluation.metrics import dice

ANALYSIS_SECONDS = 180.0
REPORT = 9002
"""Series Number of reports; measurements are SRs too."""


@pytest.fixture(scope="module")
def pacs_and_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Orthanc, NodeProcess]]:
    """An Orthanc and a node that know each other; the node sends results back to whoever called it."""
    folder, port = tmp_path_factory.mktemp("real"), free_port()
    with running_orthanc(folder, port) as orthanc:
        node = NodeProcess(folder, {AE_TITLE: orthanc.dicom_port}, port=port)
        node.start()
        yield orthanc, node
        node.stop()


def results_of(orthanc: Orthanc, source: Path, folder: Path, seg: int, sr: int) -> dict[str, list[Path]]:
    """Wait until so many SEG and SR of the study of a source file are in Orthanc; return their files."""
    study = str(dcmread(source, stop_before_pixels=True).StudyInstanceUID)

    def found(modality: str) -> list[dict[str, Any]]:
        return orthanc.instances(StudyInstanceUID=study, Modality=modality)

    wait_until(
        lambda: len(found("SEG")) >= seg and len(found("SR")) >= sr,
        ANALYSIS_SECONDS,
        interval=0.5,
        what=f"{seg} SEG and {sr} SR in Orthanc",
    )
    return {kind: [orthanc.download(one, folder) for one in found(kind)] for kind in ("SEG", "SR")}


def assert_valid(paths: list[Path]) -> None:
    for path in paths:
        assert dcmtk.validate(path).errors == ()


def test_brainix_comes_back_as_a_segmentation_on_its_own_flair(
    pacs_and_node: tuple[Orthanc, NodeProcess],
    tmp_path: Path,
    record_property: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    orthanc, node = pacs_and_node
    flair, t1, roi = (require_data(f"dicom/brainix/{name}") for name in ("FLAIR", "T1", "ROI"))
    sources = {str(d.SOPInstanceUID): d for d in map(dcmread, sorted(flair.glob("*.dcm")))}

    assert dcmtk.send([flair], node.port, calling=AE_TITLE) == 22
    assert dcmtk.send([t1], node.port, calling=AE_TITLE) == 22
    results = results_of(orthanc, next(flair.iterdir()), tmp_path, seg=1, sr=3)

    assert_valid(results["SEG"] + results["SR"])
    seg = hd.seg.segread(results["SEG"][0])
    first = next(iter(sources.values()))
    assert (seg.Rows, seg.Columns) == (first.Rows, first.Columns)
    assert seg.FrameOfReferenceUID == first.FrameOfReferenceUID
    assert seg.StudyInstanceUID == first.StudyInstanceUID
    (referenced,) = seg.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == first.SeriesInstanceUID
    assert {i.ReferencedSOPInstanceUID for i in referenced.ReferencedInstanceSequence} == set(sources)
    for group in seg.PerFrameFunctionalGroupsSequence:
        source = sources[group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID]
        np.testing.assert_allclose(
            group.PlanePositionSequence[0].ImagePositionPatient, source.ImagePositionPatient, atol=0.05
        )

    found, truth = _masks(seg, sources, roi)
    agreement = dice(truth, found)
    record_property("brainix_dice", round(agreement, 4))
    with capsys.disabled():
        print(f"\nbrainix: Dice of the SEG in Orthanc against the ROI: {agreement:.3f}")  # noqa: T201


def _masks(seg: hd.seg.Segmentation, sources: dict[str, Dataset], roi: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return found and true voxels, slices in the order of the ROI's files, matched by patient position."""
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    by_height = {}
    for frame, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        by_height[round(float(group.PlanePositionSequence[0].ImagePositionPatient[2]))] = frame > 0
    truths = [dcmread(path) for path in sorted(roi.glob("*.dcm"))]
    empty = np.zeros((seg.Rows, seg.Columns), dtype=bool)
    found = np.stack([by_height.get(round(float(t.ImagePositionPatient[2])), empty) for t in truths])
    assert sum(int(plane.sum()) for plane in by_height.values()) == found.sum()
    return found, np.stack([t.pixel_array > 0 for t in truths])


def test_an_enhanced_flair_with_interleaved_frames_comes_back_on_its_own_frames(
    pacs_and_node: tuple[Orthanc, NodeProcess], tmp_path: Path
) -> None:
    orthanc, node = pacs_and_node
    path = require_data("dicom/enhanced/BRTUM003.dcm")
    source = dcmread(path)

    assert dcmtk.send([path], node.port, calling=AE_TITLE) == 1
    results = results_of(orthanc, path, tmp_path, seg=1, sr=2)

    assert_valid(results["SEG"] + results["SR"])
    seg = hd.seg.segread(results["SEG"][0])
    assert (seg.Rows, seg.Columns) == (source.Rows, source.Columns)
    assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID
    for group in seg.PerFrameFunctionalGroupsSequence:
        image = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert image.ReferencedSOPInstanceUID == source.SOPInstanceUID
        frame = source.PerFrameFunctionalGroupsSequence[int(image.ReferencedFrameNumber) - 1]
        np.testing.assert_allclose(
            group.PlanePositionSequence[0].ImagePositionPatient,
            frame.PlanePositionSequence[0].ImagePositionPatient,
            atol=0.05,
        )


def test_the_report_reads_as_text(pacs_and_node: tuple[Orthanc, NodeProcess], tmp_path: Path) -> None:
    orthanc, _ = pacs_and_node
    path = require_data("dicom/brainix/FLAIR/IM-0001-0001.dcm")

    results = results_of(orthanc, path, tmp_path, seg=1, sr=3)
    texts = [dcmtk.report_text(report) for report in results["SR"] if dcmread(report).SeriesNumber == REPORT]

    assert all("Research use only, not a medical device" in text for text in texts)
    assert any("FLAIR abnormality" in text and "Volume" in text for text in texts)


def test_results_sent_again_change_nothing_in_the_archive(
    pacs_and_node: tuple[Orthanc, NodeProcess], tmp_path: Path
) -> None:
    orthanc, _ = pacs_and_node
    path = require_data("dicom/brainix/FLAIR/IM-0001-0001.dcm")
    study = str(dcmread(path).StudyInstanceUID)
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
    sent = [one for kind in results_of(orthanc, path, tmp_path / "1", seg=1, sr=3).values() for one in kind]
    before = orthanc.instances(StudyInstanceUID=study)

    assert dcmtk.send(sent, orthanc.dicom_port, calling="GLIA", called=AE_TITLE) == len(sent)

    after = [one for kind in results_of(orthanc, path, tmp_path / "2", seg=1, sr=3).values() for one in kind]
    assert len(orthanc.instances(StudyInstanceUID=study)) == len(before)
    assert sorted(one.read_bytes() for one in after) == sorted(one.read_bytes() for one in sent)
