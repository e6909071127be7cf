"""Findings -> one picture that every viewer shows: slices with outlines and words (Secondary Capture, PS3.3 A.8.1)."""

from collections.abc import Iterable, Iterator
from io import BytesIO

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from dicom_io import codes, wording
from dicom_io.context import Context
from dicom_io.errors import ResultMismatch
from dicom_io.heat import scale
from dicom_io.measure import SegmentMeasures
from dicom_io.picture import shown_slices, strip
from dicom_io.sheet import Key, Ramp, Words, sheet
from dicom_io.sources import is_multiframe
from dicom_io.turn import view_of

DERIVATION = "Windowed, enlarged; outlines and words of an AI analysis burned in. Research use only."
EXPLAINED = DERIVATION.replace("outlines", "outlines, colours")

_RAMP = 200


def build_key_image(context: Context) -> Dataset:
    """Build the key image of an analysis: its slices, plain and marked, its sentence, numbers and scores.

    Raises
    ------
    OSError
        When a source file is gone.
    KeyError
        When a segment label has no codes, or the case lacks the series of the findings.
    dicom_io.errors.ResultMismatch
        When the explanation lies on another grid than the findings.
    """
    slices = _slices(context)
    return _secondary_capture(context, _drawn(context, slices), slices)


def verify_key_image(encoded: bytes, context: Context) -> None:
    """Check that a key image, decoded from its own bytes, shows what is drawn of the findings, pixel for pixel.

    Raises
    ------
    dicom_io.errors.ResultMismatch
        When it does not; the message says by how much.
    """
    image = dcmread(BytesIO(encoded))
    slices = _slices(context)
    meant, shown = _drawn(context, slices), image.pixel_array
    if shown.shape != meant.shape:
        raise ResultMismatch(f"key image is of {shown.shape}, {meant.shape} were drawn")
    if wrong := int(np.count_nonzero((shown != meant).any(axis=-1))):
        raise ResultMismatch(f"{wrong} of {shown.shape[0] * shown.shape[1]} pixels of the key image are not as drawn")
    named = [str(item.ReferencedSOPInstanceUID) for item in image.SourceImageSequence]
    sources = [item.ReferencedSOPInstanceUID for item in source_images(context, slices)]
    if named != sources:
        raise ResultMismatch(f"key image names {', '.join(named)} as its sources, it shows {', '.join(sources)}")


def source_images(context: Context, slices: Iterable[int]) -> Iterator[Dataset]:
    """Name the images, and their frames, that slices came from (PS3.3 C.12.4)."""
    for slice_ in slices:
        header, source = context.source.headers[slice_], context.volume.sources[slice_]
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, source.sop_instance_uid
        if is_multiframe(header):
            item.ReferencedFrameNumber = source.frame + 1
        yield item


def _slices(context: Context) -> tuple[int, ...]:
    return shown_slices(context.volume, context.findings.mask, wording.attention(context))


def _drawn(context: Context, slices: tuple[int, ...]) -> NDArray[np.uint8]:
    captions, attention = wording.captions(context, slices), wording.attention(context)
    pictures = strip(context.volume, context.findings.mask, slices, captions, attention)
    words = Words(
        sentence=wording.sentence(context),
        keys=[_key(context, one, slices) for one in wording.measured(context)],
        bars=wording.scores(context),
        bars_title=wording.SCORES_TITLE,
        notes=[
            f"{wording.series_line(context.volume)}  |  {wording.model_line(context)}",
            *wording.notes(context),
            *filter(None, [wording.explanation(context)]),
        ],
        ramps=[Ramp(scale(_RAMP), *wording.ends(attention))] if attention is not None and attention.array.any() else [],
    )
    return sheet(pictures, words)


def _key(context: Context, one: SegmentMeasures, slices: tuple[int, ...]) -> Key:
    """Say what a colour is, how much there is of it, and whether these slices show it at all."""
    assert context.findings.mask is not None
    written = codes.segment_codes(one.label)
    text = f"{written.name}: {wording.size(one)}, on {one.slices} of {len(context.volume.array)} slices"
    shown = (context.findings.mask.array[list(slices)] == one.number).any()
    return Key(written.colour, text if shown else f"{text}, none of them shown here")


def _secondary_capture(context: Context, picture: NDArray[np.uint8], slices: tuple[int, ...]) -> Dataset:
    """Put a picture that shows slices of the volume into its study, as an image of no frame of reference."""
    header = context.source.headers[0]
    left, _, top, _ = view_of(context.volume.geometry).edges
    nobody = Dataset()
    nobody.update(header)
    nobody.add_new("ReferringPhysicianName", "PN", "")  # highdicom warns of names it finds odd, and prints them
    image = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=nobody,
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=(_OPPOSITE[left[0]], _OPPOSITE[top[0]]),
        transfer_syntax_uid=hd.UID("1.2.840.10008.1.2.1"),
        **context.header("KEY IMAGE", "key image"),
    )
    image.copy_patient_and_study_information(header)
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.ConversionType = "WSD"
    image.DateOfSecondaryCapture, image.TimeOfSecondaryCapture = image.ContentDate, image.ContentTime
    image.BodyPartExamined = "BRAIN"
    image.BurnedInAnnotation = "NO"  # neither who the patient is nor when the images were taken
    image.DerivationDescription = DERIVATION if context.findings.attention is None else EXPLAINED
    image.SourceImageSequence = list(source_images(context, slices))
    context.settle(image)
    return image


_OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "F": "H", "H": "F"}
