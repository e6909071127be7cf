"""The report of an analysis that failed or was skipped (TID 1500): silence would mean that it was never asked for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest

from highdicom import sr
from pydicom import Dataset
from pydicom.uid import UID, MRImageStorage

from dicom_io import codes
from dicom_io.character_set import chosen, writable
from dicom_io.context import QUALIFICATION, Signature
from dicom_io.errors import NONSENSE, DicomInputError, printable
from dicom_io.files import read_dataset
from dicom_io.profile import DEFAULT, Profile
from dicom_io.sources import entities
from dicom_io.sr import AnyReport, commented, content, document, group_start
from dicom_io.stretch import InstanceFile, opened
from dicom_io.uids import derive

RESEARCH_ONLY = "Research use only, not a medical device."
IDENTITY = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
READABLE = tuple(error for error in NONSENSE if error is not OSError)
"""What nonsense in a header raises; a disk that fails is no fault of the file's."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there are no findings.

    Attributes
    ----------
    reason
        The sentence of whoever refused, with its numbers.
    kind
        Name of the error's class, such as "MissingSlices": ``codes.REASONS`` has codes for some.
    skipped
        Whether the analysis was not begun.
    """

    reason: str
    kind: str = ""
    skipped: bool = False

    @property
    def sentence(self) -> str:
        """What a reader of the report reads first."""
        begun = "The analysis was skipped" if self.skipped else "The analysis failed"
        return f"{begun}: {printable(self.reason).strip().rstrip('.')}. It says nothing of the patient."


@dataclass(frozen=True, slots=True, eq=False)
class Remains:
    """What can be read of the files of an analysis that came to nothing.

    Attributes
    ----------
    headers
        Of the images that can be read and belong to one study: the one with most of them.
    digests
        SHA-256 of every file, readable or not.
    """

    headers: tuple[Dataset, ...]
    digests: tuple[str, ...]


def read_remains(paths: Sequence[InstanceFile]) -> Remains:
    """Read who and what the files are about; a series refused as a volume, or of another modality, will do.

    Raises
    ------
    OSError
        When a file is gone.
    """
    digests: list[str] = []
    headers: list[Dataset] = []
    for path in paths:
        with opened(path) as file:
            digests.append(file_digest(file, "sha256").hexdigest())
        headers += _identified(path)
    counts = Counter(str(header.StudyInstanceUID) for header in headers)
    study = max(counts, key=lambda uid: (counts[uid], uid), default="")
    kept = {str(header.SOPInstanceUID): header for header in headers if header.StudyInstanceUID == study}
    return Remains(tuple(kept[uid] for uid in sorted(kept)), tuple(sorted(digests)))


def build_failure(remains: Remains, failure: Failure, signature: Signature, profile: Profile = DEFAULT) -> AnyReport:
    """Build the report of an analysis without findings; ``remains`` holds one image at least."""
    patient, *others = (_evidence(header) for header in remains.headers)
    name = patient["PatientName"]
    patient.add_new("PatientName", "PN", "")  # highdicom warns of names it finds odd, and prints them
    letters = chosen(profile.character_set, patient, name)
    group = _group(remains, failure, signature, letters)
    tree = content(signature, [group], [])
    header = signature.header("SR", "report: skipped" if failure.skipped else "report: failed")
    varied: list[str] = [] if profile.sr_class == DEFAULT.sr_class else [profile.sr_class]
    varied += [str(letters)] if letters != patient.get("SpecificCharacterSet") else []
    for kind in ("series", "instance"):
        header["sop_instance_uid" if kind == "instance" else "series_instance_uid"] = _uid(
            remains, failure, signature, kind, *varied
        )
    report = document(profile, [patient, *others], tree, header)
    _name_classes(report, remains)
    signature.settle(report, name, letters)
    return report


def _group(
    remains: Remains, failure: Failure, signature: Signature, character_set: object
) -> sr.MeasurementsAndQualitativeEvaluations:
    """Say that no algorithm succeeded, that nothing is known, and why (TID 1501)."""
    evaluations = [(codes.FINDINGS_SUMMARY, codes.UNSUCCESSFUL), (codes.NEOPLASM, codes.UNDETERMINED)]
    if failure.kind in codes.REASONS:
        evaluations.append((codes.QUALITY_FINDING, codes.REASONS[failure.kind]))
    group = sr.MeasurementsAndQualitativeEvaluations(
        **group_start(signature, _uid(remains, failure, signature, "track"), "AI study result"),
        finding_type=codes.NEOPLASM,
        qualitative_evaluations=[sr.QualitativeEvaluation(name, value) for name, value in evaluations],
    )
    return commented(group, writable(failure.sentence, character_set), RESEARCH_ONLY)


def _uid(remains: Remains, failure: Failure, signature: Signature, *kind: str) -> str:
    """Return the UID of one thing of this failure: the same input, build and reason give the same UID."""
    algorithm, equipment = signature.algorithm, signature.equipment
    qualification = () if equipment.qualification == QUALIFICATION else (equipment.qualification,)
    return derive(
        "failure",
        *remains.digests,
        equipment.manufacturer,
        equipment.site,
        algorithm.name,
        algorithm.version,
        algorithm.weights_sha256,
        failure.sentence,
        failure.kind,
        *kind,
        *qualification,
    )


def _identified(path: InstanceFile) -> Iterator[Dataset]:
    """Yield the header of a file that says which instance of which study it is; of others nothing."""
    try:
        header = read_dataset(path, pixels=False)
        identity = {keyword: UID(str(header.get(keyword, ""))) for keyword in IDENTITY}
    except (*READABLE, DicomInputError):
        return
    if all(uid.is_valid for uid in identity.values()):
        kept = entities(header)
        for keyword, uid in identity.items():
            kept.add_new(keyword, "UI", uid)
        yield kept


def _evidence(header: Dataset) -> Dataset:
    """Return a header as one of an MR image: highdicom refuses to copy a patient from classes that it does not know."""
    image = Dataset()
    image.update(header)
    image.add_new("SOPClassUID", "UI", MRImageStorage)
    return image


def _name_classes(report: Dataset, remains: Remains) -> None:
    """Let the evidence name the images by their own classes."""
    classes = {header.SOPInstanceUID: header.SOPClassUID for header in remains.headers}
    for study in report.CurrentRequestedProcedureEvidenceSequence:
        for series in study.ReferencedSeriesSequence:
            for reference in series.ReferencedSOPSequence:
                reference.ReferencedSOPClassUID = classes[reference.ReferencedSOPInstanceUID]
