"""Findings with a mask -> the Structured Report whose diameters viewers draw on the images (TID 1500, TID 1501).

Apart from the readable report: OHIF shows a report titled 126000 on the images, and nothing of it if a single group
lacks coordinates.
"""

import highdicom as hd
import numpy as np
from highdicom import sr
from highdicom.sr.utils import find_content_items
from pydicom import Dataset

from dicom_io import codes
from dicom_io.context import Context
from dicom_io.measure import Line, SegmentMeasures, measures
from dicom_io.sources import is_multiframe
from dicom_io.sr import commented, content, group_start
from dicom_io.volume import Geometry

BIDIRECTIONAL = "Cornerstone3DTools@^0.1.0:Bidirectional"
"""The tracking identifier by which OHIF knows two crossing diameters, and lets a reader edit them."""
LONGEST_LABEL = 30
"""In characters: viewers paint it on the image."""
_OBLONG = 0.001
FIRST_CENTRE = 0.5
"""Column and row of the centre of the first pixel (PS3.3 C.18.6.1.2)."""


def are_drawn_right(geometry: Geometry) -> bool:
    """Whether viewers draw diameters where they are, and list their true lengths.

    OHIF 3.13 swaps the spacing of rows and columns (cornerstone3D issue 2758): where pixels are not square it lists
    wrong lengths. The report and the key image have the right ones.
    """
    _, row, column = geometry.spacing
    return abs(row - column) <= _OBLONG * max(row, column)


def build_measurements(context: Context, seg: hd.seg.Segmentation | None) -> sr.ComprehensiveSR | None:
    """Build the report of the diameters of every segment that has voxels; None where there is none.

    Comprehensive SR holds all of it, and is the class that old and new archives take.

    Parameters
    ----------
    seg
        The SEG that is sent with it, which becomes evidence; None where none is.

    Raises
    ------
    KeyError
        When a label has no codes, or the case lacks the series of the findings.
    """
    mask = context.findings.mask
    measured = measures(mask, context.volume.geometry) if mask else ()
    if not measured:
        return None
    slices = sorted({one.diameters.slice for one in measured})
    headers = context.source.headers
    groups = [_bidirectional(context, one) for one in measured]
    tree = content(context.signature, groups, [headers[slice_] for slice_ in slices])
    tree.ConceptNameCodeSequence = [sr.CodedConcept.from_code(codes.MEASUREMENTS_TITLE)]
    _name_frames(tree, context, slices)
    inputs = [header for source in context.sources.values() for header in source.headers]
    report = sr.ComprehensiveSR(
        evidence=inputs if seg is None else [*inputs, seg],
        content=tree,
        is_complete=True,
        **context.header("MEASUREMENTS", "diameters"),
    )
    context.settle(report)
    return report


def label(context: Context, measured: SegmentMeasures) -> str:
    """Return what is painted beside the lines, such as "AI Lesion 93% [RESEARCH]": whatever fits of name and score."""
    written = codes.segment_codes(measured.label)
    scores = {score.label: f" {score.value:.0%}" for score in context.findings.scores}
    score = scores.get(measured.label, "")
    names = (written.name, written.type.meaning)
    wanted = [*(f"AI {name}{score}" for name in names), *(f"AI {name}" for name in names), "AI"]
    mark = f" [{context.equipment.qualification}]"
    return next(text + mark for text in wanted if len(text + mark) <= LONGEST_LABEL or text == "AI")


def _bidirectional(context: Context, measured: SegmentMeasures) -> sr.MeasurementsAndQualitativeEvaluations:
    """Return the two diameters of a segment, each inferred from a line on its slice."""
    written, diameters = codes.segment_codes(measured.label), measured.diameters
    group = sr.MeasurementsAndQualitativeEvaluations(
        **group_start(context.signature, context.track(measured.number, measured.label), BIDIRECTIONAL),
        finding_type=written.type,
        finding_category=written.category,
        measurements=[
            sr.Measurement(
                name, round(mm, 1), codes.MILLIMETRE, referenced_coordinates=[_drawn(context, diameters.slice, axis)]
            )
            for name, mm, axis in (
                (codes.LONG_AXIS, diameters.long_mm, diameters.long_axis),
                (codes.SHORT_AXIS, diameters.short_mm, diameters.short_axis),
            )
        ],
    )
    return commented(group, label(context, measured))


def _drawn(context: Context, slice_: int, line: Line) -> sr.CoordinatesForMeasurement:
    """Return a line on exactly the source image of a slice, as (column, row)."""
    header, source = context.source.headers[slice_], context.volume.sources[slice_]
    frames = [source.frame + 1] if is_multiframe(header) else None
    points = np.array([(column, row) for row, column in line]) + FIRST_CENTRE
    return sr.CoordinatesForMeasurement(
        "POLYLINE", points, sr.SourceImageForRegion(header.SOPClassUID, source.sop_instance_uid, frames)
    )


def _name_frames(tree: Dataset, context: Context, slices: list[int]) -> None:
    """Say which frames of a multi-frame image the image library describes; highdicom names the file alone."""
    if not is_multiframe(context.source.headers[0]):
        return
    contained, image = sr.RelationshipTypeValues.CONTAINS, sr.ValueTypeValues.IMAGE
    library = find_content_items(tree, value_type=image, relationship_type=contained, recursive=True)
    for item, slice_ in zip(library, slices, strict=True):
        item.ReferencedSOPSequence[0].ReferencedFrameNumber = context.volume.sources[slice_].frame + 1
