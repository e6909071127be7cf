"""What all results of one analysis share: whose they are, their UIDs, times and header."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import highdicom as hd
from pydicom import Dataset

from dicom_io.case import Case
from dicom_io.codes import PROCESSING_EQUIPMENT, segment_codes
from dicom_io.equipment import Equipment
from dicom_io.findings import Findings
from dicom_io.sources import SourceSeries
from dicom_io.uids import derive
from dicom_io.volume import Volume

SERIES_NUMBERS = {"SEG": 9001, "SR": 9002}


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One analysis, as its results are written.

    Attributes
    ----------
    created_at
        The analysis's own time; a time without zone is taken as local.
    sources
        The source images of each volume of the case, by Series Instance UID.
    """

    case: Case
    findings: Findings
    equipment: Equipment
    created_at: datetime
    sources: Mapping[str, SourceSeries]

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
    def subject(self) -> str:
        """What the findings are about, in a word or two."""
        mask = self.findings.mask
        return ", ".join(segment_codes(s.label).name for s in mask.segments) if mask else "tumour type"

    def uid(self, *kind: str) -> str:
        """Return the UID of one thing of this analysis: the same input, byte for byte, and build give the same UID."""
        algorithm, equipment = self.findings.algorithm, self.equipment
        inputs = [digest for source in self.sources.values() for digest in source.digests]
        inputs += [f"{v.header.sequence} {v.header.part}" for v in self.case.volumes.values()]
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

    def header(self, kind: str, title: str) -> dict[str, Any]:
        """Return the keyword arguments that every result's class of highdicom takes."""
        algorithm, equipment = self.findings.algorithm, self.equipment
        date, time = self._date_and_time()
        # A series list shows some 22 characters: what it is comes first.
        marks = f"[{equipment.qualification}] {algorithm.name} {algorithm.version}"
        return {
            "series_instance_uid": self.uid(kind, "series"),
            "series_number": SERIES_NUMBERS[kind],
            "sop_instance_uid": self.uid(kind, "instance"),
            "instance_number": 1,
            "series_description": f"AI {title} {self.subject} {marks}"[:64].rstrip(),
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

    def settle(self, result: Dataset) -> None:
        """Set what highdicom takes from the clock, draws at random or cannot take over.

        After it, building the same result again gives the same bytes.
        """
        result.add(self.source.patient_name)
        result.InstanceCreationDate, result.InstanceCreationTime = self._date_and_time()
        result.ContributingEquipmentSequence[-1].ContributionDateTime = self._datetime()
        for keyword in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
            for item in result.get(keyword, []):
                item.DimensionOrganizationUID = self.uid("dimension organization")
        character_set = self.source.headers[0].get("SpecificCharacterSet")
        if character_set:
            result.SpecificCharacterSet = character_set

    def _contribution(self) -> hd.ContributingEquipment:
        """Build the node's own item, with all that IHE AIR 6.5.3.1 asks for."""
        algorithm, equipment = self.findings.algorithm, self.equipment
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
