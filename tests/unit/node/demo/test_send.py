from pathlib import Path

from pydicom import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.events import Event

from node.demo.pacs import Address, EmbeddedPacs
from node.demo.send import Refusal, answers, send_series, series_in


def write(folder: Path, name: str, series: str, sop_class: str = MRImageStorage, number: int = 1) -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, f"{series}.{name[0]}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", series
    dataset.Modality = "MR"
    dataset.SeriesNumber, dataset.SeriesDescription = number, f"series {number}"
    folder.mkdir(exist_ok=True)
    dataset.save_as(folder / name, enforce_file_format=True)


def test_a_folder_is_sorted_into_series_and_other_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "b", "1.dcm", "1.2.20", number=20)
    write(tmp_path / "a", "1.dcm", "1.2.3", number=3)
    write(tmp_path / "a", "2.dcm", "1.2.3", number=3)
    (tmp_path / "README.txt").write_text("not DICOM")

    found = series_in(tmp_path)

    assert [(series.description, len(series.paths)) for series in found] == [("series 3", 2), ("series 20", 1)]


def test_what_was_sent_arrives_and_every_answer_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "study", "1.dcm", "1.2.3")
    write(tmp_path / "study", "2.dcm", "1.2.3")
    pacs, counted = EmbeddedPacs(tmp_path / "pacs"), []

    refused = send_series(series_in(tmp_path / "study")[0], pacs.address, "SENDER", lambda: counted.append(1))
    pacs.stop()

    assert not refused
    assert len(counted) == 2
    assert {path.name for path in (tmp_path / "pacs").iterdir()} == {"MR-.2.3.1.dcm", "MR-.2.3.2.dcm"}


def refusing_node() -> tuple[AE, Address]:
    def refuse(_: Event) -> Dataset:
        answer = Dataset()
        answer.Status, answer.ErrorComment = 0xA700, "the disk is full"
        return answer

    entity = AE("NODE")
    entity.add_supported_context(MRImageStorage)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, refuse)])
    assert server is not None
    return entity, Address("NODE", "127.0.0.1", server.server_address[1])


def test_a_refusal_carries_the_status_and_the_reason_of_the_other_side(tmp_path: Path) -> None:
    write(tmp_path, "1.dcm", "1.2.3")
    entity, address = refusing_node()

    refused = send_series(series_in(tmp_path)[0], address, "SENDER", lambda: None)
    entity.shutdown()

    assert refused == [Refusal("series 1", "0xA700: the disk is full")]


def test_an_object_of_a_class_that_is_not_taken_is_named(tmp_path: Path) -> None:
    write(tmp_path, "1.dcm", "1.2.3", sop_class=CTImageStorage)
    entity, address = refusing_node()

    (refused,) = send_series(series_in(tmp_path)[0], address, "SENDER", lambda: None)
    entity.shutdown()

    assert "CT Image Storage" in refused.reason


def test_who_listens_answers_and_who_does_not_does_not() -> None:
    entity, address = refusing_node()
    entity.shutdown()

    assert not answers(address, "SENDER")
