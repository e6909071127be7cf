"""The good series that the fuzz target starts from: real ones, and made-up ones in every form and transfer syntax."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from fuzz.elements import Image, encode, in_syntax, parse
from pydicom import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from support.builders import make_geometry, make_slices, make_voxels, set_all
from support.enhanced import make_enhanced, make_legacy_converted
from support.forms import ENCODERS, compress

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
MOST_FILES = 6
"""Of a real series: what goes wrong with one file goes wrong with few others around it."""


@dataclass(frozen=True, slots=True)
class Series:
    """A good series: its files on the disk, and as elements."""

    name: str
    paths: tuple[Path, ...]
    images: tuple[Image, ...]


def made_up(folder: Path) -> Iterator[Series]:
    """Write small series of every form in every transfer syntax."""
    for name, datasets in _forms().items():
        plain = [parse(_part10(dataset)) for dataset in datasets]
        for syntax in NATIVE:
            yield _written(folder, f"{name}, {UID(syntax).name}", [in_syntax(image, syntax) for image in plain])
    for form in ("classic", "enhanced"):
        for syntax in (RLELossless, *ENCODERS):
            compressed = [parse(_part10(compress(dataset, syntax))) for dataset in _forms()[form]]
            yield _written(folder, f"{form}, {UID(syntax).name}", compressed)


def real(folder: Path) -> Iterator[Series]:
    """Read the series below a folder: files that lie together, and Enhanced files alone."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for parent in sorted({path.parent for path in files}):
        together = [path for path in files if path.parent == parent]
        alone = parent.name == "enhanced"
        for paths in [[path] for path in together] if alone else [together[:MOST_FILES]]:
            name = str((paths[0] if alone else parent).relative_to(folder))
            yield Series(name, tuple(paths), tuple(parse(path.read_bytes()) for path in paths))


def _forms() -> dict[str, list[Dataset]]:
    voxels = make_voxels(shape=(4, 24, 20))
    geometry = make_geometry(shape=voxels.shape)
    slices = make_slices(voxels=voxels, geometry=geometry)
    second = make_slices(voxels=make_voxels(shape=(4, 24, 20), seed=1), geometry=geometry)
    for number, dataset in enumerate(second):
        set_all(dataset, EchoTime=20, EchoNumbers=2, SOPInstanceUID=f"{dataset.SOPInstanceUID}.{number}")
    return {
        "classic": slices,
        "classic two echoes": [*slices, *second],
        "classic signed": make_slices(voxels=voxels, PixelRepresentation=1, RescaleSlope=0.5, RescaleIntercept=-3),
        "classic MONOCHROME1": make_slices(voxels=voxels, PhotometricInterpretation="MONOCHROME1"),
        "enhanced": [make_enhanced(slices, sequence="flair", frame_order=[2, 0, 3, 1])],
        "enhanced two echoes": [make_enhanced([*slices, *second], sequence="t2", frame_order=[6, 2, 0, 5, 3, 7, 1, 4])],
        "legacy converted": [make_legacy_converted(slices, frame_order=[2, 0, 3, 1])],
    }


def _part10(dataset: Dataset) -> bytes:
    written = BytesIO()
    pydicom.dcmwrite(written, dataset, enforce_file_format=True)
    return written.getvalue()


def _written(folder: Path, name: str, images: Sequence[Image]) -> Series:
    target = folder / name.replace(" ", "_").replace("/", "_")
    target.mkdir(parents=True)
    paths = tuple(target / f"{number}.dcm" for number in range(len(images)))
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(encode(image))
    return Series(name, paths, tuple(images))
