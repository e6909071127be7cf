from dataclasses import replace

import pytest

from dicom_io.equipment import Equipment
from dicom_io.findings import Algorithm

HERE = Equipment(site="north", serial="0001")
BUILD = Algorithm("segment_unet2d", "0.1", "ab" * 32)


def test_the_same_installation_and_build_are_the_same_device() -> None:
    assert HERE.device_uid(BUILD) == Equipment(site="north", serial="0001").device_uid(replace(BUILD))


@pytest.mark.parametrize(
    "other",
    [
        replace(BUILD, name="classify_efficientnetb0"),
        replace(BUILD, version="0.2"),
        replace(BUILD, weights_sha256="ab" * 31 + "cd"),
    ],
)
def test_another_build_is_another_device(other: Algorithm) -> None:
    assert HERE.device_uid(other) != HERE.device_uid(BUILD)


@pytest.mark.parametrize(
    "elsewhere", [replace(HERE, site="south"), replace(HERE, serial="0002"), replace(HERE, manufacturer="Other")]
)
def test_another_installation_is_another_device(elsewhere: Equipment) -> None:
    assert elsewhere.device_uid(BUILD) != HERE.device_uid(BUILD)


def test_results_are_for_research_unless_said_otherwise() -> None:
    assert HERE.qualification == "RESEARCH"
