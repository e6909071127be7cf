from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
from pynetdicom.dsutils import create_file_meta, encode_file_meta

from dicom_io.file_meta import file_meta

IMPLEMENTATION = (str(PYNETDICOM_IMPLEMENTATION_UID), PYNETDICOM_IMPLEMENTATION_VERSION)


@pytest.mark.parametrize("instance", ["1.2.3", "1.2.34", "2.25." + "9" * 38])
def test_it_is_byte_for_byte_what_the_library_writes(instance: str) -> None:
    theirs = create_file_meta(
        sop_class_uid=MRImageStorage, sop_instance_uid=instance, transfer_syntax=ExplicitVRLittleEndian
    )

    ours = file_meta(MRImageStorage, instance, ExplicitVRLittleEndian, IMPLEMENTATION)

    assert ours == bytes(128) + b"DICM" + encode_file_meta(theirs)


def test_a_file_begins_with_it() -> None:
    data_set = b"\x08\x00\x60\x00CS\x02\x00MR"

    read = dcmread(BytesIO(file_meta(MRImageStorage, "1.2", ExplicitVRLittleEndian, IMPLEMENTATION) + data_set))

    assert read.Modality == "MR"
    assert read.file_meta.MediaStorageSOPInstanceUID == "1.2"
