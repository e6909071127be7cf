"""The only place with codes: what labels, findings, titles and units are called in DICOM results.

Codes were checked against the context groups of PS3.16 as pydicom ships them; the SNOMED CT codes of the
tumour types come from no context group and await a terminologist before any clinical use.
"""

from dataclasses import dataclass

from pydicom.sr.coding import Code

from dicom_io.findings import Findings

BRAIN = Code("12738006", "SCT", "Brain")  # CID 4, anatomic region
LESION = Code("52988006", "SCT", "Lesion")  # CID 7159
NEOPLASM = Code("108369006", "SCT", "Neoplasm")  # CID 7159
MORPHOLOGICALLY_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")  # CID 7150


@dataclass(frozen=True, slots=True)
class SegmentCodes:
    """How a segment label is written: name, category (CID 7150), type (CID 7159) and colour (RGB)."""

    name: str
    category: Code
    type: Code
    colour: tuple[int, int, int]


SEGMENTS = {
    # FLAIR is bright in tumour and in oedema alike and does not tell them apart, and white matter disease
    # is bright too: "Lesion" says no more than was seen; "Neoplasm" or "Edema" would.
    "flair_abnormality": SegmentCodes("FLAIR abnormality", MORPHOLOGICALLY_ABNORMAL, LESION, (255, 127, 0)),
}

NO_TUMOUR = "no_tumour"
"""The class label that is no finding: its score is said in words."""

CLASSES = {
    "glioma": Code("393564001", "SCT", "Glioma"),
    "meningioma": Code("302820008", "SCT", "Intracranial meningioma"),
    "pituitary": Code("254956000", "SCT", "Pituitary adenoma"),
}

REPORT_TITLE = Code("126001", "DCM", "Oncology Measurement Report")  # CID 7021
PROCEDURE = Code("25056-3", "LN", "MRI unspecified body region")  # CID 100
ENGLISH = Code("en", "RFC5646", "English")  # CID 5000

FINDINGS_SUMMARY = Code("111017", "DCM", "CAD Processing and Findings Summary")  # TID 4001
WITH_FINDINGS = Code("111242", "DCM", "All algorithms succeeded; with findings")  # CID 6047
WITHOUT_FINDINGS = Code("111241", "DCM", "All algorithms succeeded; without findings")  # CID 6047
UNSUCCESSFUL = Code("111245", "DCM", "No algorithms succeeded; without findings")  # CID 6047

PRESENT = Code("52101004", "SCT", "Present")  # CID 240
ABSENT = Code("272519000", "SCT", "Absent")  # CID 240
UNDETERMINED = Code("373068000", "SCT", "Undetermined")  # CID 240

SUMMARY_OF = {True: WITH_FINDINGS, False: WITHOUT_FINDINGS, None: UNSUCCESSFUL}
STATE_OF = {True: PRESENT, False: ABSENT, None: UNDETERMINED}

FINDING = Code("121071", "DCM", "Finding")  # TID 1501
COMMENT = Code("121106", "DCM", "Comment")  # TID 1501
CERTAINTY = Code("111012", "DCM", "Certainty of Finding")  # CID 6048
VOLUME = Code("118565006", "SCT", "Volume")  # CID 7472
VOLUME_METHOD = Code("126030", "DCM", "Sum of segmented voxel method for volume")  # CID 7474
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")  # TID 1501
REFERENCED_SEGMENT = Code("121191", "DCM", "Referenced Segment")  # TID 1411

PERCENT = Code("%", "UCUM", "Percent")
CUBIC_CENTIMETRE = Code("cm3", "UCUM", "cubic centimeter")  # CID 7462

DEVICE = Code("121007", "DCM", "Device")  # CID 270
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # CID 7162
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")  # CID 7005


def sought(findings: Findings) -> Code:
    """Return what a model looks for: the type of its segments, or else a tumour."""
    return segment_codes(findings.mask.segments[0].label).type if findings.mask else NEOPLASM


def segment_codes(label: str) -> SegmentCodes:
    """Return how a segment label is written.

    Raises
    ------
    KeyError
        When the label has no codes.
    """
    if label not in SEGMENTS:
        raise KeyError(f"segment label {label!r} has no codes; there are: {', '.join(SEGMENTS)}")
    return SEGMENTS[label]


def class_code(label: str) -> Code:
    """Return the finding a class label stands for.

    Raises
    ------
    KeyError
        When the label has no code.
    """
    if label not in CLASSES:
        raise KeyError(f"class label {label!r} has no code; there are: {', '.join(CLASSES)}")
    return CLASSES[label]
