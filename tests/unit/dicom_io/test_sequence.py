import pytest

from dicom_io.sequence import Acquisition, recognise


@pytest.mark.parametrize(
    ("acquisition", "sequence"),
    [
        # what the scanner states
        (Acquisition(acquisition_contrast="FLUID_ATTENUATED"), "flair"),
        (Acquisition(acquisition_contrast="T2"), "t2"),
        (Acquisition(acquisition_contrast="T1"), "t1"),
        (Acquisition(acquisition_contrast="T1", contrast_agent="Gadobutrol"), "t1c"),
        (Acquisition(acquisition_contrast="DIFFUSION"), "other"),
        (Acquisition(acquisition_contrast="T2_STAR", names=("T2",)), "other"),
        (Acquisition(acquisition_contrast="UNKNOWN", names=("T2 TSE",)), "t2"),
        # inversion
        (Acquisition(inversion_time=2500, echo_time=100, repetition_time=9000, scanning_sequence=("IR",)), "flair"),
        (Acquisition(inversion_time=2200, echo_time=394, repetition_time=6000), "flair"),
        (Acquisition(inversion_time=900, echo_time=3.2, repetition_time=2300), "t1"),
        (Acquisition(inversion_time=160, echo_time=60, repetition_time=4000), "other"),
        (Acquisition(scanning_sequence=("SE", "IR"), repetition_time=9000, echo_time=100), "other"),
        (Acquisition(scanning_sequence=("SE", "IR"), repetition_time=9000, echo_time=100, names=("FLAIR",)), "flair"),
        # timing
        (Acquisition(scanning_sequence=("SE",), repetition_time=450, echo_time=10), "t1"),
        (Acquisition(scanning_sequence=("SE",), repetition_time=4500, echo_time=100), "t2"),
        (Acquisition(scanning_sequence=("SE",), repetition_time=9000, echo_time=100, names=("T2W/FLAIR",)), "flair"),
        (Acquisition(scanning_sequence=("SE",), repetition_time=3000, echo_time=20), "other"),
        (Acquisition(scanning_sequence=("GR",), repetition_time=8, echo_time=3), "t1"),
        (Acquisition(scanning_sequence=("GR",), repetition_time=600, echo_time=20), "other"),
        (Acquisition(scanning_sequence=("EP", "SE"), repetition_time=4000, echo_time=90, names=("T2",)), "other"),
        # attributes before names
        (Acquisition(scanning_sequence=("SE",), repetition_time=450, echo_time=10, names=("AX T2",)), "t1"),
        # names
        (Acquisition(names=("sT2W/FLAIR",)), "flair"),
        (Acquisition(names=("tirm_tra_dark-fluid",)), "flair"),
        (Acquisition(names=("T1 FLAIR sag",)), "t1"),
        (Acquisition(names=("t1_mpr_ns_sag",)), "t1"),
        (Acquisition(names=("Sag MPRAGE",)), "t1"),
        (Acquisition(names=("t2_tse_tra",)), "t2"),
        (Acquisition(names=("ep2d_diff_b1000_ADC",)), "other"),
        (Acquisition(names=("T2* GRE",)), "other"),
        (Acquisition(names=("3-plane LOC",)), "other"),
        (Acquisition(image_type=("DERIVED", "PRIMARY", "ADC"), names=("T2",)), "other"),
        (Acquisition(names=("T1 T2 mapping",)), "other"),
        (Acquisition(), "other"),
    ],
)
def test_the_sequence_follows_from_attributes_and_names(acquisition: Acquisition, sequence: str) -> None:
    assert recognise(acquisition).sequence == sequence


@pytest.mark.parametrize(
    "name",
    [
        *("T1 AX POST GD", "T1 +C", "T1+C", "t1_tse_km", "T1KM", "AX T1 C+", "T1 GADO", "T1CE", "T1C", "T1W_3D_TFE_GD"),
        *("T1 AXIAL POST GAD", "T1 with contrast", "MPRAGE enhanced"),
    ],
)
def test_a_t1_named_after_its_contrast_agent_is_t1c(name: str) -> None:
    assert recognise(Acquisition(names=(name,))).sequence == "t1c"


@pytest.mark.parametrize(
    "name", ["T1 AXIAL PRE GAD", "T1 w/o contrast", "T1 without contrast", "t1_nativ", "T1 posterior fossa", "T1 cor"]
)
def test_a_t1_named_before_contrast_agent_or_not_at_all_is_t1(name: str) -> None:
    assert recognise(Acquisition(names=(name,))).sequence == "t1"


@pytest.mark.parametrize("agent", ["", "NO", "none", " "])
def test_an_agent_that_says_there_was_none_is_none(agent: str) -> None:
    assert recognise(Acquisition(names=("T1",), contrast_agent=agent)).sequence == "t1"


def test_an_agent_does_not_change_what_is_not_t1() -> None:
    assert recognise(Acquisition(names=("FLAIR",), contrast_agent="Gadobutrol")).sequence == "flair"


def test_the_rule_gives_the_numbers_it_went_by() -> None:
    recognition = recognise(Acquisition(inversion_time=2500, echo_time=100))

    assert recognition.rule == "TI 2500 ms, TE 100 ms: fluid attenuated"
