from datetime import UTC, datetime, timedelta, timezone

import pytest

from db.columns import Inputs, Sentences, Text, Time, UidSet
from db.records import JobInput


def test_times_sort_as_text_also_without_microseconds() -> None:
    whole = Time().written(datetime(2025, 3, 1, 12, 0, 0, tzinfo=UTC))
    later = Time().written(datetime(2025, 3, 1, 12, 0, 0, 1, tzinfo=UTC))

    assert whole < later


def test_times_are_written_in_utc_and_come_back_exact() -> None:
    vienna = timezone(timedelta(hours=1))
    time = datetime(2025, 3, 1, 0, 30, 0, 123456, tzinfo=vienna)

    assert Time().written(time) == "2025-02-28T23:30:00.123456+00:00"
    assert Time().read(Time().written(time)) == time


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        Time().written(datetime(2025, 3, 1))


def test_of_a_text_only_what_no_database_takes_is_replaced() -> None:
    assert Text().written("FLAIR é \U0001f9e0 \\ '") == "FLAIR é \U0001f9e0 \\ '"
    assert Text().written("a\0b\udce9") == "a\N{REPLACEMENT CHARACTER}b?"


def test_the_same_uids_are_the_same_text_whatever_their_order() -> None:
    assert UidSet().written(("1.2", "1.1", "1.2")) == UidSet().written(("1.1", "1.2")) == "1.1\\1.2"
    assert UidSet().read("1.1\\1.2") == ("1.1", "1.2")


def test_inputs_and_sentences_keep_their_order_and_what_headers_say() -> None:
    inputs = (JobInput("t1", "1.2", "stack \udce9"), JobInput("flair", "1.1"))
    sentences = ("second \0", "first")

    assert Inputs().read(Inputs().written(inputs)) == inputs
    assert Sentences().read(Sentences().written(sentences)) == sentences
    assert Inputs().written(inputs).isascii()
