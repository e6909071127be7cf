"""A picture (PNG or JPEG) -> a volume of one slice, for models that look at single slices."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from dicom_io import uids
from dicom_io.candidate import Candidate
from dicom_io.case import Case
from dicom_io.volume import SEQUENCE_TITLES, Geometry, SeriesHeader, SourceFrame, Volume
from node.decision import Need
from node.plan import plan
from node.predict.contrast import sequence_of, told_by_user
from node.predict.dicom import newest
from node.predict.errors import InputRefused
from node.predict.material import Kind, Material, Unasked, questions_of, unasked_of

SINGLE_PICTURES = ("classify_efficientnetb0", "detect_cnn2d")
"""Models that were trained on single pictures and answer for one."""
ALONE = (
    "A picture has neither spacing nor orientation: pixels are taken for square, and no side is told. An answer that "
    "stands for a patient needs the whole series."
)
FORMATS = ("PNG", "JPEG")
_LEAST, _MOST = 64, 8192
_GREY = ("L", "I;16", "I;16B", "I", "F", "1")


def still_material(path: Path, needs: Sequence[Need], given: Sequence[str]) -> Material:
    """Plan which models are asked about one picture.

    Raises
    ------
    InputRefused
        When it is no picture that shows something, its sequence is not told, or no model is asked.
    """
    pixels, notes = read_picture(path)
    sequence = sequence_of(path, told_by_user(given, [path.name]))
    volume = _volume(path, pixels, sequence)
    fitting = [need for need in needs if need.model in SINGLE_PICTURES]
    planned = plan([_candidate(volume)], fitting, clock=None)
    case = Case(volume.header.study_instance_uid, {sequence: volume}, notes=(ALONE, *notes))
    questions = questions_of(path.name, planned, lambda _: newest([path]), lambda *_: case)
    needs_series = [
        Unasked(path.name, need.model, "looks at a whole series, not at a single picture")
        for need in needs
        if need.model not in SINGLE_PICTURES
    ]
    unasked = [*unasked_of(path.name, planned), *needs_series]
    if not questions:
        reasons = "; ".join(f"{one.model} {one.reason}" for one in unasked)
        raise InputRefused(f"no model can be asked about a single {SEQUENCE_TITLES[sequence]} picture: {reasons}")
    return Material(Kind.PICTURE, tuple(questions), tuple(unasked))


def read_picture(path: Path) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Read a picture as grey values, float32 (rows, columns), with what a reader must know of how.

    Raises
    ------
    InputRefused
        When it is no PNG or JPEG, is cut off, is too small or too large, moves, or is of one colour throughout.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bomb is refused by its size below, before it is decoded
        try:
            with Image.open(path, formats=FORMATS) as picture:
                _check(picture, path.name)
                pixels, notes = _grey(ImageOps.exif_transpose(picture))
        except UnidentifiedImageError as error:
            raise InputRefused(f"{path.name} is neither PNG nor JPEG, whatever its name says") from error
        except Image.DecompressionBombError as error:
            raise InputRefused(f"{path.name} is too large, at most {_MOST} x {_MOST} pixels are read") from error
        except (OSError, SyntaxError, ValueError) as error:
            raise InputRefused(f"the picture {path.name} cannot be read: {_reason(error)}") from error
    if float(pixels.min()) == float(pixels.max()):
        raise InputRefused(f"{path.name} is of one colour throughout, there is nothing to see in it")
    return pixels, notes


def _check(picture: Image.Image, name: str) -> None:
    width, height = picture.size
    if min(width, height) < _LEAST:
        raise InputRefused(f"{name} is {width} x {height} pixels small, at least {_LEAST} x {_LEAST} are needed")
    if max(width, height) > _MOST:
        raise InputRefused(f"{name} is {width} x {height} pixels large, at most {_MOST} x {_MOST} are read")
    if getattr(picture, "n_frames", 1) > 1:
        raise InputRefused(f"{name} holds several pictures, give one")


def _grey(picture: Image.Image) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    if picture.mode in _GREY:
        return np.array(picture, dtype=np.float32), ()
    notes: tuple[str, ...] = ()
    if "A" in picture.getbands() or "transparency" in picture.info:
        shown = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", shown.size, (0, 0, 0, 255)), shown)
    colours = np.asarray(picture.convert("RGB"), dtype=np.int16)
    if int(np.abs(colours - colours[..., :1]).max()) > 8:  # JPEG may tint grey by a little
        notes = ("The picture is in colour; its brightness alone was looked at.",)
    return np.array(picture.convert("L"), dtype=np.float32), notes


def _volume(path: Path, pixels: NDArray[np.float32], sequence: str) -> Volume:
    study = uids.derive("glia predict", path.name)
    header = SeriesHeader(study, uids.derive(study, "picture"), "", "MR", path.name, "", sequence)
    geometry = Geometry((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return Volume(pixels[None], geometry, header, (SourceFrame(path, 0, ""),))


def _candidate(volume: Volume) -> Candidate:
    header, (_, rows, columns) = volume.header, volume.array.shape
    return Candidate(
        series_instance_uid=header.series_instance_uid,
        part=header.series_description,
        sequence=header.sequence,
        confidence=1.0,
        shape=(1, rows, columns),
        spacing=volume.geometry.spacing,
    )


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
