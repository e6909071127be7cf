"""Results go out by C-STORE as they are stored, over one association, with a report for each."""

import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    SegmentationStorage,
)
from pynetdicom import build_context
from support.builders import new_series
from support.pacs import Pacs, running_pacs
from support.process import free_port
from support.rooms import destination
from support.scu import encode_data_set, write_file

from db.records import Result
from node.senders.base import SendReport
from node.senders.cstore import CStoreSender


def sender(port: int, ae_title: str = "PACS") -> CStoreSender:
    return CStoreSender("GLIA", destination(port, ae_title), 10.0)


@pytest.fixture
def results(tmp_path: Path) -> list[Result]:
    made = []
    for number, data_set in enumerate(new_series(slices=3)):
        path = write_file(tmp_path / f"{number}.dcm", data_set)
        made.append(
            Result(
                sop_instance_uid=data_set.SOPInstanceUID,
                sop_class_uid=MRImageStorage,
                series_instance_uid="1.3",
                kind="SEG",
                path=path,
            )
        )
    return made


def send(pacs: Pacs, results: list[Result]) -> list[SendReport]:
    return list(sender(pacs.port).send(results))


def test_a_batch_goes_over_one_association_byte_for_byte(results: list[Result]) -> None:
    with running_pacs() as pacs:
        reports = send(pacs, results)

    assert reports == [SendReport(True, "", 0x0000, ExplicitVRLittleEndian)] * 3
    assert pacs.associations == 1
    for sent, arrived in zip(results, pacs.received, strict=True):
        assert sent.path.read_bytes().endswith(arrived)


def test_bytes_that_pydicom_would_write_otherwise_arrive_unchanged(tmp_path: Path, results: list[Result]) -> None:
    image = new_series(slices=1)[0]
    encoded = encode_data_set(image).replace(b"Nobody", b"No\0\0\0 ")
    path = write_file(tmp_path / "odd.dcm", image, encoded=encoded)
    odd = Result(
        sop_instance_uid=image.SOPInstanceUID,
        sop_class_uid=MRImageStorage,
        series_instance_uid="1.3",
        kind="SEG",
        path=path,
    )

    with running_pacs() as pacs:
        send(pacs, [odd])

    assert pacs.received == [encoded]


@pytest.mark.parametrize("warning", [0xB000, 0xB006, 0xB007])
def test_a_warning_means_delivered(results: list[Result], warning: int) -> None:
    with running_pacs() as pacs:
        pacs.answers = [warning]
        (report,) = send(pacs, results[:1])

    assert report.delivered


def test_a_refusal_is_reported_with_status_and_comment_and_the_others_still_go(results: list[Result]) -> None:
    with running_pacs() as pacs:
        pacs.answers = [0x0000, 0xA700, 0x0000]
        reports = send(pacs, results)

    assert [report.delivered for report in reports] == [True, False, True]
    assert reports[1].reason == "status 0xA700 not now"


def test_a_pacs_that_is_down_is_reported_for_each_result(results: list[Result]) -> None:
    reports = list(sender(free_port()).send(results))

    assert [report.delivered for report in reports] == [False] * 3
    assert all("no association with PACS at 127.0.0.1" in report.reason for report in reports)


def test_a_host_without_an_address_is_reported_for_each_result(results: list[Result]) -> None:
    nowhere = CStoreSender("GLIA", destination(104, host="no-such-host.invalid"), 10.0)

    reports = list(nowhere.send(results))

    assert [report.delivered for report in reports] == [False] * 3
    assert all("no-such-host.invalid" in report.reason for report in reports)


def test_a_rejected_association_is_reported_with_the_peers_reason(results: list[Result]) -> None:
    with running_pacs() as pacs:
        (report,) = sender(pacs.port, ae_title="OTHER").send(results[:1])

    assert not report.delivered
    assert "rejected the association" in report.reason
    assert "ae title" in report.reason.lower()


def test_a_class_the_pacs_does_not_take_is_reported(results: list[Result]) -> None:
    with running_pacs(contexts=[build_context("1.2.840.10008.5.1.4.1.1.2")]) as pacs:
        (report,) = send(pacs, results[:1])

    assert not report.delivered
    assert report.reason == f"PACS at 127.0.0.1:{pacs.port} does not take MR Image Storage"


def test_a_class_the_pacs_does_not_take_does_not_hold_up_the_others(tmp_path: Path, results: list[Result]) -> None:
    image = new_series(slices=1, SOPClassUID=SegmentationStorage)[0]
    other = replace(results[0], sop_class_uid=SegmentationStorage, path=write_file(tmp_path / "seg.dcm", image))

    with running_pacs(contexts=[build_context(MRImageStorage)]) as pacs:
        reports = send(pacs, [other, *results])

    assert [report.delivered for report in reports] == [False, True, True, True]
    assert reports[0].reason == (
        f"PACS at 127.0.0.1:{pacs.port} does not take Segmentation Storage in Explicit VR Little Endian or "
        "Implicit VR Little Endian"
    )


@pytest.mark.parametrize(
    ("proposed", "accepted", "sent"),
    [
        (["explicit", "implicit"], [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ExplicitVRLittleEndian),
        (["explicit", "implicit"], [ImplicitVRLittleEndian], ImplicitVRLittleEndian),
        (["implicit", "explicit"], [ImplicitVRLittleEndian, ExplicitVRLittleEndian], ImplicitVRLittleEndian),
        (["deflated", "explicit"], [DeflatedExplicitVRLittleEndian], DeflatedExplicitVRLittleEndian),
        (["explicit"], [ImplicitVRLittleEndian], ""),
    ],
)
def test_what_a_pacs_takes_is_sent_in_the_best_transfer_syntax_and_nothing_is_lost(
    results: list[Result], proposed: list[str], accepted: list[UID], sent: str
) -> None:
    with running_pacs(contexts=[build_context(MRImageStorage, one) for one in accepted]) as pacs:
        pacs_of = destination(pacs.port, transfer_syntaxes=proposed)
        (report,) = CStoreSender("GLIA", pacs_of, 10.0).send(results[:1])

    assert (report.delivered, report.transfer_syntax_uid) == (bool(sent), sent)
    for encoded in pacs.received:
        implicit, deflated = sent == ImplicitVRLittleEndian, sent == DeflatedExplicitVRLittleEndian
        data = zlib.decompress(encoded, -zlib.MAX_WBITS) if deflated else encoded
        assert read_dataset(BytesIO(data), implicit, is_little_endian=True) == dcmread(results[0].path)


def test_what_is_compressed_is_proposed_as_it_is_stored(tmp_path: Path) -> None:
    image = new_series(slices=1)[0]
    image.compress(RLELossless, generate_instance_uid=False)
    image.save_as(tmp_path / "rle.dcm", enforce_file_format=True)
    result = Result(
        sop_instance_uid=image.SOPInstanceUID,
        sop_class_uid=MRImageStorage,
        series_instance_uid="1.3",
        kind="SEG",
        path=tmp_path / "rle.dcm",
    )

    with running_pacs(contexts=[build_context(MRImageStorage, RLELossless)]) as pacs:
        (report,) = send(pacs, [result])

    assert (report.delivered, report.transfer_syntax_uid) == (True, RLELossless)


def test_a_missing_file_is_reported_and_does_not_hold_up_the_others(results: list[Result]) -> None:
    results[1].path.unlink()

    with running_pacs() as pacs:
        reports = send(pacs, results)

    assert [report.delivered for report in reports] == [True, False, True]
    assert str(results[1].path) in reports[1].reason
