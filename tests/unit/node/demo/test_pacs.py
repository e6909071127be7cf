from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage
from pynetdicom import AE

from node.demo.pacs import Address, EmbeddedPacs


def test_an_address_is_read_from_its_three_parts() -> None:
    assert Address.parse("10.0.0.5:4242:ORTHANC") == Address("ORTHANC", "10.0.0.5", 4242)


@pytest.mark.parametrize("text", ["", "host", "host:104", "host:port:AET", "host:0:AET", "host:104:SEVENTEEN_LETTERS"])
def test_anything_else_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="host:port:AE_TITLE"):
        Address.parse(text)


def test_what_is_stored_becomes_a_file_named_after_its_modality(tmp_path: Path) -> None:
    pacs = EmbeddedPacs(tmp_path)
    entity = AE()
    entity.add_requested_context(SegmentationStorage, ExplicitVRLittleEndian)
    sent = Dataset()
    sent.SOPClassUID, sent.SOPInstanceUID = SegmentationStorage, "2.25.1234567"
    sent.PatientID, sent.Modality = "P1", "SEG"
    sent.file_meta = Dataset()
    sent.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian

    association = entity.associate(pacs.address.host, pacs.address.port, ae_title=pacs.address.ae_title)
    status = association.send_c_store(sent)
    association.release()
    pacs.stop()

    assert status.Status == 0x0000
    assert dcmread(tmp_path / pacs.name_of("2.25.1234567")).PatientID == "P1"
    assert pacs.name_of("2.25.1234567") == "SEG-234567.dcm"
    assert pacs.name_of("2.25.8") == "2.25.8"
