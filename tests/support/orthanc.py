"""A real Orthanc as the PACS of a test: started on free loopback ports, empty, and gone afterwards."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.process import Server, free_port, listening_addresses, start_server
from support.require import require_file, require_tool
from support.wait import wait_until

AE_TITLE = "ORTHANC"
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
# 127.0.0.1 as /proc/net/tcp and, mapped into IPv6, /proc/net/tcp6 write it.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A running Orthanc: its addresses, and the few questions that tests ask of its REST interface."""

    dicom_port: int
    http_port: int

    def instances(self, **tags: str) -> list[dict[str, Any]]:
        """Return the stored instances whose tags match, e.g. `Modality="SEG"`, each with its main tags."""
        query = {"Level": "Instance", "Query": tags, "Expand": True}
        found: list[dict[str, Any]] = json.loads(self._request("/tools/find", query))
        return found

    def download(self, instance: dict[str, Any], folder: Path) -> Path:
        """Write the DICOM file of an instance, as Orthanc holds it, into a folder."""
        path = folder / f"{instance['MainDicomTags']['SOPInstanceUID']}.dcm"
        path.write_bytes(self._request(f"/instances/{instance['ID']}/file"))
        return path

    def upload(self, path: Path) -> None:
        """Put a file into Orthanc without a DICOM association."""
        self._request("/instances", path.read_bytes())

    def send_study(self, study_instance_uid: str, modality: str = "GLIA") -> None:
        """Let Orthanc send a study by C-STORE to a registered modality, and wait until all is sent."""
        query = {"Level": "Study", "Query": {"StudyInstanceUID": study_instance_uid}}
        studies = json.loads(self._request("/tools/find", query))
        self._request(f"/modalities/{modality}/store", {"Resources": studies, "Synchronous": True})

    def _request(self, path: str, body: dict[str, Any] | bytes | None = None) -> bytes:
        """GET without a body, POST with one; a dict goes as JSON."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=data)
        with urllib.request.urlopen(request, timeout=60) as response:
            content: bytes = response.read()
        return content


@contextmanager
def running_orthanc(
    folder: Path, node_port: int, *, dicomweb: bool = False, ae_title: str = AE_TITLE
) -> Iterator[Orthanc]:
    """Run Orthanc on free ports of 127.0.0.1, its storage in a folder, with GLIA as a known modality.

    With ``dicomweb`` it answers web viewers too, under /dicom-web and /wado of its HTTP port.
    """
    orthanc = Orthanc(dicom_port=free_port(), http_port=free_port())
    settings = folder / "orthanc.json"
    storage = folder / "orthanc-storage"
    wanted = orthanc_settings(orthanc.dicom_port, orthanc.http_port, storage, ae_title)
    wanted["DicomModalities"] = {"GLIA": ["GLIA", "127.0.0.1", node_port]}
    wanted |= _dicomweb() if dicomweb else {}
    settings.write_text(json.dumps(wanted, indent=2))
    server = start_server(
        [require_tool("Orthanc"), str(settings)],
        log=folder / "orthanc.log",
        environment={"LD_PRELOAD": str(_build_loopback_bind(folder))},
    )
    try:
        wait_until(lambda: not server.running or _answers(orthanc), timeout=60.0, what="Orthanc")
        assert server.running, server.log.read_text(errors="replace")
        _assert_loopback_only(orthanc)
        yield orthanc
    finally:
        _stop(server)


def orthanc_settings(dicom_port: int, http_port: int, storage: Path, ae_title: str = AE_TITLE) -> dict[str, Any]:
    """Return the settings of an Orthanc that takes everything and is otherwise as it comes."""
    return {
        "Name": "Glia's test PACS",
        "StorageDirectory": str(storage),
        "IndexDirectory": str(storage),
        "Plugins": [],
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": ae_title,
        "DicomPort": dicom_port,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "OverwriteInstances": False,
    }


def _dicomweb() -> dict[str, Any]:
    # Without whole metadata OHIF does not learn which series a SEG refers to, and shows nothing.
    whole = {"StudiesMetadata": "Full", "SeriesMetadata": "Full"}
    served = {"Enable": True, "Root": "/dicom-web/", "EnableWado": True, "WadoRoot": "/wado", **whole}
    return {"Plugins": [str(require_file(DICOMWEB))], "DicomWeb": served}


def _build_loopback_bind(folder: Path) -> Path:
    library = folder / "loopback_bind.so"
    source = Path(__file__).with_name("loopback_bind.c")
    subprocess.run(
        [require_tool("gcc"), "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"],
        check=True,
        timeout=60,
    )
    return library


def _answers(orthanc: Orthanc) -> bool:
    """Whether both servers of Orthanc listen and its REST interface speaks."""
    ports = (orthanc.http_port, orthanc.dicom_port)
    return all(listening_addresses(port) for port in ports) and bool(orthanc._request("/system"))


def _assert_loopback_only(orthanc: Orthanc) -> None:
    for port in (orthanc.http_port, orthanc.dicom_port):
        assert listening_addresses(port) <= LOOPBACK, f"Orthanc's port {port} is open to the network"


def _stop(server: Server) -> None:
    if server.running:
        server.terminate()
