from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from support.builders import change, make_slices, write_multiframe

from dicom_io.attributes import FrameAttributes
from dicom_io.errors import UnreadableFile


def of(dataset: Dataset, frame: int = 0) -> FrameAttributes:
    return FrameAttributes(dataset, frame, "0001.dcm")


def item(**attributes: object) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def test_the_frames_own_group_comes_before_the_shared_one_before_the_data_set(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_multiframe(tmp_path / "e.dcm"))
    dataset.RepetitionTime = 1
    dataset.SharedFunctionalGroupsSequence[0].MRTimingAndRelatedParametersSequence[0].RepetitionTime = 2
    dataset.PerFrameFunctionalGroupsSequence[3].MRTimingAndRelatedParametersSequence = [item(RepetitionTime=3)]

    assert of(dataset, 3).number("RepetitionTime") == 3
    assert of(dataset, 2).number("RepetitionTime") == 2
    del dataset.SharedFunctionalGroupsSequence[0].MRTimingAndRelatedParametersSequence
    assert of(dataset, 2).number("RepetitionTime") == 1


def test_attributes_that_a_legacy_conversion_could_not_place_are_found(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_multiframe(tmp_path / "e.dcm"))
    dataset.PerFrameFunctionalGroupsSequence[1].UnassignedPerFrameConvertedAttributesSequence = [item(EchoNumbers=2)]
    dataset.SharedFunctionalGroupsSequence[0].UnassignedSharedConvertedAttributesSequence = [item(EchoNumbers=1)]

    assert [of(dataset, frame).number("EchoNumbers") for frame in (0, 1)] == [1, 2]


def test_a_hint_that_is_nonsense_is_nothing(tmp_path: Path) -> None:
    dataset = make_slices()[0]
    dataset.add_new("EchoTime", "LO", "soon")
    dataset.add_new("InversionTime", "FD", float("inf"))
    dataset.add_new("FlipAngle", "DS", None)

    assert of(dataset).number("EchoTime", "InversionTime", "FlipAngle", "EchoTrainLength") == 16


def test_a_text_of_several_values_is_joined_and_an_empty_one_is_passed_over() -> None:
    dataset = make_slices()[0]
    dataset.ProtocolName, dataset.ImageType = "", ["ORIGINAL", "", "M "]

    assert of(dataset).text("ProtocolName", "ImageType") == "ORIGINAL M"
    assert of(dataset).texts("ImageType") == ("ORIGINAL", "M")
    assert of(dataset).text("ImageComments") == ""


@pytest.mark.parametrize("value", [None, [1, 2], [1, 2, 3, 4]])
def test_what_geometry_needs_is_refused_when_it_is_missing_or_of_another_count(value: object) -> None:
    dataset = make_slices(ImagePositionPatient=value)[0]

    with pytest.raises(UnreadableFile, match=r"ImagePositionPatient of 0001\.dcm is"):
        of(dataset).require("ImagePositionPatient", 3)


def test_a_default_is_for_the_missing_only() -> None:
    dataset = make_slices()[0]
    dataset.add_new("RescaleSlope", "LO", "steep")

    assert of(dataset).require("RescaleIntercept", default=(0.0,)) == (0.0,)
    with pytest.raises(UnreadableFile, match="is not a number"):
        of(dataset).require("RescaleSlope", default=(1.0,))


def test_a_private_attribute_is_found_by_its_creator(tmp_path: Path) -> None:
    dataset = make_slices()[0]
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", 1000)

    assert of(dataset).private(0x0019, "SIEMENS MR HEADER", 0x0C) == ("1000",)
    assert of(dataset).private(0x0019, "SOMEBODY ELSE", 0x0C) == ()


def test_what_should_be_a_sequence_and_is_none_has_no_items(tmp_path: Path) -> None:
    path = change(write_multiframe(tmp_path / "e.dcm"), AnatomicRegionSequence=[])
    dataset = pydicom.dcmread(path)
    dataset.add_new("ContrastBolusAgentSequence", "LO", "gadolinium")

    assert list(of(dataset).items("ContrastBolusAgentSequence")) == []
    assert list(of(dataset).items("AnatomicRegionSequence")) == []
