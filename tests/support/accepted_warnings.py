"""Every warning of other people's checkers that we accept, and why; any other fails a test.

dciodvfy and dcentvfy are dicom3tools 1.00~20220618, dsrdump is DCMTK 3.6.7, DicomSRValidator is PixelMed 20220618.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that says nothing against an object.

    Attributes
    ----------
    pattern
        Regular expression of the whole message.
    inherited
        Only accepted where the same tool says the same of a source image: patient and study are copied as they are.
    """

    tool: str
    pattern: str
    reason: str
    inherited: bool = False


_NEEDED_FOR_DICOMDIR = "(PatientID|PatientName|StudyDate|StudyTime|StudyID)"
_IMAGE_AND_REPORT = r"(source|\S+ (SEG|KEY IMAGE|PDF)) versus \S+ (SR|MEASUREMENTS)"
_SOURCE_AND_RESULT = r"(source versus \S+ [A-Z ]+|\S+ [A-Z ]+ versus source)"

ACCEPTED = (
    Accepted(
        "dciodvfy",
        r"Warning - </ContributingEquipmentSequence\(0018,a001\)\[\d\]/DeviceUID\(0018,1002\)> - "
        "Attribute is not present in standard DICOM IOD",
        "PS3.3 C.12.1 lists it there and IHE AIR asks for it; the tool is older.",
    ),
    Accepted(
        "dciodvfy",
        rf"Warning - </{_NEEDED_FOR_DICOMDIR}\(\w+,\w+\)> - "
        "Missing attribute or value that would be needed to build DICOMDIR",
        "The source has no value, and the attribute is of type 2.",
        inherited=True,
    ),
    Accepted(
        "dciodvfy",
        r"Warning - </(PatientName|ReferringPhysicianName)\(\w+,\w+\)\[1\]> - "
        "Value dubious for this VR .PN. = <.*> - Retired Person Name form",
        "A name without a caret is legal; it is written as the source has it, so that it matches.",
        inherited=True,
    ),
    Accepted(
        "dciodvfy",
        r"Warning - </PatientWeight\(0010,1030\)\[1\]> - Value is zero",
        "The source says so.",
        inherited=True,
    ),
    Accepted(
        "dciodvfy",
        r"Warning - </ProcedureCodeSequence\(0008,1032\)\[1\]/CodingSchemeDesignator\(0008,0102\)\[1\]> - "
        "Unrecognized defined term = <.*>",
        "A hospital's own coding scheme, copied from the source.",
        inherited=True,
    ),
    Accepted(
        "dcentvfy",
        "Warning - Different information entities for attribute - Element=<(AccessionNumber|ReferencedStudySequence)> "
        f"IE <Series> versus <Study> for file {_IMAGE_AND_REPORT}",
        "The tool finds these in an image's Request Attributes Sequence too, which is of the series, and takes the "
        "study's own for them; it says so of every image beside a report, the source's included.",
    ),
    Accepted(
        "dcentvfy",
        "Warning - Attribute present in one instance but not the other - "
        "Element=<(PatientName|PatientID|PatientSex|StudyDate|StudyTime|StudyID)> "
        f"IE=<(Patient|Study)> for file {_SOURCE_AND_RESULT}",
        "Of type 2: what a source lacks is empty in a result.",
    ),
    Accepted(
        "dcentvfy",
        "Warning - Attribute is empty \\(zero length\\) in one instance - OK only If Type 2 attribute in that IOD - "
        f"Element=<(PatientBirthDate|PatientSex)> IE=<Patient> for file {_SOURCE_AND_RESULT}",
        "Of type 2: a value of the source that is none, such as the date 00000000 or the sex 0000, is left out.",
    ),
    Accepted(
        "dsrdump",
        "W: The VR checker does not support this Specific Character Set: ISO_IR 192",
        "A limit of DCMTK without a library of character sets; UTF-8 is what the sources are written in.",
    ),
    Accepted(
        "DicomSRValidator",
        r"Warning: [\d.]+: .*: Content Item not in template",
        "TID 1500 and its groups are extensible.",
    ),
    Accepted(
        "DicomSRValidator",
        r'Warning: Template 1411 .*\[Row 12\] UIDREF \(121232,DCM,"Source series for segmentation"\): .*',
        "The meaning has another capital letter in highdicom than in the tool; codes are compared by value.",
    ),
    Accepted(
        "DicomSRValidator",
        r"Error: Template 1411 VolumetricROIMeasurements/\[Row 1\] .*/\[Row (5|7|10)\] "
        r"(SCOORD|IMAGE|SCOORD3D) .*: within a group of TID 1501: .*: Missing conditional content item",
        "The tool tests every group of a report that has a segment's group after TID 1411, and so asks the groups "
        "about the study, which are of TID 1501, for a region. In a document of their own it finds no error in them.",
    ),
)


def not_accepted(tool: str, messages: Iterable[str], of_source: Iterable[str] = ()) -> list[str]:
    """Return the messages of a tool that nothing in ACCEPTED covers; ``of_source`` are those on a source image."""
    rules, known = [rule for rule in ACCEPTED if rule.tool == tool], set(of_source)
    return [
        message
        for message in messages
        if not any(re.fullmatch(rule.pattern, message) and (message in known or not rule.inherited) for rule in rules)
    ]
