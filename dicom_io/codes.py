"""The only place with codes: what labels, findings, titles and units are called in DICOM results.

Codes with a CID stand in that context group of PS3.16 (a test looks them up); a template (TID) is named where the
template itself has the code. Those marked "to be checked" stand in no context group: a terminologist must confirm
code, meaning and edition before any clinical use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

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

TUMOUR_TYPES = {
    "glioma": Code("393564001", "SCT", "Glioma"),  # to be checked
    "meningioma": Code("302820008", "SCT", "Intracranial meningioma"),  # to be checked
    "pituitary": Code("254956000", "SCT", "Pituitary adenoma"),  # to be checked
}
TUMOUR = {"tumour": NEOPLASM}
GRADES = {  # CID 6070 has grades too, but of Bloom and Richardson, for breast; SNOMED CT was not at hand
    "grade_2": Code("C132505", "NCIt", "WHO Grade 2 Glioma"),  # NCI Thesaurus 23.06d, to be checked
    "grade_3": Code("C127816", "NCIt", "WHO Grade 3 Glioma"),  # NCI Thesaurus 23.06d, to be checked
}
SUBTYPES = {
    "astrocytoma": Code("254938000", "SCT", "Astrocytoma"),  # CID 639
    "oligoastrocytoma": Code("C4050", "NCIt", "Oligoastrocytoma"),  # NCI Thesaurus 23.06d, to be checked
    "oligodendroglioma": Code("443936004", "SCT", "Oligodendroglioma"),  # used by HL7 mCODE, to be checked
}
CLASSES: Mapping[str, Code] = MappingProxyType(TUMOUR_TYPES | TUMOUR | GRADES | SUBTYPES)
QUESTIONS = {"tumour type": TUMOUR_TYPES, "tumour": TUMOUR, "glioma grade": GRADES, "glioma subtype": SUBTYPES}
"""What the classes answer; the last two are asked of a glioma, and say nothing of whether there is one."""

REPORT_TITLE = Code("126001", "DCM", "Oncology Measurement Report")  # CID 7021
MEASUREMENTS_TITLE = Code("126000", "DCM", "Imaging Measurement Report")  # CID 7021
PROCEDURE = Code("25056-3", "LN", "MRI unspecified body region")  # CID 100
ENGLISH = Code("en", "RFC5646", "English")  # CID 5000

FINDINGS_SUMMARY = Code("111017", "DCM", "CAD Processing and Findings Summary")  # TID 4001
WITH_FINDINGS = Code("111242", "DCM", "All algorithms succeeded; with findings")  # CID 6047
WITHOUT_FINDINGS = Code("111241", "DCM", "All algorithms succeeded; without findings")  # CID 6047
UNSUCCESSFUL = Code("111245", "DCM", "No algorithms succeeded; without findings")  # CID 6047

PRESENT = Code("52101004", "SCT", "Present")  # CID 240
ABSENT = Code("272519000", "SCT", "Absent")  # CID 240
UNDETERMINED = Code("373068000", "SCT", "Undetermined")  # CID 240

QUALITY_FINDING = Code("111052", "DCM", "Quality Finding")  # PS3.16 annex D
COVERAGE_INCOMPLETE = Code("130576", "DCM", "Anatomy coverage incomplete")  # CID 6315
INCOMPLETE_STUDY = Code("130574", "DCM", "Incomplete study")  # CID 6314
REASONS = {"MissingSlices": COVERAGE_INCOMPLETE, "UnsuitableCase": INCOMPLETE_STUDY}
"""Why an analysis failed, by the class of the error, where the standard has a code for it; other reasons are said in
words alone. The groups are of prostate MR; these two of their codes name no organ."""

STATE_OF = {True: PRESENT, False: ABSENT, None: UNDETERMINED}

FINDING = Code("121071", "DCM", "Finding")  # TID 1501
COMMENT = Code("121106", "DCM", "Comment")  # TID 1501
CERTAINTY = Code("111012", "DCM", "Certainty of Finding")  # CID 6048
VOLUME = Code("118565006", "SCT", "Volume")  # CID 7472
VOLUME_METHOD = Code("126030", "DCM", "Sum of segmented voxel method for volume")  # CID 7474
LONG_AXIS = Code("103339001", "SCT", "Long Axis")  # CID 7470; OHIF looks for this meaning, with a capital A
SHORT_AXIS = Code("103340004", "SCT", "Short Axis")  # CID 7470
CENTRE_OF_MASS = Code("128138", "DCM", "Center of Mass")  # CID 219
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")  # TID 1501
REFERENCED_SEGMENT = Code("121191", "DCM", "Referenced Segment")  # TID 1411

PERCENT = Code("%", "UCUM", "Percent")
MILLIMETRE = Code("mm", "UCUM", "mm")  # CID 7460
CUBIC_CENTIMETRE = Code("cm3", "UCUM", "cubic centimeter")  # CID 7462

DEVICE = Code("121007", "DCM", "Device")  # CID 270
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")  # CID 7162
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")  # CID 7005


def question(findings: Findings) -> str:
    """Return what the scores of a model answer, of QUESTIONS; "tumour" where they do not tell."""
    labels = {score.label for score in findings.scores}
    return next((name for name, answers in QUESTIONS.items() if labels & answers.keys()), "tumour")


def asks_of_glioma(findings: Findings) -> bool:
    """Whether the model takes it that there is a glioma, and says which kind of."""
    return findings.mask is None and QUESTIONS[question(findings)] in (GRADES, SUBTYPES)


def sought(findings: Findings) -> Code:
    """Return what the findings are about: the type of its segments, a glioma, or else a tumour."""
    if findings.mask is not None:
        return segment_codes(findings.mask.segments[0].label).type
    return TUMOUR_TYPES["glioma"] if asks_of_glioma(findings) else NEOPLASM


def summary(findings: Findings) -> Code:
    """Return whether the analysis succeeded, and found something (CID 6047)."""
    if findings.present is None:
        return WITH_FINDINGS if asks_of_glioma(findings) else UNSUCCESSFUL
    return WITH_FINDINGS if findings.present else WITHOUT_FINDINGS


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
