"""Whose result it is: the installation that made it, and its device UID per algorithm build."""

from dataclasses import dataclass

from dicom_io.findings import Algorithm
from dicom_io.uids import derive


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """The installation as it signs its results (PS3.3 C.7.5.1).

    Attributes
    ----------
    site
        The place it stands at; two sites never give two results the same UID.
    serial
        Device Serial Number of the installation.
    qualification
        Content Qualification (0018,9004): RESEARCH until the product is cleared.
    """

    site: str
    serial: str
    manufacturer: str = "Glia"
    qualification: str = "RESEARCH"

    def device_uid(self, algorithm: Algorithm) -> str:
        """Return the UID of this installation running this very build of an algorithm (IHE AIR 6.5.3.1)."""
        return derive(
            "device",
            self.site,
            self.manufacturer,
            self.serial,
            algorithm.name,
            algorithm.version,
            algorithm.weights_sha256,
        )
