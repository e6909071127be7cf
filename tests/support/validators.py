"""dcentvfy, PixelMed's DicomSRValidator and dcmqi's tid1500reader as other people's eyes on results."""

import json
import re
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydicom import dcmread
from support.dcmtk import run
from support.require import require_file, require_tool

PIXELMED = Path("/usr/share/java/pixelmed.jar")
JAVA = (  # its style sheets pass the limits that newer Java sets, and half the time goes into optimising them
    *("-Djdk.xml.xpathTotalOpLimit=0", "-Djdk.xml.xpathExprOpLimit=0", "-Djdk.xml.xpathExprGrpLimit=0"),
    *("-Xss64m", "-XX:TieredStopAtLevel=1"),
)


def entity_complaints(source: Sequence[Path], results: Mapping[str, Path]) -> list[str]:
    """Return what dcentvfy says of patient, study, series and frame of reference of files that belong together.

    Files stand as "source" and by the names of ``results`` in its messages.
    """
    text = run(require_tool("dcentvfy"), *map(str, [*source, *results.values()])).stdout
    names = {str(path): "source" for path in source} | {str(path): name for name, path in results.items()}
    return sorted({re.sub("<(/[^>]*)>", lambda found: names[found[1]], line) for line in text.splitlines()})


def template_complaints(report: Path) -> list[str]:
    """Return the errors and warnings of PixelMed's DicomSRValidator: a report against its templates (TID).

    A message about a group of TID 1501 says so instead of where the group is.

    Raises
    ------
    AssertionError
        When it did not come to its end, with its own words.
    """
    jar = str(require_file(PIXELMED))
    command = [require_tool("java"), *JAVA, "-cp", jar, "com.pixelmed.validate.DicomSRValidator", str(report)]
    text = run(*command).stdout
    assert "Found Root Template TID_1500" in text, text
    assert "IOD validation complete" in text, text
    places = _groups_of_tid1501(report)
    lines = [line for line in text.splitlines() if line.startswith(("Error", "Warning"))]
    return [_without_place(line, places) for line in lines]


def by_tid1500reader(report: Path, target: Path) -> list[dict[str, object]]:
    """Return the measurement groups of a report as dcmqi's tid1500reader finds them.

    Raises
    ------
    AssertionError
        When it cannot, with its own words.
    """
    program = require_tool(str(Path(sysconfig.get_path("platlib"), "dcmqi", "bin", "tid1500reader")))
    text = run(program, "--inputDICOM", str(report), "--outputMetadata", str(target)).stdout
    assert target.exists(), text
    groups: list[dict[str, object]] = json.loads(target.read_text(encoding="utf-8"))["Measurements"]
    return groups


def _without_place(message: str, of_tid1501: set[str]) -> str:
    """Say of what kind the group is that a message is about, where its template tells."""
    place = re.search(r"within ([\d.]+):", message)
    return message.replace(place[0], "within a group of TID 1501:") if place and place[1] in of_tid1501 else message


def _groups_of_tid1501(report: Path) -> set[str]:
    """Return the places, as 1.10.1, of a report's groups that measure no region."""
    return {
        f"1.{n}.{m}"
        for n, part in enumerate(dcmread(report).ContentSequence, start=1)
        for m, group in enumerate(part.get("ContentSequence", []), start=1)
        if "1501" in {template.TemplateIdentifier for template in group.get("ContentTemplateSequence", [])}
    }
