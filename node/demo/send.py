"""Sends a folder of DICOM files as a scanner would: an association per series, the files as they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import time

from node.demo.pacs import Address

TAGS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SeriesDescription", "SeriesNumber", "Modality")


@dataclass(frozen=True, slots=True)
class OutgoingSeries:
    """The files of one series in a folder."""

    study_instance_uid: str
    series_instance_uid: str
    description: str
    contexts: frozenset[tuple[str, str]]
    """SOP class and transfer syntax of its objects."""
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that the node did not take, and why."""

    description: str
    reason: str


def series_in(folder: Path) -> list[OutgoingSeries]:
    """Return all series below a folder, by Series Number; files that are not DICOM are passed over."""
    found: dict[str, list[tuple[Path, str, str]]] = {}
    about: dict[str, tuple[int, str, str]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            header = dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
        except InvalidDicomError:
            continue
        uid = header.get("SeriesInstanceUID")
        if not uid:
            continue
        description = str(header.get("SeriesDescription") or header.get("Modality") or uid)
        about[uid] = (int(header.get("SeriesNumber") or 0), description, str(header.get("StudyInstanceUID", "")))
        syntax = str(header.file_meta.TransferSyntaxUID)
        found.setdefault(uid, []).append((path, str(header.SOPClassUID), syntax))
    return [
        OutgoingSeries(
            study_instance_uid=about[uid][2],
            series_instance_uid=uid,
            description=about[uid][1],
            contexts=frozenset((sop_class, syntax) for _, sop_class, syntax in found[uid]),
            paths=tuple(path for path, _, _ in found[uid]),
        )
        for uid in sorted(found, key=lambda uid: about[uid])
    ]


def answers(address: Address, calling_ae_title: str) -> bool:
    """Tell whether an application entity answers a C-ECHO."""
    entity = AE(ae_title=calling_ae_title)
    entity.connection_timeout = 2
    entity.add_requested_context(Verification)
    association = entity.associate(address.host, address.port, ae_title=address.ae_title)
    if not association.is_established:
        return False
    status = association.send_c_echo()
    association.release()
    return bool(status.get("Status") == 0x0000)


def send_series(
    series: OutgoingSeries, address: Address, calling_ae_title: str, progress: Callable[[], None]
) -> Sequence[Refusal]:
    """Send one series over one association.

    Parameters
    ----------
    progress
        Called after every object that was answered.

    Returns
    -------
    sequence of Refusal
        Objects that were not taken.
    """
    entity = AE(ae_title=calling_ae_title)
    for sop_class, syntax in sorted(series.contexts):
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate(address.host, address.port, ae_title=address.ae_title)
    if not association.is_established:
        classes = ", ".join(sorted(UID(sop_class).name for sop_class, _ in series.contexts))
        return [Refusal(series.description, f"no presentation context was accepted for {classes}")]
    refused = []
    for path in series.paths:
        try:
            answer = association.send_c_store(path)
        except ValueError as error:  # no accepted presentation context for this object
            refused.append(Refusal(series.description, str(error).splitlines()[0]))
            continue
        if answer.get("Status") != 0x0000:
            reason = answer.get("ErrorComment") or "no reason given"
            refused.append(Refusal(series.description, f"0x{answer.get('Status', 0):04X}: {reason}"))
        progress()
    association.release()
    return refused
