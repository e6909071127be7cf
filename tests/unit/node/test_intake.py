"""What passes between the listener and whoever keeps instances."""

from node.intake import Answer, StoreRequest
from node.status import Status


def test_a_request_that_says_nothing_of_its_priority_is_of_medium_priority() -> None:
    request = StoreRequest("1.2.840.10008.5.1.4.1.1.4", "1.2.3", "1.2.840.10008.1.2.1", "SCANNER")

    assert request.priority == 0


def test_an_instance_that_is_ours_is_answered_without_a_reason() -> None:
    assert Answer(Status.SUCCESS, series_instance_uid="1.2").reason == ""
