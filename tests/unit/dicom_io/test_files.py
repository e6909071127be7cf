import gc
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless
from support.builders import in_transfer_syntax, make_voxels, write_series
from support.require import REPOSITORY

from dicom_io import files
from dicom_io.errors import UnreadableFile
from dicom_io.files import read_dataset
from dicom_io.pixels import open_pixels

SMALL = make_voxels(shape=(3, 8, 6))
LARGE = make_voxels(shape=(3, 512, 400))
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless)


def write(folder: Path, syntax: str, voxels: np.ndarray = SMALL) -> Path:
    path = write_series(folder, voxels=voxels)[0]
    path.write_bytes(in_transfer_syntax(path.read_bytes(), transfer_syntax_uid=syntax))
    return path


@pytest.mark.parametrize("voxels", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_a_file_is_read_in_every_encoding(tmp_path: Path, syntax: str, voxels: np.ndarray) -> None:
    path = write(tmp_path, syntax, voxels)

    dataset = read_dataset(path)

    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert dataset.SeriesDescription == "FLAIR AX"
    np.testing.assert_array_equal(open_pixels(dataset).stored(0), voxels[0])


@pytest.mark.parametrize("voxels", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_the_header_alone_is_the_same_without_pixels(tmp_path: Path, syntax: str, voxels: np.ndarray) -> None:
    path = write(tmp_path, syntax, voxels)
    whole = read_dataset(path)

    header = read_dataset(path, pixels=False)

    assert "PixelData" not in header
    del whole.PixelData
    assert header == whole
    assert header.file_meta == whole.file_meta


def test_no_more_than_the_head_of_a_large_file_is_read_for_its_header(tmp_path: Path) -> None:
    path = write_series(tmp_path, voxels=LARGE)[0]
    whole = read_dataset(path, pixels=False)
    with path.open("r+b") as file:
        file.truncate(2**18)  # what lies behind it makes no difference

    assert read_dataset(path, pixels=False) == whole


@pytest.mark.parametrize("private", [b"\1", b"\xe0\x7f\x10\x00"], ids=["long", "looks like pixels"])
def test_a_header_longer_than_the_head_is_read_to_its_end(tmp_path: Path, private: bytes) -> None:
    path = write_series(tmp_path, voxels=LARGE)[0]
    dataset = pydicom.dcmread(path)
    dataset.add_new(0x00090010, "LO", "GLIA TEST")
    dataset.add_new(0x00091001, "OB", private * (2**19 // len(private)))
    dataset.save_as(path, enforce_file_format=True)

    header = read_dataset(path, pixels=False)

    assert (header.Rows, "PixelData" in header) == (512, False)


def test_the_pixels_are_in_memory_once(tmp_path: Path) -> None:
    dataset = read_dataset(write_series(tmp_path, voxels=LARGE)[0])

    pixels = dataset.PixelData

    assert dataset.buffer is None
    others = [o for o in gc.get_objects() if isinstance(o, BytesIO) and o.getbuffer().nbytes > len(pixels)]
    assert not others


@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize("content", [b"", b"no DICOM"])
def test_what_is_not_dicom_is_refused_by_name(tmp_path: Path, content: bytes, pixels: bool) -> None:
    path = tmp_path / "letter.doc"
    path.write_bytes(content)

    with pytest.raises(UnreadableFile, match=r"letter\.doc is not readable as DICOM"):
        read_dataset(path, pixels=pixels)


@pytest.mark.parametrize("pixels", [True, False])
def test_a_file_that_is_gone_is_no_fault_of_its_content(tmp_path: Path, pixels: bool) -> None:
    with pytest.raises(FileNotFoundError):
        read_dataset(tmp_path / "gone.dcm", pixels=pixels)


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.dcm"
    with path.open("wb") as file:
        file.truncate(files.MAX_FILE + 1)  # a hole: it takes no room

    with pytest.raises(UnreadableFile, match=r"huge\.dcm has 1073741825 bytes, more than the 1073741824"):
        read_dataset(path)


@pytest.mark.parametrize("pixels", [True, False])
def test_a_deflate_bomb_is_refused_before_it_has_filled_the_memory(tmp_path: Path, pixels: bool) -> None:
    bomb = tmp_path / "bomb.dcm"
    bomb.write_bytes(deflated_zeros(gibibytes=4))
    program = (
        "import sys; from pathlib import Path; from dicom_io.files import read_dataset\n"
        "from dicom_io.errors import UnreadableFile\n"
        f"try: read_dataset(Path(sys.argv[1]), pixels={pixels})\n"
        "except UnreadableFile as error: print(error)\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, bomb], capture_output=True, text=True, check=True, timeout=60, cwd=REPOSITORY
    )

    reason, kibibytes = done.stdout.splitlines()
    assert "bomb.dcm is not readable as DICOM: the deflated data set does not end, or is larger than 30" in reason
    assert int(kibibytes) < 2**20


def deflated_zeros(gibibytes: int) -> bytes:
    """Return a file in the Deflated transfer syntax whose data set is nothing but zeros."""
    meta = b"\0" * 128 + b"DICM\x02\0\x10\0UI\x16\0" + DeflatedExplicitVRLittleEndian.encode()
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    mebibyte = stream.compress(b"\0" * 2**20) + stream.flush(zlib.Z_FULL_FLUSH)
    return meta + mebibyte * (gibibytes * 1024) + stream.flush()
