"""Two independent readers look at the same files: where they differ from us is listed here, with the reason."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from support.builders import make_voxels, set_all
from support.oracles import (
    Difference,
    Reading,
    alone,
    by_dcm2niix,
    by_simpleitk,
    compare,
    is_listed_dcm2niix,
    laid_like,
)
from support.orientations import SHAPE, STANDARD, Scan, at_any_orientation
from support.require import require_data

from dicom_io.errors import DicomInputError
from dicom_io.read import read_series, read_volume
from dicom_io.uids import derive
from dicom_io.volume import Volume

TOLERANCE_MM = 1e-3
TOLERANCE = 2.0**-23
"""Of the brightest voxel: one rounding of float32."""

Mend = Callable[[Volume, Reading], Reading]


class Listed(NamedTuple):
    """A difference: why it is there, how it shows, and what makes their reading ours."""

    reason: str
    kind: str
    mend: Mend | None = None


def difference(volume: Volume, reading: Reading) -> Difference:
    return compare(volume, reading, tolerance_mm=TOLERANCE_MM, tolerance=TOLERANCE)


def read(reader: str, folder: Path, target: Path) -> list[Reading]:
    return by_simpleitk(folder) if reader == "SimpleITK" else by_dcm2niix(folder, target)


def assert_same(volume: Volume, readings: Sequence[Reading], listed: Listed | None) -> None:
    """Check that the one reading is ours, or differs as listed and in nothing else.

    A dcm2niix of another version than the listed one may differ no longer, but in nothing new.
    """
    if listed and readings and not is_listed_dcm2niix() and difference(volume, readings[0]).kind == "none":
        return
    if listed and listed.kind == "not read":
        assert not readings, f"no longer true: {listed.reason}"
        return
    (reading,) = readings
    found = difference(volume, reading)
    assert found.kind == (listed.kind if listed else "none"), found
    if listed and listed.mend:
        mended = difference(volume, listed.mend(volume, reading))
        assert mended.kind == "none", f"more than that: {listed.reason} ({mended})"


def in_stored_order(volume: Volume, reading: Reading) -> Reading:
    """Bring their frames in our order; the grid they are said to lie on means nothing."""
    return Reading(reading.array[[source.frame for source in volume.sources]], volume.geometry.affine)


def where_positions_say(volume: Volume, reading: Reading) -> Reading:
    """Put their slices where ours are; what they say of rows and columns stays."""
    laid = laid_like(volume, reading)
    laid.affine[:3, 0] = volume.geometry.slice_step
    return laid


STORED_ORDER = Listed(
    "ITK reads frames in stored order, and takes the first two for the grid", "place", in_stored_order
)
THICKNESS = Listed(
    "dcm2niix takes Slice Thickness, 5 mm, for the distance between slices; positions are 6 mm apart",
    "place",
    where_positions_say,
)
NO_JPEG_LS = Listed("Debian builds dcm2niix without JPEG-LS", "not read")

GENERIC = "quirks/generic"
READ: Mapping[str, Mapping[str, Listed]] = {
    "brainix/FLAIR": {},
    "brainix/T1": {},
    "enhanced/BRTUM003.dcm": {"SimpleITK": STORED_ORDER, "dcm2niix": THICKNESS},
    "enhanced/BRTUM004.dcm": {"dcm2niix": THICKNESS},
    "enhanced/BRTUM005.dcm": {"dcm2niix": THICKNESS},
    "enhanced/BRTUM008.dcm": {"dcm2niix": THICKNESS},
    "quirks/ge/anatomical/001": {},
    "quirks/ge/anatomical/001_implicit": {},
    f"{GENERIC}/anatomical/001": {},
    f"{GENERIC}/anatomical/001_implicit": {},
    f"{GENERIC}/compressed/001": {},
    f"{GENERIC}/compressed_j2k/001": {},
    f"{GENERIC}/compressed_jpeg/001": {},
    f"{GENERIC}/compressed_jpegls/001": {"dcm2niix": NO_JPEG_LS},
    f"{GENERIC}/compressed_rle/001": {},
    "quirks/hyperfine/anatomical/001": {},
    "quirks/siemens/anatomical/001": {},
    "quirks/siemens/anatomical/001_implicit": {},
}
"""The series that we read, and how other readers differ."""

REFUSED: Mapping[str, str] = {
    "brainix/ROI": "a mask or region, not an image",
    "quirks/failing/gantrytilting/001": "CT Image Storage of modality CT, not an MR image",
    "quirks/failing/notavolume/001": "CT Image Storage of modality CT, not an MR image",
    "quirks/failing/slicecount/001": "at least 3 slices, there are 2",
    "quirks/failing/sliceincrement/001": "CT Image Storage of modality CT, not an MR image",
    "quirks/failing/sliceincrement/002": "CT Image Storage of modality CT, not an MR image",
    "quirks/failing/sliceorientation/001": r"different orientation: tilted by up to 90\.0",
    "quirks/ge/anatomical/001_single_slice": "at least 3 slices, there is a single slice",
    f"{GENERIC}/anatomical/002_non_isotropic": "a reformat of other images: Image Type says MPR",
    f"{GENERIC}/rgb/001": "Secondary Capture Image Storage of modality MR, not an MR image",
}
"""The series that we refuse, and why; SimpleITK makes a volume of each."""


def series_files(name: str) -> list[Path]:
    place = require_data(f"dicom/{name}")
    return sorted(place.iterdir()) if place.is_dir() else [place]


def test_every_series_at_hand_is_listed_as_read_or_refused() -> None:
    root = require_data("dicom")
    files = [path for path in root.rglob("*") if path.is_file()]
    series = {path if path.parent.name == "enhanced" else path.parent for path in files}

    assert {str(path.relative_to(root)) for path in series} == {*READ, *REFUSED}


@pytest.mark.parametrize("reader", ["SimpleITK", "dcm2niix"])
@pytest.mark.parametrize("name", READ)
def test_a_real_series_is_read_as_others_read_it(name: str, reader: str, tmp_path: Path) -> None:
    paths = series_files(name)

    readings = read(reader, alone(paths, tmp_path / "in"), tmp_path / "out")

    assert_same(read_volume(paths), readings, READ[name].get(reader))


@pytest.mark.parametrize("name", REFUSED)
def test_of_what_is_refused_with_a_reason_simpleitk_makes_a_volume(name: str, tmp_path: Path) -> None:
    paths = series_files(name)

    assert len(by_simpleitk(alone(paths, tmp_path / "in"))) == 1
    with pytest.raises(DicomInputError, match=REFUSED[name]):
        read_volume(paths)


@pytest.mark.parametrize("form", ["classic", "enhanced", "legacy_converted"])
@at_any_orientation()
def test_a_phantom_at_any_orientation_is_read_as_drawn_and_as_others_read_it(
    form: str, tmp_path_factory: pytest.TempPathFactory, scan: Scan
) -> None:
    folder = tmp_path_factory.mktemp(form)
    ordered = scan if form == "classic" else replace(scan, order=tuple(range(SHAPE[0])))  # STORED_ORDER
    paths = getattr(scan, f"write_{form}")(folder / "shuffled")
    getattr(ordered, f"write_{form}")(folder / "ordered")

    volume = read_volume(paths)

    np.testing.assert_array_equal(volume.array, scan.voxels.astype(np.float32))
    np.testing.assert_allclose(volume.geometry.affine, scan.geometry.affine, atol=1e-6)
    assert_same(volume, by_simpleitk(folder / "ordered"), None)
    assert_same(volume, by_dcm2niix(folder / "shuffled", folder / "nifti"), None)


SLOPES = 1 + np.arange(SHAPE[0]) / 8
SCAN = Scan(turns=STANDARD["double oblique"])
IN_ORDER = replace(SCAN, order=tuple(range(SHAPE[0])))


def each(**varying: Sequence[object]) -> list[Dataset]:
    """Return the slices of the scan with attributes of their own: one value per slice."""
    return [
        set_all(slice_, **{keyword: values[index] for keyword, values in varying.items()})
        for index, slice_ in enumerate(SCAN.slices())
    ]


def all_slices(**attributes: object) -> list[Dataset]:
    return SCAN.slices(**attributes)


def with_slope_of(number: int) -> Mend:
    """Give each slice its own slope, where they took that of one frame for all."""

    def mend(volume: Volume, reading: Reading) -> Reading:
        laid = laid_like(volume, reading)
        return Reading(laid.array / SLOPES[number] * SLOPES[:, None, None], laid.affine)

    return mend


def turned_round(volume: Volume, reading: Reading) -> Reading:
    return Reading(4095 - reading.array, reading.affine)


def sign_extended(volume: Volume, reading: Reading) -> Reading:
    return Reading(reading.array - 4096 * (reading.array >= 2048), reading.affine)


def padded_dark(volume: Volume, reading: Reading) -> Reading:
    return Reading(np.where(reading.array == 4095, 0, reading.array), reading.affine)


def shifted_down(volume: Volume, reading: Reading) -> Reading:
    return Reading((reading.array - OVERLAY) / 16, reading.affine)


def with_rows_as_written(volume: Volume, reading: Reading) -> Reading:
    laid = where_positions_say(volume, reading)
    laid.affine[:3, 2] = volume.geometry.column_step
    return laid


def padding() -> list[Dataset]:
    slices = all_slices(PixelPaddingValue=4095)
    for slice_, pixels in zip(slices, SCAN.voxels, strict=True):
        pixels[pixels == 4095] = 4094
        pixels[:3] = 4095
        slice_.PixelData = pixels.tobytes()
    return slices


def in_high_bits() -> list[Dataset]:
    slices = all_slices(HighBit=15)
    for slice_, pixels in zip(slices, HIGH, strict=True):
        slice_.PixelData = pixels.tobytes()
    return slices


def moved(*, along_column: float = 0.0, along_normal: float = 0.0) -> list[Dataset]:
    """Return slices that shift in their planes by so many mm from first to last, or every other along the normal."""
    shifts = np.outer(np.arange(SHAPE[0]) / (SHAPE[0] - 1), np.array(SCAN.geometry.row_step) / SCAN.spacing[1])
    jumps = np.outer(np.arange(SHAPE[0]) % 2, np.array(SCAN.geometry.slice_step) / SCAN.spacing[0])
    slices = all_slices()
    places = [slice_.ImagePositionPatient for slice_ in slices] + along_column * shifts + along_normal * jumps
    return each(ImagePositionPatient=places.round(8).tolist())


def rounded() -> list[Dataset]:
    return all_slices(ImageOrientationPatient=np.round(SCAN.slices()[0].ImageOrientationPatient, 3).tolist())


def twice(folder: Path) -> None:
    """Write a slice a second time, as archives do under a UID of their own."""
    again = pydicom.dcmread(SCAN.write_classic(folder)[3])
    again.SOPInstanceUID = derive("sent again")
    again.save_as(folder / "again.dcm", enforce_file_format=True)


OVERLAY = 5
HIGH = make_voxels(shape=SHAPE) % 256 * 16 + OVERLAY
"""12 bits under an overlay in the lowest 4 of 16."""
SLOPED = {"RescaleSlope": SLOPES, "RescaleIntercept": [0] * SHAPE[0]}
UNKNOWN_DISTANCE = {"SliceThickness": 9.0, "SpacingBetweenSlices": None}
PHILIPS = "Philips Medical Systems"
TWELVE_BITS = {"dcm2niix": Listed("dcm2niix takes the 12th bit of 16 for no sign", "grey values", sign_extended)}
NOT_INVERTED = {"dcm2niix": Listed("dcm2niix leaves MONOCHROME1 as it is stored", "grey values", turned_round)}
ONE_SLOPE = {
    "SimpleITK": Listed("ITK takes the first frame's rescale for all", "grey values", with_slope_of(0)),
    "dcm2niix": Listed("but of Philips, dcm2niix takes the last frame's for all", "grey values", with_slope_of(-1)),
}
BRIGHT = Listed("padding is a grey value like any other for them; it is dark for us", "grey values", padded_dark)
LOWEST_BITS = Listed("they do not look at High Bit; DCMTK and we do", "grey values", shifted_down)
ALONG_NORMAL = Listed("they put slices along the normal; we put them where they are", "place", where_positions_say)
FIRST_TWO = Listed("dcm2niix takes the distance of the first two slices for all", "place", where_positions_say)
RIGHT_ANGLES = Listed("ITK also turns rows until they are square to columns", "place", with_rows_as_written)
THIRTEEN = Listed("ITK counts a slice that was sent twice, and takes it for the grid", "shape")
GIVEN_UP = Listed("dcm2niix knows copies by their UID alone, and gives up at others", "not read")

FORMS: Mapping[str, tuple[Callable[[Path], object], Mapping[str, Listed]]] = {
    "overlapping slices": (lambda f: SCAN.write_classic(f, all_slices(SliceThickness=9.0)), {}),
    "no distance stated": (lambda f: SCAN.write_classic(f, all_slices(**UNKNOWN_DISTANCE)), {}),
    "a wrong distance stated": (lambda f: SCAN.write_classic(f, all_slices(SpacingBetweenSlices=1.0)), {}),
    "overlapping frames": (lambda f: IN_ORDER.write_enhanced(f, all_slices(**UNKNOWN_DISTANCE)), {}),
    "shuffled frames": (SCAN.write_enhanced, {"SimpleITK": STORED_ORDER}),
    "shuffled frames, converted": (SCAN.write_legacy_converted, {"SimpleITK": STORED_ORDER}),
    "slices that drift": (
        lambda f: SCAN.write_classic(f, moved(along_column=0.3)),
        {"SimpleITK": ALONG_NORMAL, "dcm2niix": ALONG_NORMAL},
    ),
    "slices a little uneven": (lambda f: SCAN.write_classic(f, moved(along_normal=0.01)), {"dcm2niix": FIRST_TWO}),
    "a slice sent twice": (twice, {"SimpleITK": THIRTEEN, "dcm2niix": GIVEN_UP}),
    "rounded cosines": (
        lambda f: SCAN.write_classic(f, rounded()),
        {"SimpleITK": RIGHT_ANGLES, "dcm2niix": ALONG_NORMAL},
    ),
    "slope": (lambda f: SCAN.write_classic(f, all_slices(RescaleSlope=2.5, RescaleIntercept=-10)), {}),
    "negative slope": (lambda f: SCAN.write_classic(f, all_slices(RescaleSlope=-1.5, RescaleIntercept=10)), {}),
    "decimal slope": (lambda f: SCAN.write_classic(f, all_slices(RescaleSlope=0.00123, RescaleIntercept=0)), {}),
    "slope per slice": (lambda f: SCAN.write_classic(f, each(RescaleSlope=SLOPES, RescaleIntercept=SLOPES)), {}),
    "slope per frame": (lambda f: IN_ORDER.write_enhanced(f, each(**SLOPED)), ONE_SLOPE),
    "slope per frame, converted": (lambda f: IN_ORDER.write_legacy_converted(f, each(**SLOPED)), ONE_SLOPE),
    "slope per frame, Philips": (
        lambda f: IN_ORDER.write_enhanced(f, each(**SLOPED, Manufacturer=[PHILIPS] * SHAPE[0])),
        {"SimpleITK": ONE_SLOPE["SimpleITK"]},
    ),
    "signed": (lambda f: SCAN.write_classic(f, all_slices(PixelRepresentation=1)), TWELVE_BITS),
    "signed, enhanced": (lambda f: IN_ORDER.write_enhanced(f, all_slices(PixelRepresentation=1)), TWELVE_BITS),
    "signed, 16 bits": (
        lambda f: SCAN.write_classic(f, all_slices(PixelRepresentation=1, BitsStored=16, HighBit=15)),
        {},
    ),
    "high bit": (
        lambda f: SCAN.write_classic(f, in_high_bits()),
        {"SimpleITK": LOWEST_BITS, "dcm2niix": LOWEST_BITS},
    ),
    "inverted": (lambda f: SCAN.write_classic(f, all_slices(PhotometricInterpretation="MONOCHROME1")), NOT_INVERTED),
    "bright padding": (
        lambda f: SCAN.write_classic(f, padding()),
        {"SimpleITK": BRIGHT, "dcm2niix": BRIGHT},
    ),
}
"""How a series may be written, and which readers then differ."""


@pytest.mark.parametrize("reader", ["SimpleITK", "dcm2niix"])
@pytest.mark.parametrize("form", FORMS)
def test_a_series_is_read_as_others_read_it_however_it_is_written(form: str, reader: str, tmp_path: Path) -> None:
    write, listed = FORMS[form]
    write(tmp_path / "in")

    readings = read(reader, tmp_path / "in", tmp_path / "out")

    assert_same(read_volume(sorted((tmp_path / "in").iterdir())), readings, listed.get(reader))


def two_volumes(keyword: str, one: object, other: object) -> list[Dataset]:
    """Return two volumes at the same places that differ in one attribute, as a Philips scanner numbers them."""
    scan = replace(SCAN, numbers=tuple(range(SHAPE[0])))
    first, second = (scan.slices(Manufacturer=PHILIPS, **{keyword: value}) for value in (one, other))
    for slice_, pixels in zip(second, make_voxels(shape=SHAPE, seed=1), strict=True):
        slice_.PixelData, slice_.SOPInstanceUID = pixels.tobytes(), derive("second", slice_.SOPInstanceUID)
        slice_.InstanceNumber += SHAPE[0]
    return [*first, *second]


SHUFFLED = replace(SCAN, order=tuple(int(n) for n in np.random.default_rng(0).permutation(2 * SHAPE[0])))


@pytest.mark.parametrize(
    ("form", "keyword", "one", "other"),
    [
        ("classic", "EchoTime", 20.0, 90.0),
        ("classic", "AcquisitionNumber", 1, 2),
        ("enhanced", "EchoTime", 20.0, 90.0),
        ("enhanced", "TemporalPositionIndex", 1, 2),
    ],
)
def test_a_series_of_two_volumes_is_split_as_dcm2niix_splits_it(
    form: str, keyword: str, one: object, other: object, tmp_path: Path
) -> None:
    paths = getattr(SHUFFLED, f"write_{form}")(tmp_path / "in", two_volumes(keyword, one, other))

    volumes, readings = read_series(paths), by_dcm2niix(tmp_path / "in", tmp_path / "out")

    kinds = [[difference(volume, reading).kind for reading in readings] for volume in volumes]
    assert kinds == [["none", "grey values"], ["grey values", "none"]]
    assert [difference(volumes[0], reading).kind for reading in by_simpleitk(tmp_path / "in")] == ["shape"]
    assert re.search(str(other).removesuffix(".0"), volumes[1].header.part)
