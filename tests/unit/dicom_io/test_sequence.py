import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_io.names import fold
from dicom_io.sequence import Acquisition, recognise


def mr(*names: str, kinds: str = "", tr: float | None = None, te: float | None = None, **more: object) -> Acquisition:
    """Make an acquisition of what a header writes; kinds are parted by blanks as in "SE IR"."""
    fields = {"inversion_time": more.pop("ti", None), "flip_angle": more.pop("flip", None), **more}
    return Acquisition(names=names, scanning_sequence=tuple(kinds.split()), repetition_time=tr, echo_time=te, **fields)


HEADERS = {
    # FLAIR
    "flair Siemens 2D TIRM": (
        mr("t2_tirm_tra_dark-fluid", "*tir2d1_16", kinds="SE IR", tr=9000, te=89, ti=2500),
        "flair",
    ),
    "flair Siemens 3D SPACE, long effective TE": (
        mr("t2_spc_ir_sag_p2_iso", "*spcir_278ns", kinds="SE IR", tr=6000, te=394, ti=2200),
        "flair",
    ),
    "flair Siemens SPACE da-fl": (mr("t2_spc_da-fl_sag_p2_iso"), "flair"),
    "flair Siemens, description translated by the site": (mr("Dunkelflüssigkeit tra", kinds="SE IR"), "flair"),
    "flair Siemens XA, enhanced": (mr("t2_tse_dark-fluid", acquisition_contrast="FLUID_ATTENUATED"), "flair"),
    "flair GE 2D": (mr("AX T2 FLAIR", "BRAIN W WO", kinds="SE IR", tr=8800, te=120, ti=2250), "flair"),
    "flair GE CUBE": (mr("Sag CUBE T2 FLAIR", kinds="SE", tr=6300, te=117, ti=1850), "flair"),
    "flair GE propeller, research mode": (mr("AX FLAIR PROPELLER", kinds="RM", tr=9000, te=140, ti=2470), "flair"),
    "flair GE, inversion left out": (mr("Ax T2 FLAIR", kinds="SE", tr=9000, te=120), "flair"),
    "flair Philips classic": (
        mr("sT2W/FLAIR", image_type=("ORIGINAL", "PRIMARY", "M_IR", "M", "IR"), kinds="IR", tr=9000, te=100, ti=2500),
        "flair",
    ),
    "flair Philips 3D BrainVIEW": (mr("sag 3D_Brain_VIEW_FLAIR", kinds="IR", tr=4800, te=340, ti=1650), "flair"),
    "flair Philips enhanced states T2": (mr("FLAIR", acquisition_contrast="T2", tr=11000, te=125, ti=2800), "flair"),
    "flair Philips enhanced states T2, no TI": (mr("eFLAIR_longTR", acquisition_contrast="T2"), "flair"),
    "flair Canon 3D MPV": (mr("FLAIR FASE3D_mpv", kinds="SE IR", tr=7000, te=430, ti=2000), "flair"),
    "flair Canon MPIR": (mr("MPIR FLAIR Sag", kinds="IR", tr=6000, te=220, ti=1900), "flair"),
    "flair Hitachi 0.3 T": (mr("FSE FLAIR AX", kinds="IR", tr=8000, te=96, ti=1700), "flair"),
    "flair Fuji": (mr("Ax FLAIR", kinds="SE IR", tr=9000, te=100, ti=2200), "flair"),
    "flair Hyperfine 0.064 T": (
        mr(image_type=("ORIGINAL", "PRIMARY", "T2", "NONE"), kinds="SE IR", tr=4000, te=194.4, ti=1400),
        "flair",
    ),
    "flair United Imaging": (mr("t2_fse_flair_tra", kinds="SE IR", tr=8500, te=110, ti=2400), "flair"),
    "flair after the agent stays flair": (mr("AX FLAIR POST", kinds="SE IR", tr=9000, te=120, ti=2500), "flair"),
    "flair, agent recorded": (mr("FLAIR", contrast_agent="Gadovist"), "flair"),
    # T1
    "t1 Siemens spin echo": (mr("t1_se_tra", "*se2d1", kinds="SE", tr=550, te=10), "t1"),
    "t1 Siemens turbo spin echo": (mr("t1_tse_sag", "*tse2d1_3", kinds="SE", tr=600, te=9), "t1"),
    "t1 Siemens MPRAGE by the name of mpr": (
        mr("t1_mpr_ns_sag_p2_iso", "*tfl3d1_ns", kinds="GR IR", tr=1900, te=2.5, ti=900, flip=9),
        "t1",
    ),
    "t1 Siemens MPRAGE, nothing but the sequence name": (mr("sag iso", "*tfl3d1_16ns"), "t1"),
    "t1 Siemens MPRAGE, TI missing": (mr("mprage", kinds="GR", tr=2300, te=3, flip=9), "t1"),
    "t1 Siemens MP2RAGE, uniform image": (mr("mp2rage_sag_UNI-DEN", kinds="GR IR", tr=5000, te=2.9, ti=700), "t1"),
    "other Siemens MP2RAGE, second inversion": (
        mr("mp2rage_sag_INV2", kinds="GR IR", tr=5000, te=2.9, ti=2500),
        "other",
    ),
    "t1 Siemens dark fluid": (mr("t1_tirm_tra_dark-fluid", kinds="SE IR", tr=2000, te=9, ti=860), "t1"),
    "t1 Siemens VIBE": (mr("t1_vibe_tra", "*fl3d1_vibe", kinds="GR", tr=4.1, te=1.5, flip=12), "t1"),
    "t1 Siemens FLASH": (mr("t1_fl2d_tra", "*fl2d1", kinds="GR", tr=250, te=2.5, flip=70), "t1"),
    "t1 Siemens SPACE": (mr("t1_spc_sag", "*spc_38", kinds="SE", tr=700, te=12), "t1"),
    "t1 GE FLAIR": (mr("Sag T1 FLAIR", kinds="SE IR", tr=2500, te=24, ti=860), "t1"),
    "t1 GE FLAIR, inversion left out": (mr("Sag T1 FLAIR", kinds="SE", tr=2500, te=24), "t1"),
    "t1 GE gradient echo with TI": (
        mr(kinds="GR", tr=8.9, te=3.164, ti=900, sequence_variant=("SS", "SP", "SK")),
        "t1",
    ),
    "t1 GE BRAVO, TI 400": (mr("Ax BRAVO", "BRAIN", "EFGRE3D", kinds="GR", tr=8.2, te=3.2, ti=400, flip=12), "t1"),
    "t1 GE IR-FSPGR, short TI": (mr("3D IR-FSPGR", kinds="GR", tr=9, te=2, ti=250, flip=15), "t1"),
    "t1 GE CUBE": (mr("Ax T1 CUBE", kinds="SE", tr=600, te=15), "t1"),
    "t1 Philips spin echo": (mr("T1/SE/extrp", "T1/SE/extrp CLEAR", kinds="SE", tr=449.999, te=10), "t1"),
    "t1 Philips 3D TFE, TE half of TR": (mr("sT1W_3D_TFE", kinds="GR", tr=8.2, te=3.8, flip=8), "t1"),
    "t1 Philips IR-TSE": (mr("T1W_IR_TSE", kinds="IR", tr=3200, te=15, ti=400), "t1"),
    "t1 Philips enhanced": (mr("T1W_SE", acquisition_contrast="T1"), "t1"),
    "t1 Canon field echo": (mr("T1 3D FFE", "FE3D", kinds="GR", tr=12, te=5, flip=20), "t1"),
    "t1 Hitachi": (mr("T1WI SE AX", kinds="SE", tr=450, te=15), "t1"),
    "t1 Hyperfine, inverted spin echo": (mr(kinds="SE IR", tr=1500, te=6, ti=300), "t1"),
    "t1 PMOD, research mode": (mr(kinds="RM", tr=6.2, te=3.4), "t1"),
    "t1 United Imaging": (mr("t1_gre_fsp_3d_sag", kinds="GR", tr=7.2, te=3.1, flip=10), "t1"),
    "t1 French": (mr("Axial pondéré T1", kinds="SE", tr=500, te=12), "t1"),
    "t1 Spanish": (mr("Sagital potenciado en T1"), "t1"),
    "t1 glued plane": (mr("SAGT1", kinds="SE", tr=500, te=12), "t1"),
    "t1 attributes against the name": (mr("AX T2", kinds="SE", tr=450, te=10), "t1"),
    "t1c Siemens, named in German": (mr("t1_se_tra_KM", kinds="SE", tr=550, te=10), "t1c"),
    "t1c GE, named +C": (mr("AX T1 +C", kinds="SE", tr=600, te=12), "t1c"),
    "t1c GE, protocol of the whole examination": (mr("AX T1", "BRAIN WITH CONTRAST", kinds="SE", tr=600, te=12), "t1c"),
    "t1 GE, examination with and without": (mr("AX T1", "BRAIN W WO CONTRAST", kinds="SE", tr=600, te=12), "t1"),
    "t1c Philips, agent recorded": (mr("T1W_SE", kinds="SE", tr=550, te=10, contrast_agent="Dotarem 15 ml"), "t1c"),
    "t1c enhanced, frame flavour": (
        mr("T1", acquisition_contrast="T1", image_type=("ORIGINAL", "PRIMARY", "POST_CONTRAST", "NONE")),
        "t1c",
    ),
    "t1c by a trace of the injection": (mr("T1", agent_traces=("ContrastBolusVolume 15",)), "t1c"),
    "t1 by a trace of no injection": (mr("T1", agent_traces=("ContrastBolusVolume 0",)), "t1"),
    "t1 named native against the agent": (mr("t1_se_tra_nativ", contrast_agent="Gadovist"), "t1"),
    "t1 Spanish without": (mr("AX T1 sin contraste", contrast_agent="GADOLINIO"), "t1"),
    # published headers, https://github.com/neurolabusc dcm_qa
    "t1 United Imaging uMR 770": (
        mr("t1_gre_fsp_3d_sag", "t1_gre_fsp_3d_sag", "gre_fsp", kinds="GR IR", tr=7.25, te=3.1, ti=750, flip=10),
        "t1",
    ),
    "t1 GE SIGNA Architect MPRAGE, research mode": (
        mr(
            "MPRAGE_P2S1H1.24",
            "Brain Advanced Sequences",
            "MP-RAGE",
            kinds="RM IR",
            tr=2427.9,
            te=2.228,
            ti=1000,
            flip=8,
        ),
        "t1",
    ),
    "flair GE Discovery MR750, fat saturated": (
        mr("Ax T2 FLAIR FS DL High", "Brain Routine", "fse-xl", kinds="SE IR", tr=10000, te=132.96, ti=2569.99),
        "flair",
    ),
    "t1 Philips Ingenia MPRAGE, enhanced": (
        mr(
            *("ADNI_Sag3D MPRAGE", "WIP ADNI_Sag3D MPRAGE", "T1TFE"),
            image_type=("ORIGINAL", "PRIMARY", "T1", "NONE"),
            kinds="GR",
            tr=6.501,
            te=2.93,
            flip=9,
        ),
        "t1",
    ),
    "t1 Philips Achieva, magnitude and phase in one object": (
        mr(
            "AnatBrain_T1W3D",
            image_type=("ORIGINAL", "PRIMARY", "T1", "MIXED"),
            kinds="GR",
            tr=8.0286,
            te=4.605,
            flip=8,
        ),
        "t1",
    ),
    "t1 Siemens Sola XA51 SPACE": (mr("t1_space_sag_cs4", "*spcR_42ns", kinds="SE", tr=700, te=11, flip=120), "t1"),
    "t2 Siemens Sola XA51": (mr("t2_tse_tra_p2 DR off", "*tse2d1_17", kinds="SE", tr=8230, te=95, flip=150), "t2"),
    "t1 Philips Ingenia FFE": (mr("T1W_FFE_Sno_CS2", "FFE", kinds="GR", tr=256.445, te=3.568, flip=80), "t1"),
    "other Philips Achieva B0, stated T1": (
        mr("B0 NS", image_type=("ORIGINAL", "PRIMARY", "T1", "MIXED"), kinds="RM", tr=3.8045, te=1.52, flip=12),
        "other",
    ),
    "other Siemens XA30 field mapping": (
        mr("gre_field_mapping", "*fm2d2r", kinds="GR", tr=600, te=10, flip=90, sequence_variant=("SP",)),
        "other",
    ),
    # T2
    "t2 Siemens turbo spin echo": (mr("t2_tse_tra_512", "*tse2d1_15", kinds="SE", tr=6000, te=100), "t2"),
    "t2 Siemens SPACE": (mr("t2_spc_sag_iso", "*spc_282", kinds="SE", tr=3200, te=408), "t2"),
    "t2 Siemens HASTE": (mr("haste tra", kinds="SE", tr=1500, te=90), "t2"),
    "t2 GE FSE": (mr("AX T2 FSE", "BRAIN", "FSE", kinds="SE", tr=4500, te=102), "t2"),
    "t2 GE propeller, research mode": (mr("AX T2 PROPELLER", kinds="RM", tr=6000, te=110), "t2"),
    "t2 Philips TSE, name dropped": (mr(kinds="SE", tr=3000, te=90), "t2"),
    "t2 Philips DRIVE": (mr("T2W_DRIVE", kinds="SE", tr=1500, te=250), "t2"),
    "t2 Philips, SPAIR delay in Inversion Time": (
        mr("T2W_TSE_SPAIR", kinds="SE", tr=4000, te=90, ti=110, scan_options=("FS",)),
        "t2",
    ),
    "t2 enhanced": (mr("* T2 FSE AXIAL", acquisition_contrast="T2", te=83), "t2"),
    "t2 enhanced, contrast unknown": (mr("T2 TSE", acquisition_contrast="UNKNOWN"), "t2"),
    "t2 second echo of a dual echo": (mr("PD/T2 FSE", kinds="SE", tr=3000, te=90), "t2"),
    "t2 Philips, b-value 0 on anatomical images": (mr("T2W_TSE", kinds="SE", tr=3000, te=90, b_value=0.0), "t2"),
    "t2 Spanish by name": (mr("AXIAL T2 TSE"), "t2"),
    # other
    "other first echo of a dual echo": (mr("PD/T2 FSE", kinds="SE", tr=3000, te=15), "other"),
    "other proton density": (mr("pd_tse_tra", kinds="SE", tr=3000, te=20), "other"),
    "other densité de protons by name": (mr("AX DP FAT SAT"), "other"),
    "other STIR": (mr("t2_tirm_cor", kinds="SE IR", tr=4000, te=60, ti=160), "other"),
    "other STIR by name": (mr("COR STIR"), "other"),
    "other Siemens double inversion": (mr("spc_dir_sag", kinds="SE IR", tr=7500, te=320, ti=3000), "other"),
    "other inversion of unknown time": (mr(kinds="SE IR", tr=9000, te=100), "other"),
    "other T2* hemo": (mr("t2_fl2d_tra_hemo", "*fl2d1", kinds="GR", tr=800, te=26, flip=20), "other"),
    "other T2* short TE, low flip angle": (mr(kinds="GR", tr=600, te=10, flip=20), "other"),
    "other T2* French": (mr("AX T2 EG"), "other"),
    "other T2* enhanced": (mr("T2", acquisition_contrast="T2_STAR"), "other"),
    "other T2 MEDIC gradient echo": (mr("t2_me2d", kinds="GR", tr=500, te=12), "other"),
    "other Siemens SWI": (mr("SWI_Images", "*swi3d1r", kinds="GR", tr=28, te=20), "other"),
    "other GE SWAN": (mr("Ax SWAN", kinds="GR", tr=40, te=25), "other"),
    "other Philips SWIp": (mr("SWIp", kinds="GR", tr=31, te=7.2), "other"),
    "other Siemens TOF with the timing of a T1": (
        mr("TOF_3D_multi-slab", "*fi3d1r", kinds="GR", tr=22, te=3.4),
        "other",
    ),
    "other phase contrast MRV": (mr("MRV PC3D", kinds="GR", tr=20, te=5), "other"),
    "other Siemens CISS": (mr("t2_ci3d_tra", "*ci3d1r", kinds="GR", tr=6, te=2.7, flip=70), "other"),
    "other GE FIESTA-C": (mr("Ax FIESTA-C", kinds="GR", tr=5.5, te=1.5), "other"),
    "other balanced, unnamed": (mr(kinds="GR", tr=5, te=2.5, flip=60, sequence_variant=("SS", "SK")), "other"),
    "t1 spoiled, TE half of TR": (mr(kinds="GR", tr=5, te=2.5, flip=60, sequence_variant=("SP",)), "t1"),
    "other diffusion": (mr("ep2d_diff_3scan_trace_p2", "*ep_b1000", kinds="EP SE", tr=4000, te=90), "other"),
    "other echo planar named T2": (mr("T2", kinds="EP SE", tr=4000, te=90), "other"),
    "other ADC map": (mr("T2", image_type=("DERIVED", "PRIMARY", "ADC")), "other"),
    "other b-value alone": (mr(kinds="SE", tr=4000, te=90, b_value=1000), "other"),
    "other field map with the timing of a T1": (mr("gre_field_mapping", "*fm2d2r", kinds="GR", tr=400, te=5), "other"),
    "other mapping": (mr("T1 T2 mapping"), "other"),
    "other subtraction": (mr("T1 SUB POST-PRE", kinds="SE", tr=550, te=10), "other"),
    "other T10, a vertebra": (mr("T10"), "other"),
    "other nothing known": (mr(), "other"),
    "other names of converters": (mr("dicom2nifti"), "other"),
}


@pytest.mark.parametrize(("acquisition", "sequence"), HEADERS.values(), ids=HEADERS.keys())
def test_the_sequence_follows_from_attributes_and_names(acquisition: Acquisition, sequence: str) -> None:
    recognition = recognise(acquisition)

    assert recognition.sequence == sequence, recognition
    assert recognition.rules


@pytest.mark.parametrize(
    ("acquisition", "confidence"),
    [
        (mr("FLAIR", acquisition_contrast="FLUID_ATTENUATED"), 0.99),
        (mr(acquisition_contrast="FLUID_ATTENUATED"), 0.95),
        (mr("t2_tirm", te=100, ti=2500), 0.99),
        (mr(te=100, ti=2500), 0.9),
        (mr("T2", kinds="SE", tr=4000, te=100), 0.9),
        (mr(kinds="SE", tr=4000, te=100), 0.8),
        (mr("FLAIR", kinds="SE", tr=9000, te=100), 0.75),
        (mr("T2"), 0.6),
        (mr("T2", te=100, ti=2500), 0.5),
        (mr("T1", kinds="SE", tr=4000, te=100), 0.4),
        (mr("T2", acquisition_contrast="T1"), 0.55),
        (mr(), 0.3),
        (mr("T1 KM", acquisition_contrast="T1", contrast_agent="Dotarem"), 0.99),
        (mr("T1 KM", acquisition_contrast="T1"), 0.95),
        (mr("T1", acquisition_contrast="T1", contrast_agent="Dotarem"), 0.8),
        (mr("T1 PRE", acquisition_contrast="T1", contrast_agent="Dotarem"), 0.7),
        (mr("T1", "BRAIN WITH CONTRAST", acquisition_contrast="T1"), 0.6),
    ],
)
def test_the_confidence_is_that_of_the_documented_scale(acquisition: Acquisition, confidence: float) -> None:
    assert recognise(acquisition).confidence == confidence


def test_the_rules_give_the_numbers_they_went_by() -> None:
    recognition = recognise(mr("FLAIR", te=100, ti=2500))

    assert recognition.rules == ("TI 2500 ms, TE 100 ms: fluid attenuated", "named FLAIR: agrees")


def test_a_contradiction_is_in_the_rules() -> None:
    recognition = recognise(mr("AX T2", kinds="SE", tr=450, te=10))

    assert recognition.rules == (
        "spin echo, TR 450 ms, TE 10 ms",
        "named T2: contradicts, the attributes count",
    )


@pytest.mark.parametrize(
    "agent", ["", "NO", "none", " ", "N/A", "0", "0.0", "kein", "KEIN KM", "ohne", "Sin contraste", "no contrast", "--"]
)
def test_an_agent_that_says_there_was_none_is_none(agent: str) -> None:
    recognition = recognise(mr("T1", contrast_agent=agent))

    assert recognition.sequence == "t1"
    assert not recognition.agent


@pytest.mark.parametrize("agent", ["Gadovist", "YES", "Y", "GADOBUTROL 1.0 mmol/ml", "15ml Dotarem", "MAGNEVIST", "Gd"])
def test_any_other_agent_is_one_and_is_passed_on_for_every_sequence(agent: str) -> None:
    assert recognise(mr("T1", contrast_agent=agent)).sequence == "t1c"
    assert recognise(mr("T2", contrast_agent=agent)).agent == agent


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (mr(kinds="SE", tr=449.999, te=10.0), mr(kinds="SE", tr=450.0, te=10.2)),
        (mr(kinds="SE", tr=550, te=14.0000076), mr(kinds="SE", tr=554, te=14)),
        (mr(kinds="GR IR", tr=2300, te=2.98, ti=900), mr(kinds="IR GR", tr=2310, te=3.0, ti=899.9)),
        (mr("T1", kinds="SE", tr=550, te=10), mr("T1 FS +C", kinds="SE", tr=550, te=10, scan_options=("FS",))),
    ],
)
def test_a_repeat_after_the_agent_has_the_same_timing(first: Acquisition, second: Acquisition) -> None:
    assert first.timing == second.timing


@pytest.mark.parametrize(
    ("acquisition", "timing"),
    [
        (mr(kinds="SE", tr=550, te=10), "SE TR 550 TE 10"),
        (mr(kinds="GR IR", tr=2300, te=2.98, ti=900), "GR IR TR 2300 TE 3 TI 900"),
        (mr(kinds="GR", tr=8.21, te=3.8), "GR TR 8.2 TE 4"),
        (mr(kinds="SE", tr=math.nan, te=-1, ti=0), "SE"),
        (mr(), ""),
    ],
)
def test_the_timing_says_how_it_was_acquired(acquisition: Acquisition, timing: str) -> None:
    assert acquisition.timing == timing


def test_different_timing_is_told_apart() -> None:
    assert mr(kinds="SE", tr=400, te=14).timing != mr(kinds="SE", tr=450, te=20).timing


_NUMBERS = st.none() | st.floats()
_TEXTS = st.lists(st.text(max_size=80) | st.sampled_from(["T1 +C", "FLAIR", "EP", "IR", "GR", "SE"]), max_size=4).map(
    tuple
)


@given(
    st.builds(
        Acquisition,
        names=_TEXTS,
        image_type=_TEXTS,
        scanning_sequence=_TEXTS,
        scan_options=_TEXTS,
        acquisition_contrast=st.text(max_size=20) | st.sampled_from(["T1", "T2"]),
        repetition_time=_NUMBERS,
        echo_time=_NUMBERS,
        inversion_time=_NUMBERS,
        flip_angle=_NUMBERS,
        b_value=_NUMBERS,
        contrast_agent=st.text(max_size=40),
        agent_traces=_TEXTS,
    )
)
def test_no_header_is_too_strange_to_be_judged(acquisition: Acquisition) -> None:
    recognition = recognise(acquisition)

    assert recognition.sequence in ("flair", "t1", "t1c", "t2", "other")
    assert 0 < recognition.confidence <= 1
    assert all(recognition.rules)
    assert isinstance(acquisition.timing, str)


@given(st.sampled_from(["T1 après injection", "t2_tirm_tra_dark-fluid", "Sin contraste T1", "COR STIR"]))
def test_the_case_of_a_name_does_not_matter(name: str) -> None:
    assert fold(name.upper()) == fold(name.lower())
    assert recognise(mr(name.upper())) == recognise(mr(name.lower()))
