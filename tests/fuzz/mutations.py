"""What can be wrong with a file, one function for each kind of fault; all chance comes from the generator given."""

import random
import struct
from collections.abc import Callable, Iterator, Sequence

from fuzz.elements import PIXEL_DATA, TRANSFER_SYNTAX, UNDEFINED, Element, Image
from pydicom.datadict import keyword_dict

READ = (
    *("SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality", "SeriesDescription"),
    *("ProtocolName", "SequenceName", "ScanningSequence", "SequenceVariant", "ScanOptions", "Manufacturer"),
    *("MRAcquisitionType", "RepetitionTime", "EchoTime", "InversionTime", "EchoNumbers", "EchoTrainLength"),
    *("FlipAngle", "TriggerTime", "TemporalPositionIdentifier", "NumberOfTemporalPositions", "AcquisitionNumber"),
    *("AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "ContentDate", "ContentTime", "SeriesTime"),
    *("DiffusionBValue", "ContrastBolusAgent", "ContrastBolusAgentSequence", "ContrastBolusVolume", "PatientID"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "FrameOfReferenceUID"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "PixelPaddingValue"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence", "WindowCenter", "WindowWidth"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "DimensionIndexSequence"),
    *("FrameContentSequence", "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence"),
    *("PixelValueTransformationSequence", "MREchoSequence", "MRModifierSequence", "MRDiffusionSequence"),
    *("MRTimingAndRelatedParametersSequence", "MRImageFrameTypeSequence", "StackID", "InStackPositionNumber"),
    *("DimensionIndexValues", "TemporalPositionIndex", "EffectiveEchoTime", "InversionTimes", "FrameType"),
    *("AcquisitionContrast", "ComplexImageComponent", "BodyPartExamined", "DerivationDescription"),
    *("ConversionSourceAttributesSequence", "UnassignedSharedConvertedAttributesSequence"),
    *("UnassignedPerFrameConvertedAttributesSequence", "PixelData", "FloatPixelData", "DoubleFloatPixelData"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "ImageComments", "PulseSequenceName"),
)
SIZES = ("Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
_READ_TAGS = tuple(keyword_dict[keyword] for keyword in READ)
_SIZE_TAGS = tuple(keyword_dict[keyword] for keyword in SIZES)

_INTEGERS = (0, 1, 2, 3, 7, 8, 12, 15, 16, 17, 31, 32, 33, 63, 64, 127, 128, 255, 256, 1024, 4096, 32767, 32768, 65535)
_LENGTHS = (0, 1, 2, 7, 0xFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, UNDEFINED)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-320, 1e-38, 1e38, 1e39, 1e300, float("nan"), float("inf"), float("-inf"))
_NUMBERS = (
    *(b"", b" ", b"0", b"-0", b"1", b"-1", b"0.5", b"nan", b"inf", b"-inf", b"NaN", b"1e308", b"1e999", b"-1e308"),
    *(b"1e-320", b"99999999999999999999", b"4294967296", b"2147483647", b"-2147483648", b"65536", b"0x10", b"1,5"),
    *(b"one", b"1e", b"--1", b"+", b"\x00", b"\xd9\xa1", b"1_0", b"1\\2", b"\\", b"\\\\1", b"1e9", b"1e15", b"3.7"),
)
_TEXTS = (
    *(b"", b" ", b"\\", b"\x00", b"\n\r", b"../../etc/passwd", b"A" * 70, b"A" * 20000, b"\\" * 500, b"%s%n{}"),
    *("Größe".encode("latin-1"), "Größe".encode(), b"\x1b$B;3ED\x1b(B", "磁共振".encode("gb18030"), b"\xff\xfe\x00"),
    *(b"\x1b", b"\x1b$)C\xfb\xf3", b"\xed\xa0\x80", "̈".encode() * 40, b"\x1b[31mred\x07", b"NaN", b"None"),
)
_CHARACTER_SETS = (
    *(b"", b"ISO_IR 100", b"ISO_IR 192", b"GB18030", b"GBK", b"ISO 2022 IR 87", b"\\ISO 2022 IR 87", b"ISO_IR 999"),
    *(b"\\ISO 2022 IR 149\\ISO 2022 IR 58", b"ISO_IR 13", b"utf-8", b"latin", b"rot13", b"hex", b"\xff", b"\\\\\\"),
    *(b"ISO 2022 IR 6\\ISO_IR 192", b"unicode_escape", b"punycode", b"idna", b"zip"),
)
_UIDS = (b"", b"1", b"1.2.840.10008.5.1.4.1.1.4", b"1.2.840.10008.5.1.4.1.1.4.1", b"1.2.840.10008.5.1.4.1.1.4.4")
_DATES = (
    b"",
    b"20261332",
    b"00000000",
    b"99991231",
    b"240000.000000",
    b"235960",
    b"20260110101500.0+9999",
    b"now",
    b"1",
)
_SYNTAXES = (
    *(b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2", b"1.2.840.10008.1.2.1.99", b"", b"1.2.3"),
    *(b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.51", b"1.2.840.10008.1.2.4.57"),
    *(b"1.2.840.10008.1.2.4.70", b"1.2.840.10008.1.2.4.80", b"1.2.840.10008.1.2.4.81", b"1.2.840.10008.1.2.4.90"),
    *(b"1.2.840.10008.1.2.4.91", b"1.2.840.10008.1.2.4.92", b"1.2.840.10008.1.2.4.100", b"1.2.840.10008.1.2.4.110"),
    *(b"1.2.840.10008.1.2.4.201", b"1.2.840.10008.1.2.4.202", b"1.2.840.10008.1.2.4.203", b"1.2.840.10008.1.2.1.98"),
    *(b"1.2.840.10008.1.2.8.1", b"1.2.840.10008.1.2.4.94"),
)
_VRS = tuple(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV Q?".split()
)
"""Value Representations; the last is none."""

Place = tuple[list[Element], int]


def places(elements: list[Element]) -> Iterator[Place]:
    """Give every element, also those in sequences, as the data set that holds it and its index there."""
    for index, element in enumerate(elements):
        yield elements, index
        for item in element.items or ():
            yield from places(item)


def _pick(rng: random.Random, image: Image, tags: Sequence[int] = _READ_TAGS) -> Place | None:
    """Choose an element, mostly one that is read."""
    everywhere = list(places(image.elements))
    if not everywhere:
        return None
    read = [place for place in everywhere if place[0][place[1]].tag in tags] if rng.random() < 0.8 else []
    return rng.choice(read or everywhere)


def mutate(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Give a file one fault."""
    fault = rng.choices(tuple(FAULTS), tuple(FAULTS.values()))[0]
    fault(rng, image, donors)


def set_value(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Replace a value by nonsense of its VR."""
    if place := _pick(rng, image):
        element = place[0][place[1]]
        if element.items is None and element.fragments is None:
            element.value = _nonsense(rng, element)


def set_size(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Set what says how many pixels there are, and of how many bits, to an extreme."""
    tag = rng.choice(_SIZE_TAGS)
    if tag == keyword_dict["NumberOfFrames"]:
        element = Element(tag, b"IS", rng.choice(_NUMBERS))
    else:
        element = Element(tag, b"US", struct.pack("<H", rng.choice(_INTEGERS)))
    image.elements[:] = sorted([one for one in image.elements if one.tag != tag] + [element], key=lambda one: one.tag)


def add_element(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Add an element that is read, with nonsense in it."""
    vr = rng.choice(_VRS)
    element = Element(rng.choice(_READ_TAGS), vr)
    if vr == b"SQ":
        element.items = [[] for _ in range(rng.randrange(3))]
    else:
        element.value = _nonsense(rng, element)
    place = _pick(rng, image)
    holder = place[0] if place else image.elements
    holder[:] = sorted([*(one for one in holder if one.tag != element.tag), element], key=lambda one: one.tag)


def remove(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Remove an element."""
    if place := _pick(rng, image):
        del place[0][place[1]]


def remove_everywhere(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Remove an attribute wherever it stands, as in all functional groups."""
    if place := _pick(rng, image):
        tag = place[0][place[1]].tag
        for holder, _ in list(places(image.elements)):
            holder[:] = [one for one in holder if one.tag != tag]


def double(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Write an element twice, the second time perhaps with another value."""
    if place := _pick(rng, image):
        twin = place[0][place[1]].copy()
        if twin.items is None and twin.fragments is None and rng.random() < 0.5:
            twin.value = _nonsense(rng, twin)
        place[0].insert(place[1], twin)


def move(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Put an element where it does not belong."""
    first, second = _pick(rng, image), _pick(rng, image)
    if first and second:
        element = first[0].pop(first[1])
        second[0].insert(min(second[1], len(second[0])), element)


def change_vr(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Say that a value is of another VR."""
    if place := _pick(rng, image):
        place[0][place[1]].vr = rng.choice(_VRS)


def change_tag(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Give the value of one attribute to another."""
    if place := _pick(rng, image):
        place[0][place[1]].tag = rng.choice((*_READ_TAGS, *_SIZE_TAGS))


def change_length(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Announce a length that is not that of the value."""
    if place := _pick(rng, image, (*_READ_TAGS, *_SIZE_TAGS)):
        element = place[0][place[1]]
        near = len(element.value) + rng.choice((-2, -1, 1, 2, 8))
        element.announced = max(0, near) if rng.random() < 0.5 else rng.choice(_LENGTHS)


def empty_sequence(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Empty a sequence or its items, or shuffle, drop or repeat items."""
    sequences = [holder[index] for holder, index in places(image.elements) if holder[index].items is not None]
    if not sequences:
        return
    items = rng.choice(sequences).items or []
    what = rng.randrange(5)
    if what == 0 or not items:
        items.clear()
    elif what == 1:
        rng.choice(items).clear()
    elif what == 2:
        rng.shuffle(items)
    elif what == 3:
        del items[rng.randrange(len(items))]
    else:
        items.extend([one.copy() for one in rng.choice(items)] for _ in range(rng.choice((1, 2, 50, 500))))


def nest(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Nest a sequence deep."""
    if place := _pick(rng, image):
        depth, tag = rng.choice((1, 10, 300, 3000, 20000)), place[0][place[1]].tag
        sequence = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + b"SQ\0\0" + struct.pack("<I", UNDEFINED)
        item = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
        ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        deep = item + (sequence + item) * depth + ends * depth + ends
        place[0][place[1]] = Element(tag, b"SQ", deep, announced=UNDEFINED if rng.random() < 0.5 else None)


def exchange(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Take an element from another file."""
    donor = rng.choice(donors)
    if (place := _pick(rng, image)) and donor.elements:
        other = rng.choice(donor.elements).copy()
        if rng.random() < 0.7:
            same = [one for one in donor.elements if one.tag == place[0][place[1]].tag]
            other = rng.choice(same).copy() if same else other
        place[0][place[1]] = other


def set_character_set(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Declare a character set, and write a name in perhaps another one."""
    text = rng.choice(_TEXTS[10:])
    for keyword, vr, value in (("SpecificCharacterSet", b"CS", rng.choice(_CHARACTER_SETS)), (None, b"LO", text)):
        tag = keyword_dict[keyword or rng.choice(("SeriesDescription", "ProtocolName", "ContrastBolusAgent"))]
        image.elements[:] = [one for one in image.elements if one.tag != tag] + [Element(tag, vr, value)]
    image.elements.sort(key=lambda one: one.tag)


def set_syntax(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Say that the file is in another transfer syntax than it is."""
    for element in image.meta:
        if element.tag == TRANSFER_SYNTAX:
            element.value = rng.choice(_SYNTAXES)


def inflate(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Make a small deflated file of something large; what Pixel Data announce may be as large."""
    pixels = next((one for one in image.elements if one.tag == PIXEL_DATA), None)
    if pixels and pixels.fragments is None:
        for element in image.meta:
            if element.tag == TRANSFER_SYNTAX:
                element.value = b"1.2.840.10008.1.2.1.99"
        image.bomb = rng.choice((1, 100, 300, 600, 5000))
        if rng.random() < 0.7:
            pixels.announced = min(len(pixels.value) + (image.bomb << 20), UNDEFINED - 1)
            pixels.vr = b"OW"


def change_meta(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Damage the File Meta Information."""
    what = rng.randrange(5)
    if what == 0:
        image.preamble = rng.choice((b"", b"DICM", bytes(128), bytes(128) + b"DICX", bytes(64) + b"DICM"))
    elif what == 1:
        image.meta.clear()
    elif image.meta:
        element = rng.choice(image.meta)
        if what == 2:
            image.meta.remove(element)
        elif what == 3:
            element.value = _nonsense(rng, element)
        else:
            element.announced = rng.choice(_LENGTHS)


def damage_pixels(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Cut, lengthen or empty Pixel Data, or drop, swap, double or cut their fragments."""
    element = next((one for one in image.elements if one.tag == PIXEL_DATA), None)
    if element is None:
        return
    if element.fragments is None:
        ends = (0, 1, 2, len(element.value) // 2, max(0, len(element.value) - 2), len(element.value) + 2)
        end = rng.choice(ends)
        element.value = element.value[:end].ljust(end, b"\0")
        return
    fragments = element.fragments
    what = rng.randrange(7)
    at = rng.randrange(len(fragments)) if fragments else 0
    if what == 0 or not fragments:
        fragments.clear()
    elif what == 1:
        del fragments[at]
    elif what == 2:
        rng.shuffle(fragments)
    elif what == 3:
        fragments.insert(at, fragments[at])
    elif what == 4:
        fragments[at] = fragments[at][: rng.randrange(len(fragments[at]) + 1)]
    elif what == 5:
        cut = rng.randrange(len(fragments[at]) + 1)
        fragments[at : at + 1] = [fragments[at][:cut], fragments[at][cut:]]
    else:
        fragments[0] = rng.choice((b"", bytes(4), b"\xff" * 4, struct.pack("<II", 0, 1 << 31), bytes(3), b"\1" * 400))


def damage_codestream(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Flip bytes of compressed Pixel Data, mostly in their headers."""
    if fragment := _codestream(rng, image):
        fragments, index = fragment
        fragments[index] = _flipped(rng, fragments[index], rng.choice((64, 256, len(fragments[index]))))


def enlarge_codestream(rng: random.Random, image: Image, donors: Sequence[Image]) -> None:
    """Change what a codestream says of its own size; perhaps the header says the same."""
    if not (fragment := _codestream(rng, image)):
        return
    fragments, index = fragment
    stream = bytearray(fragments[index])
    rows, columns = rng.choice(_INTEGERS), rng.choice(_INTEGERS)
    if stream[:4] == b"\xff\x4f\xff\x51" and len(stream) > 42:
        rows, columns = _enlarge_jpeg_2000(rng, stream, rows, columns)
    elif stream[:2] == b"\xff\xd8":
        _enlarge_jpeg(rng, stream, rows, columns)
    elif len(stream) >= 64:  # RLE: how many segments there are, and where
        struct.pack_into("<I", stream, 4 * rng.randrange(16), rng.choice((*_LENGTHS, *_INTEGERS)))
    fragments[index] = bytes(stream)
    if rng.random() < 0.5:
        sizes = {keyword_dict["Rows"]: rows, keyword_dict["Columns"]: columns}
        for element in image.elements:
            if element.tag in sizes:
                element.value = struct.pack("<H", sizes[element.tag] & 0xFFFF)


def _enlarge_jpeg_2000(rng: random.Random, stream: bytearray, rows: int, columns: int) -> tuple[int, int]:
    """Change the size of the image, of its tiles, and the depth of its samples in SIZ."""
    if rng.random() < 0.5:
        rows, columns = rng.choice(_LENGTHS), rng.choice(_LENGTHS)
    struct.pack_into(">II", stream, 8, columns, rows)
    if rng.random() < 0.7:
        struct.pack_into(">II", stream, 24, columns, rows)
    if rng.random() < 0.2:
        stream[rng.randrange(40, 43)] = rng.randrange(256)
    return rows, columns


def _enlarge_jpeg(rng: random.Random, stream: bytearray, rows: int, columns: int) -> None:
    """Change the size of the image and the depth of its samples in SOF."""
    frames = [at for at in range(len(stream) - 9) if stream[at] == 0xFF and stream[at + 1] in _FRAME_MARKERS]
    if frames:
        struct.pack_into(">HH", stream, frames[0] + 5, rows, columns)
        if rng.random() < 0.2:
            stream[frames[0] + rng.choice((4, 9))] = rng.randrange(256)


_FRAME_MARKERS = (0xC0, 0xC1, 0xC2, 0xC3, 0xF7)


def _codestream(rng: random.Random, image: Image) -> tuple[list[bytes], int] | None:
    element = next((one for one in image.elements if one.tag == PIXEL_DATA), None)
    fragments = element.fragments if element else None
    filled = [index for index, fragment in enumerate(fragments or ()) if index and fragment]
    return (fragments, rng.choice(filled)) if fragments and filled else None


FAULTS: dict[Callable[[random.Random, Image, Sequence[Image]], None], float] = {
    set_value: 6,
    set_size: 3,
    add_element: 2,
    remove: 2,
    remove_everywhere: 1,
    double: 1,
    move: 1,
    change_vr: 2,
    change_tag: 1,
    change_length: 2,
    empty_sequence: 2,
    nest: 0.5,
    exchange: 1,
    set_character_set: 1,
    set_syntax: 1,
    inflate: 0.5,
    change_meta: 0.5,
    damage_pixels: 2,
    damage_codestream: 3,
    enlarge_codestream: 3,
}
"""Every kind of fault and how often it is chosen."""


def damage_bytes(rng: random.Random, content: bytes) -> bytes:
    """Damage a file as a broken disk or line does: bytes flipped, cut off, cut out, doubled or overwritten."""
    if not content:
        return content
    start, end = sorted((rng.randrange(len(content)), rng.randrange(len(content))))
    end = min(end, start + rng.choice((1, 4, 100, 5000)))
    what = rng.randrange(6)
    if what == 0:
        return content[: rng.randrange(len(content))]
    if what == 1:
        return content[:start] + content[end:]
    if what == 2:
        return content[:end] + content[start:end] + content[end:]
    if what == 3:
        return content[:start] + rng.choice((b"\0", b"\xff", b"\\")) * (end - start) + content[end:]
    return _flipped(rng, content, rng.choice((200, 2000, len(content))))


def _flipped(rng: random.Random, content: bytes, within: int) -> bytes:
    """Change a few bytes near the start or within the whole."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(min(max(within, 1), len(changed)))
        changed[at] = rng.choice((changed[at] ^ 1 << rng.randrange(8), rng.randrange(256), 0, 0xFF))
    return bytes(changed)


def _nonsense(rng: random.Random, element: Element) -> bytes:
    """Return a value that its VR allows, or nearly."""
    vr, length = element.vr, len(element.value)
    if rng.random() < 0.1:
        return rng.randbytes(rng.choice((0, 1, 2, 3, 4, 8, length, 4 * length % 5000)))
    count = rng.choice((1, 1, 1, 2, 3, 6, 7, 300))
    if vr in (b"DS", b"IS"):
        own = element.value.split(b"\\")
        values = own if rng.random() < 0.6 else [b"0"] * count
        return b"\\".join(rng.choice(_NUMBERS) if rng.random() < 0.5 else value for value in values)
    if binary := _BINARY.get(vr):
        chosen = [rng.choice(_FLOATS if binary in "fd" else _INTEGERS) for _ in range(count)]
        return b"".join(_packed(binary, value) for value in chosen)
    choices = {b"UI": _UIDS, b"DA": _DATES, b"TM": _DATES, b"DT": _DATES, b"AS": _DATES}.get(vr, _TEXTS)
    if vr == b"CS" and element.tag == keyword_dict["SpecificCharacterSet"]:
        choices = _CHARACTER_SETS
    text = rng.choice(choices)
    return text if rng.random() < 0.7 else b"\\".join([element.value.strip(b" \0"), *[text] * (count - 1)])


_BINARY = {b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"FL": "f", b"FD": "d", b"OW": "H", b"AT": "H", b"UV": "Q"}


def _packed(binary: str, value: float) -> bytes:
    if binary in "fd":
        return struct.pack("<d", value) if binary == "d" else struct.pack("<f", value if abs(value) < 3e38 else 3e38)
    width = struct.calcsize(f"<{binary}")
    return (int(value) & (1 << 8 * width) - 1).to_bytes(width, "little")
