"""A folder is planned as a study that has just been received and of which nothing more will come."""

from collections.abc import Sequence
from pathlib import Path

from support.builders import write_series
from support.records import candidate

from dicom_io.candidate import Candidate
from dicom_io.errors import NotEligible
from dicom_io.survey import Refusal, Survey, survey
from inference.card import Input
from node.decision import Need
from node.inspect.folder import FoundSeries, contents
from node.inspect.look import inspect_series

SEGMENT = Need("segment", (Input(("flair",)),))
SUBTYPE = Need("subtype", (Input(("flair",)), Input(("t2",))))


def found(study: str, uid: str) -> FoundSeries:
    return FoundSeries(study, uid, "7", "FLAIR AX", (Path(uid),))


def surveyor(paths: Sequence[Path]) -> Survey:
    """Answer by the name of the only file: a FLAIR, but for what cannot be read or cannot be reached."""
    name = paths[0].name
    if name == "gone":
        raise FileNotFoundError(2, "No such file or directory")
    offer = Candidate(series_instance_uid="", reason="cut off") if name == "cut" else candidate(name)
    return Survey("", "", "", (), (Refusal(offer, NotEligible(offer.reason)),))


def test_each_study_is_planned_by_itself() -> None:
    series = [found("1", "1.1"), found("1", "1.2"), found("2", "2.1")]

    one, two = inspect_series(series, [SEGMENT], surveyor)

    assert [study.study_instance_uid for study in (one, two)] == ["1", "2"]
    users = [one.planned.users(volume) for item in one.series for volume in one.volumes(item)]
    assert users == [("segment",), ()]
    assert two.planned.users(two.volumes(series[2])[0]) == ("segment",)


def test_no_model_waits() -> None:
    (study,) = inspect_series([found("1", "1.1")], [SUBTYPE], surveyor)

    assert study.lacking == {"subtype": "lacks T2"}


def test_what_cannot_be_read_keeps_its_series_its_name_and_the_reason() -> None:
    series = [found("1", "cut"), found("1", "gone")]

    (study,) = inspect_series(series, [SEGMENT], surveyor)

    assert [study.volumes(one)[0].reason for one in series] == [
        "cut off",
        "cannot be read: No such file or directory",
    ]
    assert study.volumes(series[0])[0].name == "series 7 FLAIR AX"


def test_real_files_are_surveyed(tmp_path: Path) -> None:
    write_series(tmp_path)

    (study,) = inspect_series(contents(tmp_path).series, [SEGMENT], survey)

    (volume,) = study.volumes(study.series[0])
    assert (volume.sequence, study.planned.users(volume)) == ("flair", ("segment",))
