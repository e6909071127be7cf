"""The same image written in other ways: compressed by imagecodecs, or by DCMTK and GDCM as independent encoders."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from support.require import require_tool
from support.syntaxes import put_in

Plane = NDArray[np.generic]

ENCODERS: Mapping[str, Callable[[Plane], bytes]] = {
    JPEGLossless: lambda plane: imagecodecs.ljpeg_encode(plane, bitspersample=16),
    JPEGLosslessSV1: lambda plane: imagecodecs.ljpeg_encode(plane, bitspersample=16),
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEGLSNearLossless: lambda plane: imagecodecs.jpegls_encode(plane, 2),
    JPEG2000Lossless: lambda plane: imagecodecs.jpeg2k_encode(plane, codecformat="J2K", reversible=True),
    JPEG2000: lambda plane: imagecodecs.jpeg2k_encode(plane, 90, codecformat="J2K", reversible=False),
    HTJ2KLossless: lambda plane: imagecodecs.htj2k_encode(plane, reversible=True),
    HTJ2K: lambda plane: imagecodecs.htj2k_encode(plane, 0.001, reversible=False),
    JPEGBaseline8Bit: lambda plane: imagecodecs.jpeg8_encode(plane.astype(np.uint8), 95),
    JPEGExtended12Bit: lambda plane: imagecodecs.jpeg8_encode(plane, 95, bitspersample=12),
}
"""How one plane becomes a codestream, by Transfer Syntax UID; RLE Lossless is pydicom's."""


def stored_planes(dataset: Dataset) -> Plane:
    """Return the uncompressed Pixel Data as (frames, rows, columns)."""
    kind = "<i" if dataset.PixelRepresentation else "<u"
    stored = np.frombuffer(dataset.PixelData, f"{kind}{dataset.BitsAllocated // 8}")
    return stored.reshape(-1, dataset.Rows, dataset.Columns)


def compress(dataset: Dataset, transfer_syntax_uid: str) -> Dataset:
    """Return a copy of an uncompressed image, encapsulated in another transfer syntax."""
    image = deepcopy(dataset)
    if transfer_syntax_uid == RLELossless:
        image.compress(RLELossless, generate_instance_uid=False)
        return image
    if transfer_syntax_uid == JPEGBaseline8Bit:
        image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    encode = ENCODERS[transfer_syntax_uid]
    return put_in(image, transfer_syntax_uid, [encode(np.ascontiguousarray(p)) for p in stored_planes(dataset)])


def convert(path: Path, tool: str, *options: str) -> Path:
    """Return the file as DCMTK or GDCM writes it anew, in a folder named after the tool and its options."""
    program = require_tool(tool)
    target = path.parent / "-".join((tool, *(option.lstrip("-+") for option in options))) / path.name
    target.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [program, *options, str(path), str(target)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{tool} {' '.join(options)}: {done.stdout}{done.stderr}"
    return target


def save(folder: Path, datasets: Sequence[Dataset]) -> list[Path]:
    """Write data sets, a file each, named in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04d}.dcm" for number in range(1, len(datasets) + 1)]
    for path, dataset in zip(paths, datasets, strict=True):
        dataset.save_as(path, enforce_file_format=True)
    return paths


def set_in_frames(image: Dataset, group: str, values: Sequence[Mapping[str, object]]) -> None:
    """Give each frame of an Enhanced image a functional group of its own, or attributes in it."""
    if group in image.SharedFunctionalGroupsSequence[0]:
        del image.SharedFunctionalGroupsSequence[0][group]
    for groups, attributes in zip(image.PerFrameFunctionalGroupsSequence, values, strict=True):
        if group not in groups:
            setattr(groups, group, [Dataset()])
        for keyword, value in attributes.items():
            setattr(groups[group].value[0], keyword, value)
