"""What pictures and pages say of an analysis, in words that their font has."""

from collections.abc import Sequence

from dicom_io import codes
from dicom_io.context import Context
from dicom_io.errors import NONSENSE, DicomInputError, ResultMismatch
from dicom_io.files import read_dataset
from dicom_io.findings import Attention
from dicom_io.heat import most_evident
from dicom_io.lettering import readable
from dicom_io.measure import SegmentMeasures, measures
from dicom_io.picture import where
from dicom_io.sheet import Bar
from dicom_io.sources import is_multiframe
from dicom_io.turn import side
from dicom_io.volume import SEQUENCE_TITLES, SourceFrame, Volume

SCORES_TITLE = "Scores of the model"
NO_SEGMENTATION = "An explanation of the score, not a segmentation."

_DAMAGED = tuple(error for error in NONSENSE if error is not OSError)  # the disk's fault is nobody's number


def sentence(context: Context) -> str:
    """Return what was found, as the model says it."""
    return readable(f"{context.findings.summary.rstrip('. ')}.")


def measured(context: Context) -> tuple[SegmentMeasures, ...]:
    """Return the measures of every segment that has voxels."""
    mask = context.findings.mask
    return measures(mask, context.volume.geometry) if mask else ()


def scores(context: Context) -> tuple[Bar, ...]:
    """Return all scores, the highest first."""
    ordered = sorted(context.findings.scores, key=lambda score: -score.value)
    return tuple(Bar(label_name(score.label), score.value) for score in ordered)


def label_name(label: str) -> str:
    """Return how a label is called: the meaning of its code where it has one."""
    if label in codes.SEGMENTS:
        return codes.SEGMENTS[label].name
    if label in codes.CLASSES and label not in codes.TUMOUR:
        return codes.CLASSES[label].meaning
    return readable(label.replace("_", " ").capitalize())


def notes(context: Context) -> tuple[str, ...]:
    """Return what a reader must know of how the case was built, and of how far to trust the model."""
    said = (*context.case.notes, *context.findings.notes)
    return tuple(readable(f"{note.rstrip('. ')}.") for note in said)


def attention(context: Context) -> Attention | None:
    """Return the explanation of a score, if there is one.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When it is not on the grid of the series of the findings, on which results show it.
    """
    given, volume = context.findings.attention, context.volume
    if given is None:
        return None
    if given.series_instance_uid != volume.header.series_instance_uid or given.array.shape != volume.array.shape:
        raise ResultMismatch(
            f"the explanation is of {given.array.shape} on series {given.series_instance_uid}, the findings are on "
            f"{volume.array.shape} of {volume.header.series_instance_uid}"
        )
    return given


def ends(given: Attention) -> tuple[str, str]:
    """Return what the lowest and the highest colour of an explanation mean."""
    return "low", f"high evidence for {label_name(given.label)} ({readable(given.method)})"


def explanation(context: Context) -> str:
    """Return where the evidence for which score lies and how that was found, in sentences; "" where nobody asked.

    Raises
    ------
    OSError
        When a source file is gone.
    dicom_io.errors.ResultMismatch
        As ``attention`` does.
    """
    given = attention(context)
    if given is None:
        return ""
    label, method = label_name(given.label), readable(given.method)
    if not given.array.any():
        return f"No part of the images alone is evidence for {label}, as found by {method}."
    (highest,) = captions(context, most_evident(given)[:1])
    return f"Evidence for {label}, as found by {method}, is highest on {highest}. {NO_SEGMENTATION}"


def size(one: SegmentMeasures) -> str:
    """Return how large a segment is: "8.15 cm³, 28.8 x 26.1 mm"; digits as in the report."""
    return f"{one.volume_cm3:.2f} cm³, {one.diameters.long_mm:.1f} x {one.diameters.short_mm:.1f} mm"


def model_line(context: Context) -> str:
    """Return model and version, and where it ran."""
    algorithm = context.findings.algorithm
    return readable(f"{context.equipment.manufacturer} {algorithm.name} {algorithm.full_version}")


def series_line(volume: Volume) -> str:
    """Return which series a volume is, as a worklist shows it."""
    header = volume.header
    title = SEQUENCE_TITLES.get(header.sequence, "")
    number = f"series {header.series_number}" if header.series_number else ""
    return readable(", ".join(filter(None, (header.series_description or title, header.part, number))))


def captions(context: Context, slices: Sequence[int]) -> tuple[str, ...]:
    """Return for each slice which image a reader leafs to, and where it lies: "Image 12, H 34.5 mm".

    Raises
    ------
    OSError
        When a source file is gone.
    """
    volume = context.volume
    framed = is_multiframe(context.source.headers[0])
    named = []
    for slice_ in slices:
        source = volume.sources[slice_]
        number = f"Frame {source.frame + 1}" if framed else _image(source)
        named.append(f"{number or f'Slice {slice_ + 1} of {len(volume.sources)}'}, {where(volume, slice_)}")
    return tuple(named)


def centre(one: SegmentMeasures) -> str:
    """Return where a segment's centre lies in the patient: "L 31.0, A 14.2, H 32.5 mm"."""
    return ", ".join(side(axis, mm).removesuffix(" mm") for axis, mm in enumerate(one.centre)) + " mm"


def _image(source: SourceFrame) -> str:
    """Return the Instance Number of a source image; "" where it has none that can be read."""
    try:
        number = read_dataset(source.path, pixels=False).get("InstanceNumber")
        return f"Image {int(number)}" if number is not None else ""
    except (*_DAMAGED, DicomInputError):
        return ""
