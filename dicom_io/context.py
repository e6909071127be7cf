"""What all results of one analysis share: whose they are, their UIDs, times and header."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import highdicom as hd
from pydicom import DataElement, Dataset

from dicom_io.case import Case
from dicom_io.character_set import chosen, writable
from dicom_io.codes import PROCESSING_EQUIPMENT, question, segment_codes
from dicom_io.equipment import Equipment
from dicom_io.findings import Algorithm, Findings
from dicom_io.profile import DEFAULT, Profile, fits_bits
from dicom_io.sources import SourceSeries
from dicom_io.uids import derive
from dicom_io.volume import Volume

SERIES_NUMBERS = {"SEG": 9001, "SR": 9002, "MEASUREMENTS": 9003, "KEY IMAGE": 9004, "PDF": 9005}
QUALIFICATION = "RESEARCH"
"""Of results whose UIDs are not varied by it."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A document that a newer one replaces (PS3.3 C.17.2)."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Who says it and when, as it stands in the header of an object.

    Attributes
    ----------
    created_at
        The analysis's own time; a time without zone is taken as local.
    """

    algorithm: Algorithm
    equipment: Equipment
    created_at: datetime

    def header(self, kind: str, description: str) -> dict[str, Any]:
        """Return the keyword arguments that every object's class of highdicom takes, but for the UIDs."""
        algorithm, equipment = self.algorithm, self.equipment
        date, time = self._date_and_time()
        return {
            "series_number": SERIES_NUMBERS[kind],
            "instance_number": 1,
            # A series list shows some 22 characters: what it is comes first.
            "series_description": f"AI {description} [{equipment.qualification}] {algorithm.name} {algorithm.version}"[
                :64
            ].rstrip(),
            "manufacturer": equipment.manufacturer,
            "manufacturer_model_name": algorithm.name,
            "software_versions": algorithm.full_version,
            "device_serial_number": equipment.serial,
            "content_qualification": equipment.qualification,
            "contributing_equipment": [self._contribution()],
            "content_date": date,
            "content_time": time,
            "series_date": date,
            "series_time": time,
            "specific_character_set": None,  # settle() takes it over; highdicom refuses many that are legal
        }

    def settle(self, result: Dataset, patient_name: DataElement, character_set: object) -> None:
        """Set what highdicom takes from the clock or cannot take over."""
        result.add(patient_name)
        result.InstanceCreationDate, result.InstanceCreationTime = self._date_and_time()
        result.ContributingEquipmentSequence[-1].ContributionDateTime = self._datetime()
        if character_set:
            result.SpecificCharacterSet = character_set

    def _contribution(self) -> hd.ContributingEquipment:
        """Build the node's own item, with all that IHE AIR 6.5.3.1 asks for."""
        algorithm, equipment = self.algorithm, self.equipment
        item = hd.ContributingEquipment(
            equipment.manufacturer,
            PROCESSING_EQUIPMENT,
            manufacturer_model_name=algorithm.name,
            software_versions=algorithm.full_version,
            device_serial_number=equipment.serial,
            contribution_datetime=self._datetime(),
            contribution_description="AI analysis of brain MR",
        )
        item.DeviceUID = equipment.device_uid(algorithm)  # highdicom has no argument for it
        return item

    def _date_and_time(self) -> tuple[str, str]:
        local = self.created_at.astimezone()
        return local.strftime("%Y%m%d"), local.strftime("%H%M%S")

    def _datetime(self) -> str:
        return "".join(self._date_and_time())


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One analysis, as its results are written for destinations of one profile.

    Attributes
    ----------
    created_at
        The analysis's own time; a time without zone is taken as local.
    sources
        The source images of each volume of the case, by Series Instance UID.
    predecessors
        The documents of an older analysis that the report replaces.
    """

    case: Case
    findings: Findings
    equipment: Equipment
    created_at: datetime
    sources: Mapping[str, SourceSeries]
    profile: Profile = DEFAULT
    predecessors: tuple[Predecessor, ...] = ()

    @property
    def volume(self) -> Volume:
        """The volume the findings are about."""
        for volume in self.case.volumes.values():
            if volume.header.series_instance_uid == self.findings.series_instance_uid:
                return volume
        raise KeyError(f"findings on series {self.findings.series_instance_uid}, which the case lacks")

    @property
    def source(self) -> SourceSeries:
        """The source images of the volume the findings are about."""
        return self.sources[self.findings.series_instance_uid]

    @property
    def signature(self) -> Signature:
        """Who says it and when."""
        return Signature(self.findings.algorithm, self.equipment, self.created_at)

    @property
    def subject(self) -> str:
        """What the findings are about, in a word or two."""
        mask = self.findings.mask
        return ", ".join(segment_codes(s.label).name for s in mask.segments) if mask else question(self.findings)

    @property
    def seg_frames(self) -> int:
        """How many frames a SEG of the findings has: a slice counts once for each segment on it."""
        mask = self.findings.mask
        if mask is None:
            return 0
        return sum(int((mask.array == segment.number).any(axis=(1, 2)).sum()) for segment in mask.segments)

    @property
    def without_seg(self) -> str:
        """Why a mask that has voxels gets no SEG, in a sentence; empty where it gets one, or nobody wants one."""
        frames, most = self.seg_frames, self.profile.maximum_frames
        if not 0 < most < frames or "SEG" not in self.profile.objects:
            return ""
        return f"The segmentation object is left out: it has {frames} frames, its destination takes {most} at most."

    @property
    def has_seg(self) -> bool:
        """Whether there is a SEG for others to refer to."""
        return self.seg_frames > 0 and "SEG" in self.profile.objects and not self.without_seg

    def uid(self, *kind: str) -> str:
        """Return the UID of one thing of this analysis: the same input, byte for byte, and build give the same UID."""
        algorithm, equipment = self.findings.algorithm, self.equipment
        inputs = [digest for source in self.sources.values() for digest in source.digests]
        # What one volume alone is called changes nothing in what is made of it; of several it says which is which.
        several = len(self.case.volumes) > 1
        inputs += [f"{several * v.header.sequence} {v.header.part}" for v in self.case.volumes.values()]
        return derive(
            self.case.study_instance_uid,
            *sorted(inputs),
            equipment.manufacturer,
            equipment.site,
            algorithm.name,
            algorithm.version,
            algorithm.weights_sha256,
            *kind,
        )

    def track(self, number: int, label: str) -> str:
        """Return the Tracking UID of a segment, the same in all objects; two of one label have one each."""
        mask = self.findings.mask
        labels = [segment.label for segment in mask.segments] if mask else []
        return self.uid("track", label if labels.count(label) < 2 else f"{label} {number}")

    def header(self, kind: str, title: str) -> dict[str, Any]:
        """Return the keyword arguments that every result's class of highdicom takes."""
        varied = self._variations(kind)
        return {
            **self.signature.header(kind, f"{title} {self.subject}"),
            "series_instance_uid": self.uid(kind, "series", *varied),
            "sop_instance_uid": self.uid(kind, "instance", *varied),
        }

    def text(self, words: str) -> str:
        """Return words as the character set of the results can hold them."""
        return writable(words, self.character_set)

    @property
    def character_set(self) -> object:
        """The Specific Character Set of the results."""
        return chosen(self.profile.character_set, self.source.headers[0], self.source.patient_name)

    def settle(self, result: Dataset) -> None:
        """Set what highdicom takes from the clock, draws at random or cannot take over.

        After it, building the same result again gives the same bytes.
        """
        self.signature.settle(result, self.source.patient_name, self.character_set)
        for keyword in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
            for item in result.get(keyword, []):
                item.DimensionOrganizationUID = self.uid("dimension organization", *self._variations("SEG"))

    def _variations(self, kind: str) -> list[str]:
        """Return what makes an object another one than that of the same analysis elsewhere; mostly nothing."""
        varied = [] if self.equipment.qualification == QUALIFICATION else [self.equipment.qualification]
        if self.character_set != self.source.headers[0].get("SpecificCharacterSet"):
            varied.append(str(self.character_set))
        rows, columns = self.volume.array.shape[1:]
        if kind in ("SEG", "SR", "MEASUREMENTS") and self.seg_frames:
            if not self.has_seg:
                varied.append(f"without SEG: {self.without_seg}")
            elif self.profile.packs(rows, columns) != fits_bits(rows, columns):
                varied.append(f"SEG {self.profile.seg_encoding}")
        if kind == "SR":
            varied += [self.profile.sr_class] if self.profile.sr_class != DEFAULT.sr_class else []
            varied += [predecessor.sop_instance_uid for predecessor in self.predecessors]
        if kind not in ("SR", "KEY IMAGE", "PDF"):
            return varied
        explained = self.findings.attention
        shown = [f"explained by {explained.method}: {explained.label}"] if explained is not None else []
        return [*varied, *self.case.notes, *self.findings.notes, *shown]
