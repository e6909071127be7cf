"""The DIMSE statuses, by name and by what they mean to a sender."""

import pytest
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from node.status import Status, is_stored


@pytest.mark.parametrize("status", Status)
def test_every_status_we_answer_with_is_one_of_the_storage_service(status: Status) -> None:
    category, _ = STORAGE_SERVICE_CLASS_STATUS[status]

    assert category == ("Success" if status is Status.SUCCESS else "Failure")


@pytest.mark.parametrize("status", [0x0000, 0xB000, 0xB006, 0xB007])
def test_success_and_warnings_mean_that_the_instance_was_kept(status: int) -> None:
    assert is_stored(status)


@pytest.mark.parametrize("status", [0x0110, 0x0122, 0x0124, 0xA700, 0xA900, 0xC000, 0xC210, 0xFE00])
def test_failures_mean_that_the_sender_must_keep_the_instance(status: int) -> None:
    assert not is_stored(status)
