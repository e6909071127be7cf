from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
    RLELossless,
)
from support.builders import in_transfer_syntax, make_voxels, write_multiframe, write_series

from dicom_io.errors import UnsupportedPixels
from dicom_io.pixels import decode

VOXELS = make_voxels(shape=(3, 8, 6))
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless)


def slice_(folder: Path, **more: object) -> pydicom.Dataset:
    return pydicom.dcmread(write_series(folder, voxels=VOXELS, **more)[0])


def test_rescale_turns_stored_values_into_grey_values(tmp_path: Path) -> None:
    grey = decode(slice_(tmp_path), [(0.5, -100.0)])

    assert grey.dtype == np.float32
    np.testing.assert_array_equal(grey, VOXELS[:1] * np.float32(0.5) - 100)


def test_each_frame_has_its_own_rescale(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_multiframe(tmp_path / "e", voxels=VOXELS))

    grey = decode(dataset, [(1, 0), (2, 0), (1, 5)])

    np.testing.assert_array_equal(grey, [VOXELS[0], VOXELS[1] * 2.0, VOXELS[2] + 5.0])


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_every_lossless_syntax_decodes_to_the_same_values(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    original = write_series(tmp_path, voxels=VOXELS)[0].read_bytes()
    dataset = pydicom.dcmread(BytesIO(in_transfer_syntax(original, transfer_syntax_uid=syntax)))

    np.testing.assert_array_equal(decode(dataset, [(1, 0)]), VOXELS[:1])


@pytest.mark.parametrize(("representation", "dark"), [(0, 4095), (1, 2047)])
def test_monochrome1_is_turned_round_so_that_its_darkest_stored_value_is_lowest(
    tmp_path: Path, representation: int, dark: int
) -> None:
    stored = np.full((8, 6), dark, np.int16)
    stored[0, 0] = dark - 1000
    dataset = slice_(
        tmp_path,
        PhotometricInterpretation="MONOCHROME1",
        PixelRepresentation=representation,
        PixelData=stored.tobytes(),
    )

    grey = decode(dataset, [(1, 0)])

    assert grey[0, 0, 0] - grey[0, 1, 1] == 1000
    assert grey[0, 1, 1] == (0 if representation == 0 else -2048)


def test_signed_values_keep_their_sign(tmp_path: Path) -> None:
    stored = np.arange(-24, 24, dtype=np.int16).reshape(8, 6)
    more = {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1}

    grey = decode(slice_(tmp_path, PixelData=stored.tobytes(), **more), [(1, 0)])

    np.testing.assert_array_equal(grey[0], stored)


def test_colour_is_refused(tmp_path: Path) -> None:
    dataset = slice_(tmp_path, PhotometricInterpretation="RGB", SamplesPerPixel=3)

    with pytest.raises(UnsupportedPixels, match="3 samples per pixel, RGB"):
        decode(dataset, [(1, 0)])


def test_a_syntax_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    dataset = slice_(tmp_path)
    dataset.PixelData = pydicom.encaps.encapsulate([b"no jpeg at all"])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEGExtended12Bit

    with pytest.raises(UnsupportedPixels, match=JPEGExtended12Bit.name.replace("(", r"\(").replace(")", r"\)")):
        decode(dataset, [(1, 0)])


def test_missing_pixel_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedPixels, match="cannot be decoded"):
        decode(slice_(tmp_path, PixelData=None), [(1, 0)])


def test_a_lookup_table_in_place_of_rescale_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedPixels, match="Modality LUT Sequence"):
        decode(slice_(tmp_path, ModalityLUTSequence=[pydicom.Dataset()]), [(1, 0)])
