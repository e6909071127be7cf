"""One series is one volume however it is written; what is several volumes, or none, is told by its headers."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)
from support.builders import make_geometry, make_slices, make_voxels, set_all
from support.enhanced import make_enhanced, make_legacy_converted
from support.forms import compress, convert, save, set_in_frames

from dicom_io.errors import AmbiguousSeries, DicomInputError, MissingSlices, MixedGeometry, UnsupportedPixels
from dicom_io.read import read_series, read_volume
from dicom_io.survey import survey
from dicom_io.uids import derive
from dicom_io.volume import Geometry, Volume

SHAPE = (5, 32, 24)
GEOMETRY = make_geometry(shape=SHAPE)
VOXELS = make_voxels(shape=SHAPE)
SCATTERED = (3, 0, 4, 1, 2)

Form = Callable[[Sequence[Dataset]], list[Dataset]]


def slices(
    voxels: NDArray[np.uint16] = VOXELS, geometry: Geometry = GEOMETRY, first: int = 1, **more: object
) -> list[Dataset]:
    """Return a classic series; ``first`` keeps instances of two series put together apart."""
    made = make_slices(voxels=voxels, geometry=geometry, **more)
    for number, dataset in enumerate(made, start=first):
        set_all(dataset, SOPInstanceUID=derive("forms", str(number)), InstanceNumber=number)
    return made


def classic(datasets: Sequence[Dataset]) -> list[Dataset]:
    return list(datasets)


def enhanced(datasets: Sequence[Dataset]) -> list[Dataset]:
    return [make_enhanced(datasets, sequence="flair", frame_order=SCATTERED[: len(datasets)])]


def legacy_converted(datasets: Sequence[Dataset]) -> list[Dataset]:
    return [make_legacy_converted(datasets, frame_order=SCATTERED[: len(datasets)])]


FORMS: tuple[Form, ...] = (classic, enhanced, legacy_converted)

WRITERS = {
    "implicit": ("dcmconv", "+ti"),
    "explicit": ("dcmconv", "+te"),
    "big endian": ("dcmconv", "+tb"),
    "deflated": ("dcmconv", "+td"),
    "implicit, undefined lengths": ("dcmconv", "+ti", "-e"),
    "RLE": ("dcmcrle",),
    "RLE by GDCM": ("gdcmconv", "--rle"),
    "JPEG lossless, first-order": ("dcmcjpeg", "+e1"),
    "JPEG lossless, predictor 6": ("dcmcjpeg", "+el"),
    "JPEG lossless by GDCM": ("gdcmconv", "--jpeg"),
    "JPEG-LS": ("dcmcjpls",),
    "JPEG-LS by GDCM": ("gdcmconv", "--jpegls"),
    "JPEG 2000": ("gdcmconv", "--j2k"),
}


def assert_is(volume: Volume, voxels: NDArray[np.generic], geometry: Geometry = GEOMETRY) -> None:
    np.testing.assert_array_equal(volume.array, voxels.astype(np.float32))
    np.testing.assert_allclose(volume.geometry.affine, geometry.affine, atol=1e-6)
    assert volume.geometry.frame_of_reference_uid == geometry.frame_of_reference_uid


def only_volume(paths: Sequence[Path]) -> Volume:
    (volume,) = read_series(paths)
    return volume


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("form", FORMS)
def test_a_series_is_the_same_volume_in_every_form_and_lossless_syntax(tmp_path: Path, form: Form, writer: str) -> None:
    paths = [convert(path, *WRITERS[writer]) for path in save(tmp_path, form(slices()))]

    assert_is(only_volume(paths), VOXELS)


@pytest.mark.parametrize("form", FORMS)
def test_htj2k_is_the_same_volume(tmp_path: Path, form: Form) -> None:
    paths = save(tmp_path, [compress(dataset, HTJ2KLossless) for dataset in form(slices())])

    assert_is(only_volume(paths), VOXELS)


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("form", [classic, enhanced])
def test_signed_values_keep_their_sign(tmp_path: Path, form: Form, writer: str, bits: int) -> None:
    signed = np.random.default_rng(3).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), SHAPE, dtype=np.int16)
    datasets = slices(PixelRepresentation=1, BitsStored=bits, HighBit=bits - 1)
    for dataset, plane in zip(datasets, signed, strict=True):
        dataset.PixelData = plane.tobytes()
    paths = [convert(path, *WRITERS[writer]) for path in save(tmp_path, form(datasets))]

    assert_is(only_volume(paths), signed)


def test_bits_above_those_stored_are_not_looked_at(tmp_path: Path) -> None:
    datasets = slices()
    for dataset, plane in zip(datasets, VOXELS, strict=True):
        dataset.PixelData = (plane | 0xA000).tobytes()  # as retired overlays lie

    assert_is(only_volume(save(tmp_path, datasets)), VOXELS)


def test_the_sign_is_that_of_the_bits_stored(tmp_path: Path) -> None:
    datasets = slices(PixelRepresentation=1)
    for dataset, plane in zip(datasets, VOXELS, strict=True):
        dataset.PixelData = plane.tobytes()  # 12 bits, the four above them empty

    assert_is(only_volume(save(tmp_path, datasets)), np.where(VOXELS < 2048, VOXELS, VOXELS - 4096.0))


@pytest.mark.parametrize("bits", [8, 32])
def test_other_widths_are_read(tmp_path: Path, bits: int) -> None:
    datasets = slices(BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1)
    stored = (VOXELS % 256).astype(np.uint8) if bits == 8 else VOXELS.astype(np.uint32) * 16
    for dataset, plane in zip(datasets, stored, strict=True):
        dataset.PixelData = plane.tobytes()

    assert_is(only_volume(save(tmp_path, datasets)), stored)


@pytest.mark.parametrize("form", FORMS)
def test_each_slice_has_its_own_rescale_as_philips_writes_it(tmp_path: Path, form: Form) -> None:
    datasets = slices()
    for number, dataset in enumerate(datasets, start=1):
        set_all(dataset, RescaleSlope=0.25 * number, RescaleIntercept=-number, RescaleType="US")

    expected = np.stack([plane * (0.25 * n) - n for n, plane in enumerate(VOXELS, start=1)])
    assert_is(only_volume(save(tmp_path, form(datasets))), expected)


@pytest.mark.parametrize("form", [classic, enhanced])
def test_monochrome1_is_turned_round(tmp_path: Path, form: Form) -> None:
    paths = save(tmp_path, [set_all(d, PhotometricInterpretation="MONOCHROME1") for d in form(slices())])

    assert_is(only_volume(paths), 4095.0 - VOXELS)


@pytest.mark.parametrize("form", [classic, enhanced])
def test_a_missing_window_and_a_declared_padding_change_no_voxel(tmp_path: Path, form: Form) -> None:
    more = {"WindowCenter": None, "WindowWidth": None, "PixelPaddingValue": 0}
    paths = save(tmp_path, [set_all(dataset, **more) for dataset in form(slices())])

    assert_is(only_volume(paths), VOXELS)


LOSSY = {JPEGLSNearLossless: 2, JPEG2000: 41, HTJ2K: 80, JPEGExtended12Bit: 41, JPEGBaseline8Bit: 5}
"""How far a voxel of a smooth picture may be off: JPEG-LS promises it; of the others, 1 or 2 % of the range."""


@pytest.mark.parametrize("syntax", LOSSY, ids=lambda uid: uid.name)
@pytest.mark.parametrize("form", [classic, enhanced])
def test_lossy_syntaxes_come_close(tmp_path: Path, form: Form, syntax: str) -> None:
    brightest = 255 if syntax == JPEGBaseline8Bit else 4095
    smooth = _smooth(brightest)
    paths = save(tmp_path, [compress(dataset, syntax) for dataset in form(slices(smooth))])

    volume = only_volume(paths)

    assert np.abs(volume.array - smooth).max() <= LOSSY[syntax]


def _smooth(brightest: int) -> NDArray[np.uint16]:
    k, j, i = np.indices(SHAPE)
    waves = 0.5 + 0.25 * np.sin(j / 5 + k) + 0.25 * np.cos(i / 4)
    return np.rint(waves * brightest).astype(np.uint16)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.4.100", "MPEG2"),
        ("1.2.840.10008.1.2.4.102", "MPEG-4"),
        ("1.2.840.10008.1.2.4.110", "JPEG XL"),
        ("1.2.840.10008.1.2.4.94", "JPIP"),
    ],
)
def test_a_syntax_without_a_decoder_is_refused_by_name(tmp_path: Path, syntax: str, name: str) -> None:
    datasets = [compress(dataset, JPEG2000Lossless) for dataset in slices()]
    for dataset in datasets:
        dataset.file_meta.TransferSyntaxUID = syntax

    with pytest.raises(UnsupportedPixels, match=name):
        read_series(save(tmp_path, datasets))


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: uid.name)
def test_a_codestream_cut_short_is_refused(tmp_path: Path, syntax: str) -> None:
    datasets = [compress(dataset, syntax) for dataset in slices()]
    datasets[2].PixelData = datasets[2].PixelData[:100] + bytes(8)

    with pytest.raises(DicomInputError):
        read_series(save(tmp_path, datasets))


TEXTS = [
    (None, b"T2 axial", "T2 axial"),
    ("ISO_IR 100", "Schädel T2".encode("latin-1"), "Schädel T2"),
    ("ISO_IR 192", "Schädel 頭部 T2".encode(), "Schädel 頭部 T2"),
    ("GB18030", "头部 T2".encode("gb18030"), "头部 T2"),
    ("ISO_IR 144", "Голова T2".encode("iso8859-5"), "Голова T2"),
    (["", "ISO 2022 IR 87"], "T2 頭部".encode("iso2022_jp"), "T2 頭部"),
    (["", "ISO 2022 IR 149"], b"T2 \x1b$)C" + "머리".encode("euc_kr"), "T2 머리"),
]


@pytest.mark.parametrize(("charset", "stored", "text"), TEXTS, ids=lambda value: str(value)[:24])
def test_a_description_reads_in_its_character_set(
    tmp_path: Path, charset: str | list[str] | None, stored: bytes, text: str
) -> None:
    volume = only_volume(save(tmp_path, _described(charset, stored)))

    assert volume.header.series_description == text


@pytest.mark.parametrize(
    ("charset", "stored"),
    [
        ("ISO_IR 999", "Schädel T2".encode("latin-1")),
        ("ISO_IR 192", "Schädel T2".encode("latin-1")),
        (None, "Schädel T2".encode("latin-1")),
        ("GB18030", b"Sch\xff\xff T2"),
        (["", "ISO 2022 IR 87"], b"T2 \x1b$B;3\x1b"),
        (["ISO 2022 IR 6", "ISO_IR 192", "nonsense"], "頭部 T2".encode()),
    ],
    ids=str,
)
def test_a_character_set_that_is_unknown_or_wrong_refuses_nothing(
    tmp_path: Path, charset: str | list[str] | None, stored: bytes
) -> None:
    volume = only_volume(save(tmp_path, _described(charset, stored)))

    assert_is(volume, VOXELS)
    assert "T2" in volume.header.series_description
    assert not _unreadable(volume.header.series_description)


@pytest.mark.parametrize("charset", [b"rot13", b"hex", b"\xff\xff", b"\\\\\\", b"utf-8", b"zip"], ids=repr)
def test_a_character_set_that_python_knows_and_dicom_does_not_refuses_nothing(tmp_path: Path, charset: bytes) -> None:
    paths = save(tmp_path, slices(SpecificCharacterSet="ISO_IR 100"))
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", charset.ljust(10)))

    volume = only_volume(paths)

    assert_is(volume, VOXELS)
    assert volume.header.series_description == "FLAIR AX"


def _unreadable(text: str) -> str:
    """Return the characters that cannot be shown or sent: controls, line separators, lone surrogates."""
    return "".join(char for char in text if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs"))


def _described(charset: str | list[str] | None, stored: bytes) -> list[Dataset]:
    datasets = slices(SpecificCharacterSet=charset, SeriesDescription=None, ProtocolName=None)
    tag = Tag(tag_for_keyword("SeriesDescription"))
    for dataset in datasets:
        dataset[tag] = RawDataElement(
            tag, "LO", len(stored), stored.ljust(len(stored) + len(stored) % 2), 0, False, True
        )
    return datasets


@pytest.mark.parametrize(
    ("group", "keywords"),
    [
        ("PixelMeasuresSequence", ("PixelSpacing", "SliceThickness")),
        ("PlaneOrientationSequence", ("ImageOrientationPatient",)),
        ("PixelValueTransformationSequence", ("RescaleSlope", "RescaleIntercept", "RescaleType")),
        ("MREchoSequence", ("EffectiveEchoTime",)),
    ],
)
def test_a_group_may_be_shared_or_each_frame_s_own(tmp_path: Path, group: str, keywords: tuple[str, ...]) -> None:
    (image,) = enhanced(slices())
    item = image.SharedFunctionalGroupsSequence[0][group].value[0]
    set_in_frames(image, group, [{keyword: item[keyword].value for keyword in keywords}] * SHAPE[0])

    assert_is(only_volume(save(tmp_path, [image])), VOXELS)


OTHER = make_voxels(shape=SHAPE, seed=1)
MIXED = (7, 2, 9, 0, 5, 1, 8, 3, 6, 4)
"""The frames of two volumes of five slices, in no order."""


@pytest.mark.parametrize(
    ("keyword", "values", "named"),
    [
        ("EchoTime", (20.0, 90.0), ("echo 1.*20", "echo 2.*90")),
        ("InversionTime", (200.0, 2500.0), ("200", "2500")),
        ("TemporalPositionIndex", (1, 2), ("time point 1", "time point 2")),
        ("StackID", ("1", "2"), ("stack 1", "stack 2")),
    ],
)
def test_one_object_may_hold_several_volumes(
    tmp_path: Path, keyword: str, values: tuple[object, object], named: tuple[str, str]
) -> None:
    both = [*slices(**{keyword: values[0]}), *slices(OTHER, **{keyword: values[1]})]
    paths = save(tmp_path, [make_enhanced(both, sequence="t2", frame_order=MIXED)])

    first, second = read_series(paths)

    assert_is(first, VOXELS)
    assert_is(second, OTHER)
    for volume, pattern in zip((first, second), named, strict=True):
        assert _matches(pattern, volume.header.part)
    with pytest.raises(AmbiguousSeries, match=named[1]):
        read_volume(paths)
    assert_is(read_volume(paths, second.header.part), OTHER)


def test_stacks_of_one_object_may_be_turned_to_one_another(tmp_path: Path) -> None:
    turned = _sagittal(GEOMETRY)
    both = [*slices(StackID="1"), *slices(OTHER, turned, StackID="2")]

    first, second = read_series(save(tmp_path, [make_enhanced(both, sequence="t2", frame_order=MIXED)]))

    assert_is(first, VOXELS)
    assert_is(second, OTHER, turned)


def _sagittal(geometry: Geometry) -> Geometry:
    """Return a grid at the same origin whose slices are along x."""
    return replace(
        geometry, column_step=(0.0, geometry.spacing[2], 0.0), row_step=(0.0, 0.0, -0.9), slice_step=(-5.0, 0.0, 0.0)
    )


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def two_volumes(first: dict[str, object], second: dict[str, object]) -> list[Dataset]:
    """Return a classic series of two volumes at the same positions, their slices in turn."""
    pairs = zip(slices(**first), slices(OTHER, first=100, **second), strict=True)
    return [dataset for pair in pairs for dataset in pair]


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ({"EchoTime": 20, "EchoNumbers": 1}, {"EchoTime": 90, "EchoNumbers": 2}, ("echo 1.*20", "echo 2.*90")),
        ({"EchoTime": 20}, {"EchoTime": 90}, ("echo 1.*20", "echo 2.*90")),
        (
            {"TemporalPositionIdentifier": 1, "AcquisitionTime": "101500"},
            {"TemporalPositionIdentifier": 2, "AcquisitionTime": "101600"},
            ("time point 1", "time point 2"),
        ),
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, ("1", "2")),
        (
            {"AcquisitionDateTime": None, "AcquisitionTime": "101500"},
            {"AcquisitionDateTime": None, "AcquisitionTime": "101700"},
            ("10.?15", "10.?17"),
        ),
        ({}, {"ContrastBolusAgent": "Gadobutrol"}, ("not stated", "Gadobutrol")),
        ({"InversionTime": 200}, {"InversionTime": 2500}, ("200", "2500")),
        ({"TriggerTime": 0}, {"TriggerTime": 350}, ("0", "350")),
    ],
    ids=["dual echo", "echo time alone", "time", "acquisition", "acquisition time", "contrast", "inversion", "trigger"],
)
def test_a_series_of_two_volumes_at_one_place_is_split(
    tmp_path: Path, first: dict[str, object], second: dict[str, object], named: tuple[str, str]
) -> None:
    paths = save(tmp_path, two_volumes(first, second))

    one, other = read_series(paths)

    assert_is(one, VOXELS)
    assert_is(other, OTHER)
    assert _matches(named[0], one.header.part)
    assert _matches(named[1], other.header.part)
    assert one.header.part != other.header.part


def test_contrast_phases_are_volumes_of_their_own(tmp_path: Path) -> None:
    volumes = read_series(save(tmp_path, _phases(3)))

    assert len({volume.header.part for volume in volumes}) == 3
    for n, volume in enumerate(volumes):
        assert_is(volume, make_voxels(shape=SHAPE, seed=n))


def test_a_long_time_series_is_no_anatomical_image_and_says_how_long_it_is(tmp_path: Path) -> None:
    found = survey(save(tmp_path, _phases(8)))

    assert not found.parts
    assert all("8" in candidate.reason for candidate in found.candidates)


def _phases(count: int) -> list[Dataset]:
    """Return a dynamic series: the same slices after one another."""
    phases = (
        slices(make_voxels(shape=SHAPE, seed=n), first=100 * n, AcquisitionTime=f"10{15 + n}00", AcquisitionNumber=n)
        for n in range(count)
    )
    return [dataset for phase in phases for dataset in phase]


def test_b_values_are_told_apart_and_no_model_gets_them(tmp_path: Path) -> None:
    found = survey(save(tmp_path, two_volumes({"DiffusionBValue": 0.0}, {"DiffusionBValue": 1000.0})))

    assert not found.parts
    assert all("1000" in candidate.reason for candidate in found.candidates)


def test_a_slice_that_came_twice_counts_once(tmp_path: Path) -> None:
    twins = slices(first=100)[1:3]

    assert_is(only_volume(save(tmp_path, [*slices(), *twins])), VOXELS)


def test_a_whole_series_that_came_twice_counts_once(tmp_path: Path) -> None:
    assert_is(only_volume(save(tmp_path, [*slices(), *slices(first=100)])), VOXELS)


def refusal(paths: Sequence[Path], kind: type[DicomInputError]) -> str:
    """Return why a series is refused, which survey and read say alike."""
    found = survey(paths)
    assert not found.parts
    with pytest.raises(kind) as raised:
        read_series(paths)
    assert str(raised.value) in [candidate.reason for candidate in found.candidates]
    return str(raised.value)


def test_different_slices_at_one_place_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    stray = slices(OTHER, first=100)[2]

    reason = refusal(save(tmp_path, [*slices(), stray]), MissingSlices)

    assert _matches(r"6 slices.*2 different", reason)
    where = ", ".join(f"{coordinate:.2f}" for coordinate in GEOMETRY.position((2, 0, 0)))
    assert where in reason


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_gap_is_refused_with_its_place_and_width(tmp_path: Path, missing: int) -> None:
    datasets = slices()
    del datasets[missing]

    reason = refusal(save(tmp_path, datasets), MissingSlices)

    assert _matches(rf"slices {missing} and {missing + 1} of 4 are 10\.00 mm apart, the others 5\.00 mm", reason)


def test_an_echo_that_lacks_a_slice_is_refused_and_the_whole_one_read(tmp_path: Path) -> None:
    datasets = [*slices(EchoTime=20), *slices(OTHER, first=100, EchoTime=90)]
    del datasets[7]

    found = survey(save(tmp_path, datasets))

    assert ["20" in part.candidate.part for part in found.parts] == [True]
    (refused,) = [candidate for candidate in found.candidates if candidate.reason]
    assert _matches("4 slices.* 5", refused.reason)
    assert "90" in refused.part


@pytest.mark.parametrize(("count", "said"), [(1, "single slice"), (2, "there are 2")])
def test_too_few_slices_are_refused_with_their_number(tmp_path: Path, count: int, said: str) -> None:
    reason = refusal(save(tmp_path, slices()[:count]), MissingSlices)

    assert said in reason
    assert "at least 3" in reason


def test_a_gantry_tilt_is_refused_with_its_shift_and_angle(tmp_path: Path) -> None:
    along = np.array(GEOMETRY.column_step) / np.linalg.norm(GEOMETRY.column_step)
    sheared = replace(GEOMETRY, slice_step=tuple((np.array(GEOMETRY.slice_step) + along).tolist()))  # 1 mm in 5 mm

    reason = refusal(save(tmp_path, slices(geometry=sheared)), MixedGeometry)

    assert "4.00 mm" in reason
    assert "11.3 degrees" in reason


def test_mixed_orientations_are_refused_with_their_angle(tmp_path: Path) -> None:
    datasets = [*slices()[:3], *slices(geometry=_sagittal(GEOMETRY), first=100)[3:]]

    reason = refusal(save(tmp_path, datasets), MixedGeometry)

    assert "orientation" in reason
    assert _matches(r"\d+\.\d degrees", reason)


def test_slices_of_different_size_are_refused_with_both_sizes(tmp_path: Path) -> None:
    datasets = [*slices()[:4], *slices(make_voxels(shape=(5, 16, 24)), first=100)[4:]]

    assert _matches("16 x 24.*32 x 24", refusal(save(tmp_path, datasets), MixedGeometry))


def test_a_frame_missing_from_an_enhanced_stack_is_refused_with_its_place(tmp_path: Path) -> None:
    datasets = slices()
    image = make_enhanced([*datasets[:2], *datasets[3:]], sequence="flair", frame_order=(2, 0, 3, 1))

    assert _matches(r"10\.00 mm apart, the others 5\.00 mm", refusal(save(tmp_path, [image]), MissingSlices))
