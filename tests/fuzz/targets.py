"""What is fuzzed: the way from files to volumes; and planted faults, which the fuzz target must find."""

import os
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom

from dicom_io.errors import DicomInputError
from dicom_io.read import read_series
from dicom_io.survey import Survey, survey
from dicom_io.volume import Volume


def read(paths: Sequence[Path]) -> Counter[str]:
    """Survey and read one series; what comes out is counted, what may not come out is raised.

    Raises
    ------
    AssertionError
        When a volume is none, or an operator cannot read a reason.
    """
    outcomes = Counter({f"survey: {_check_survey(survey(paths))}": 1})
    try:
        volumes = read_series(paths)
    except DicomInputError as error:
        _check_refusal(error)
        outcomes[f"read: {type(error).__name__}"] += 1
    else:
        assert volumes, "neither a volume nor a reason"
        for volume in volumes:
            _check_volume(volume)
        outcomes["read: volumes"] += 1
    return outcomes


def planted_error(paths: Sequence[Path]) -> Counter[str]:
    """Fail as code does that trusts an attribute to be there."""
    for path in paths:
        dataset = _header(path)
        if dataset is not None and "PixelSpacing" not in dataset and "SharedFunctionalGroupsSequence" not in dataset:
            raise KeyError("PixelSpacing")
    return Counter({"read": 1})


def planted_allocation(paths: Sequence[Path]) -> Counter[str]:
    """Take 2 GiB where a header announces many pixels."""
    for path in paths:
        if _number(_header(path), "Rows") > 30000:
            np.ones(2 << 30, np.uint8)
    return Counter({"read": 1})


def planted_hang(paths: Sequence[Path]) -> Counter[str]:
    """Never come back where a header announces odd bits."""
    while any(_number(_header(path), "BitsStored") > 16 for path in paths):
        time.sleep(0.1)
    return Counter({"read": 1})


def planted_crash(paths: Sequence[Path]) -> Counter[str]:
    """End as a decoder does that writes outside its memory."""
    if any(_number(_header(path), "HighBit") > 16 for path in paths):
        os.abort()
    return Counter({"read": 1})


def planted_reason(paths: Sequence[Path]) -> Counter[str]:
    """Refuse with what stood in the file, control characters and all."""
    for path in paths:
        _check_reason(f"read {getattr(_header(path), 'SeriesDescription', '')}")
    return Counter({"read": 1})


def _check_survey(found: Survey) -> str:
    for refusal in found.refused:
        assert refusal.candidate.reason == str(refusal.error), "a reason that is not that of the error"
        _check_refusal(refusal.error)
    assert found.parts or found.refused, "neither a part nor a reason"
    return "parts" if found.parts else "all refused"


def _check_volume(volume: Volume) -> None:
    assert volume.array.dtype == np.float32, f"voxels of {volume.array.dtype}"
    assert min(volume.array.shape) > 0, "an empty volume"
    assert np.isfinite(volume.array).all(), "voxels that are no numbers"
    assert np.isfinite(volume.geometry.affine).all(), "an affine of no numbers"
    assert volume.geometry.voxel_volume > 0, "a volume without extent"


def _check_reason(reason: str) -> None:
    assert reason, "no reason"
    assert len(reason) < 1000, f"a long reason, {len(reason)} characters: {reason[:200]!r}"
    kinds = {unicodedata.category(char) for char in reason}
    assert not kinds & {"Cc", "Zl", "Zp", "Cs"}, f"a reason with control characters: {reason!r}"


def _check_refusal(refusal: DicomInputError) -> None:
    """Check its reason; raise MemoryError where it hides that memory ran out."""
    try:
        _check_reason(str(refusal))
    except AssertionError as error:
        raise error from refusal  # where the reason was written is what is looked for
    cause: BaseException | None = refusal
    while cause := cause.__cause__ or cause.__context__:
        if isinstance(cause, MemoryError) or "bad_alloc" in str(cause):
            raise MemoryError(f"hidden behind a refusal: {cause}") from refusal


def _header(path: Path) -> pydicom.Dataset | None:
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except Exception:  # noqa: BLE001 - what pydicom cannot read is not what is planted
        return None


def _number(dataset: pydicom.Dataset | None, keyword: str) -> float:
    try:
        return float(dataset[keyword].value) if dataset is not None else 0.0
    except Exception:  # noqa: BLE001 - nonsense in a value is not what is planted
        return 0.0
