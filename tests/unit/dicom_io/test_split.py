from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from support.builders import make_slices, set_all

from dicom_io.attributes import FrameAttributes
from dicom_io.errors import MissingSlices, MixedGeometry
from dicom_io.header import Frame, read_frames
from dicom_io.split import Group, kinds, split, stacks


class Slices:
    """Data sets of one slice each, by the path their frames claim to be from."""

    def __init__(self, *slices: Dataset) -> None:
        self.datasets = {Path(f"{number}.dcm"): slice_ for number, slice_ in enumerate(slices)}
        self.frames = [read_frames(dataset, path)[0] for path, dataset in self.datasets.items()]

    def attributes(self, frame: Frame) -> FrameAttributes:
        return FrameAttributes(self.datasets[frame.source.path], 0, frame.source.path.name)

    def split(self, same: Callable[[Frame, Frame], bool] = lambda _one, _other: False) -> tuple[Group, ...]:
        return split(self.frames, self.attributes, same)


def labels(groups: tuple[Group, ...]) -> list[tuple[str, int]]:
    return [(group.label, len(group.frames)) for group in groups]


def test_a_slice_at_each_place_is_one_group_without_a_label() -> None:
    slices = make_slices()

    (group,) = Slices(*slices[::-1]).split()

    assert (group.label, group.time_points) == ("", 1)
    assert [frame.source.path.stem for frame in group.frames] == ["4", "3", "2", "1", "0"]


def test_values_that_vary_from_slice_to_slice_split_nothing() -> None:
    slices = [set_all(s, EchoTime=10 + k, AcquisitionNumber=k) for k, s in enumerate(make_slices())]

    assert labels(Slices(*slices).split()) == [("", 5)]


@pytest.mark.parametrize(
    ("one", "other", "expected", "time_points"),
    [
        ({"EchoTime": 90}, {"EchoTime": 20}, ["echo 1 (20 ms)", "echo 2 (90 ms)"], 1),
        ({"DiffusionBValue": 1000.0}, {"DiffusionBValue": 0.0}, ["b-value 1 (0)", "b-value 2 (1000)"], 1),
        ({"DiffusionBValue": 50.0}, {}, ["b-value 1 (not stated)", "b-value 2 (50)"], 1),
        ({"InversionTime": 900}, {"InversionTime": 400}, ["inversion time 1 (400 ms)", "inversion time 2 (900 ms)"], 1),
        (
            {"TemporalPositionIdentifier": 1},
            {"TemporalPositionIdentifier": 2},
            ["time point 1 (1)", "time point 2 (2)"],
            2,
        ),
        ({"ContrastBolusAgent": "Gadovist"}, {}, ["contrast agent 1 (not stated)", "contrast agent 2 (Gadovist)"], 1),
        ({"TriggerTime": 0}, {"TriggerTime": 350.5}, ["trigger delay 1 (0 ms)", "trigger delay 2 (350.5 ms)"], 2),
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, ["acquisition 1 (1)", "acquisition 2 (2)"], 2),
    ],
)
def test_different_slices_at_one_place_are_split_by_what_tells_them_apart(
    one: dict[str, object], other: dict[str, object], expected: list[str], time_points: int
) -> None:
    slices = Slices(*make_slices(**one), *make_slices(**other))

    groups = slices.split()

    assert labels(groups) == [(label, 5) for label in expected]
    assert {group.time_points for group in groups} == {time_points}


def test_echoes_at_several_times_are_split_by_both() -> None:
    slices = [
        slice_
        for echo in (20, 90)
        for time in (1, 2, 3)
        for slice_ in make_slices(EchoTime=echo, TemporalPositionIdentifier=time)
    ]

    groups = Slices(*slices).split()

    assert len(groups) == 6
    assert groups[5].label == "echo 2 (90 ms), time point 3 (3)"
    assert {group.time_points for group in groups} == {3}


def test_repeats_whose_slices_each_have_their_own_time_are_split_by_the_order_at_each_place() -> None:
    first = [set_all(s, AcquisitionTime=f"10150{k}", AcquisitionDateTime=None) for k, s in enumerate(make_slices())]
    second = [set_all(s, AcquisitionTime=f"10160{k}", AcquisitionDateTime=None) for k, s in enumerate(make_slices())]

    groups = Slices(*second, *first).split()

    assert labels(groups) == [("time point 1", 5), ("time point 2", 5)]
    assert {frame.source.path.stem for frame in groups[0].frames} == {"5", "6", "7", "8", "9"}


def test_copies_are_dropped_and_differing_slices_without_a_telling_attribute_are_refused() -> None:
    slices = Slices(*make_slices(), make_slices()[2])

    assert labels(slices.split(same=lambda _one, _other: True)) == [("", 5)]
    with pytest.raises(
        MissingSlices, match=r"6 slices, and 2 different ones at one position \(.*\) mm; no attribute sorts"
    ):
        slices.split(same=lambda _one, _other: False)


@pytest.mark.parametrize(
    "packages",
    [
        [{"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}],
        [{"AcquisitionTime": "101500"}, {"AcquisitionTime": "101800"}],
        [{"RepetitionTime": 550}, {"RepetitionTime": 554}],
    ],
)
def test_slices_acquired_in_packages_stay_one_volume_though_one_of_them_was_sent_twice(
    packages: list[dict[str, object]],
) -> None:
    slices = [set_all(s, AcquisitionDateTime=None, **packages[k % 2]) for k, s in enumerate(make_slices())]
    again = set_all(make_slices()[2], AcquisitionDateTime=None, **packages[0])

    same = Slices(*slices, again).split(same=lambda _one, _other: True)
    whole_again = Slices(*slices, *slices).split(same=lambda _one, _other: True)

    assert labels(same) == labels(whole_again) == [("", 5)]
    with pytest.raises(MissingSlices, match="no attribute sorts them"):
        Slices(*slices, again).split(same=lambda _one, _other: False)


def test_repeats_of_slices_acquired_in_packages_are_split_by_the_repeat() -> None:
    slices = [
        set_all(s, RepetitionTime=550 + 4 * (k % 2), TemporalPositionIdentifier=time)
        for time in (1, 2)
        for k, s in enumerate(make_slices())
    ]

    assert labels(Slices(*slices).split()) == [("time point 1 (1)", 5), ("time point 2 (2)", 5)]


def test_an_incomplete_repeat_does_not_split_the_complete_one() -> None:
    slices = [*make_slices(TemporalPositionIdentifier=1), *make_slices(TemporalPositionIdentifier=2)[:3]]

    assert labels(Slices(*slices).split()) == [("time point 1 (1)", 5), ("time point 2 (2)", 3)]


def test_one_slice_acquired_again_is_no_second_time_point() -> None:
    repeated = set_all(make_slices()[2], AcquisitionDateTime="20260110111500")
    slices = [set_all(s, AcquisitionDateTime=f"2026011010150{k}") for k, s in enumerate(make_slices())]

    with pytest.raises(MissingSlices, match="no attribute sorts them"):
        Slices(*slices, repeated).split()


def test_magnitude_and_phase_are_two_kinds() -> None:
    magnitude = make_slices(ImageType=["ORIGINAL", "PRIMARY", "M"])
    slices = Slices(*magnitude, *make_slices(ImageType=["ORIGINAL", "PRIMARY", "P"]))

    found = list(kinds(slices.frames, slices.attributes))

    assert [(label, len(frames)) for label, frames in found] == [
        ("image type 1 (ORIGINAL PRIMARY M)", 5),
        ("image type 2 (ORIGINAL PRIMARY P)", 5),
    ]


def test_image_types_that_share_no_place_are_one_kind() -> None:
    slices = make_slices(ImageType=["ORIGINAL", "PRIMARY", "M"])
    slices[2].ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM"]
    together = Slices(*slices)

    ((label, frames),) = kinds(together.frames, together.attributes)

    assert (label, len(frames)) == ("", 5)


def test_stacks_are_kept_apart_and_named_when_there_are_several() -> None:
    slices = Slices(*make_slices())
    one, two = slices.frames[:3], slices.frames[3:]
    numbered = [*(_in_stack(f, "1") for f in one), *(_in_stack(f, "2") for f in two)]

    assert [(label, len(frames)) for label, frames in stacks(numbered)] == [("stack 1", 3), ("stack 2", 2)]
    assert [label for label, _ in stacks(numbered[:3])] == [""]


def test_volumes_of_different_matrix_in_one_series_are_refused_only_where_they_are_one_group() -> None:
    def small(echo: int) -> list[Dataset]:
        return make_slices(EchoTime=echo, Rows=10, Columns=12)

    different_echoes = Slices(*make_slices(EchoTime=90), *small(20))
    one_echo = Slices(*make_slices(EchoTime=90)[:3], *small(90)[3:])

    assert len(different_echoes.split()) == 2
    with pytest.raises(MixedGeometry, match="10 x 12, 12 x 10"):
        one_echo.split()


def _in_stack(frame: Frame, name: str) -> Frame:
    return Frame(**{field: getattr(frame, field) for field in Frame.__slots__} | {"stack": name})


def test_the_answer_does_not_depend_on_the_order_of_the_files() -> None:
    slices = [*make_slices(EchoTime=20), *make_slices(EchoTime=90)]
    order = np.random.default_rng(1).permutation(10)

    ordered, shuffled = Slices(*slices).split(), Slices(*(slices[k] for k in order)).split()

    assert labels(ordered) == labels(shuffled)
    assert [[f.position for f in g.frames] for g in ordered] == [[f.position for f in g.frames] for g in shuffled]
