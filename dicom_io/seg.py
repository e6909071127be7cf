"""Findings with a mask -> DICOM Segmentation on exactly the frames of the source series (PS3.3 A.51)."""

from collections.abc import Iterable

import highdicom as hd
import numpy as np
from pydicom import Dataset
from pydicom.uid import MRImageStorage

from dicom_io.codes import ARTIFICIAL_INTELLIGENCE, BRAIN, segment_codes
from dicom_io.context import Context
from dicom_io.findings import Mask, Segment
from dicom_io.sources import is_multiframe
from dicom_io.uids import derive


def build_seg(context: Context, mask: Mask) -> hd.seg.Segmentation:
    """Build the SEG of a mask that has voxels; all its segments are listed, empty frames are left out.

    Bits or bytes are the choice of the context's profile.

    Raises
    ------
    KeyError
        When a segment label has no codes, or the case lacks the series of the findings.
    """
    slices = _slices(context)
    rows, columns = mask.array.shape[1:]
    packed = context.profile.packs(rows, columns)
    seg = hd.seg.Segmentation(
        source_images=list(slices.values()),
        pixel_array=np.array(mask.array),  # highdicom scales its argument in place
        segmentation_type="BINARY" if packed else "FRACTIONAL",
        fractional_type=None if packed else "OCCUPANCY",
        max_fractional_value=255,
        segment_descriptions=[_description(context, segment) for segment in mask.segments],
        content_label="AI_SEGMENTATION",
        content_description=f"AI segmentation of {context.subject}"[:64],
        **context.header("SEG", "SEG"),
    )
    seg.BodyPartExamined = "BRAIN"
    _name_sources(seg, slices, context)
    if not packed and seg.NumberOfFrames * rows * columns % 2:
        seg.PixelData = seg.PixelData[:-1] + b"\0"  # PS3.5 8.1.1; highdicom pads with a character "0"
    context.settle(seg)
    return seg


def _description(context: Context, segment: Segment) -> hd.seg.SegmentDescription:
    algorithm, codes = context.findings.algorithm, segment_codes(segment.label)
    return hd.seg.SegmentDescription(
        segment_number=segment.number,
        segment_label=codes.name,
        segmented_property_category=codes.category,
        segmented_property_type=codes.type,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=algorithm.name,
            version=algorithm.full_version,
            family=ARTIFICIAL_INTELLIGENCE,
            source=context.equipment.manufacturer,
        ),
        tracking_uid=context.track(segment.number, segment.label),
        tracking_id=f"AI {codes.name}",
        anatomic_regions=[BRAIN],
        display_color=hd.color.CIELabColor.from_rgb(*codes.colour),
    )


def _slices(context: Context) -> dict[str, Dataset]:
    """Return the volume's slices as single-frame images, each under a UID of its own.

    highdicom takes one multi-frame file at most, and of its frames all or none; slices it always takes.
    """
    slices = {}
    for number, header in enumerate(context.source.headers):
        image = Dataset()
        image.update(header)
        image.add_new("SOPClassUID", "UI", MRImageStorage)
        image.add_new("SOPInstanceUID", "UI", derive("slice", str(number)))
        slices[image.SOPInstanceUID] = image
    return slices


def _name_sources(seg: hd.seg.Segmentation, slices: Iterable[str], context: Context) -> None:
    """Let the SEG refer to the source images, and to their frames, where it refers to slices."""
    sources = {}
    for uid, header, source in zip(slices, context.source.headers, context.volume.sources, strict=True):
        sources[uid] = reference = Dataset()
        reference.ReferencedSOPClassUID = header.SOPClassUID
        reference.ReferencedSOPInstanceUID = source.sop_instance_uid
        if is_multiframe(header):
            reference.ReferencedFrameNumber = source.frame + 1
    for group in seg.PerFrameFunctionalGroupsSequence:
        for image in group.DerivationImageSequence[0].SourceImageSequence:
            if image.ReferencedSOPInstanceUID in sources:  # highdicom lets frames of one slice share the item
                image.update(sources[image.ReferencedSOPInstanceUID])
    images = {}
    for header in context.source.headers:
        images[header.SOPInstanceUID] = image = Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    seg.SourceImageSequence = list(images.values())
    seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence = list(images.values())
