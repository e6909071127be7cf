import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_io.names import (
    agent_said,
    derivation_said,
    first_said,
    fold,
    image_type_said,
    names_agent,
    names_injection,
    sequence_said,
)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("t1_mpr_ns_sag", "T1 MPR NS SAG"),
        ("Axial pondéré T1 après", "AXIAL PONDERE T1 APRES"),
        ("Dunkelflüssigkeit", "DUNKELFLUSSIGKEIT"),
        ("T1/SE/extrp", "T1/SE/EXTRP"),
        ("T1_C- tra", "T1 C- TRA"),
        ("da-fl  (iso)", "DA FL ISO"),
        ("T2* +C", "T2* +C"),
        ("", ""),
    ],
)
def test_a_folded_name_is_words_in_upper_case(name: str, folded: str) -> None:
    assert fold(name) == folded


@pytest.mark.parametrize(
    "name",
    [
        # English and vendors
        *(
            "T1 AX POST GD",
            "T1 +C",
            "T1+C",
            "T1 SAG POST",
            "AX T1 C+",
            "T1CE",
            "T1C",
            "T1W_3D_TFE_GD",
            "T1 GADO",
            "T1 Gd",
        ),
        *("T1 AXIAL POST GAD", "T1 with contrast", "MPRAGE enhanced", "POSTCON T1", "T1POST", "3D T1 POSTGD", "CE-T1"),
        *("T1 w/ gad", "T1 W CONTRAST", "T1 post op +C", "POST OP T1 POST", "T1 FS POST", "T1 C+ AX", "T1_C", "T1 +"),
        *("T1 Gd-DTPA", "T1 DELAYED", "T1 NON FS POST", "T1 W/O FS +GD", "MT T1 POST"),
        # German
        *("t1_tse_km", "T1KM", "T1 nach KM", "T1 mit Kontrastmittel", "T1 tra +KM", "T1 nKM", "t1_mpr_mKM", "T1 n. KM"),
        # French
        *(
            "T1 APRES INJECTION",
            "T1 après gado",
            "T1 avec injection",
            "AX T1 IV+",
            "T1 injecté",
            "T1 GADO FAT SAT",
            "T1 INJ",
        ),
        # Spanish
        *("T1 con contraste", "T1 con gadolinio", "T1 CIV", "T1 AX C/C", "T1 POSCONTRASTE", "T1 tras contraste"),
        # brands
        *("T1 Dotarem", "T1 GADOVIST", "t1 ProHance", "T1 Multihance", "T1 CLARISCAN", "T1 Omniscan", "T1 Magnevist"),
        *("T1 Primovist", "FLAIR POST", "T2 +C"),
    ],
)
def test_a_name_speaks_of_after_the_agent(name: str) -> None:
    said = agent_said(name)

    assert said is not None
    assert said.when == "after"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "T1 AXIAL PRE GAD",
            "T1 w/o contrast",
            "T1 without contrast",
            "T1 WO",
            "T1 W/O",
            "NON CONTRAST T1",
            "T1 NONCON",
        ),
        *("T1 PRE", "PRECONTRAST T1", "T1 unenhanced", "T1 non-enhanced", "T1 plain", "T1 C-", "T1 NO GAD", "T1PRE"),
        *("t1_nativ", "T1 nativ tra", "T1 ohne KM", "T1 oKM", "T1 o. KM", "T1 vor KM", "T1 v. KM"),
        *("T1 sans injection", "T1 SANS GADO", "T1 avant injection", "T1 non injecté", "AX T1 IV-"),
        *(
            "T1 sin contraste",
            "T1 SIN GADOLINIO",
            "T1 S/C",
            "T1 sin CIV",
            "T1 precontraste",
            "PRE OP T1 without contrast",
        ),
    ],
)
def test_a_name_speaks_of_before_the_agent(name: str) -> None:
    said = agent_said(name)

    assert said is not None
    assert said.when == "before"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "T1",
            "T1 posterior fossa",
            "T1 POST FOSSA",
            "fosse post T1",
            "T1 cor",
            "T1 POST OP",
            "T1 POSTOP",
            "PRE OP T1",
        ),
        *(
            "T1 PREOP",
            "POST-SURGERY T1",
            "T1 post radiation",
            "PRE STEREO BIOPSY T1",
            "CONTRALATERAL T1",
            "T1 CONTRA",
        ),
        *("C+T SPINE T1", "T1 C-SPINE", "T1 precentral", "T1 MT CONTRAST", "PHASE CONTRAST", "T1 sinus", "T1 face"),
        *("T1 W WO", "T1 W/WO", "T1 WO/W", "T1 W/O & W CONTRAST", "T1 with and without", "T1 without/with contrast"),
        *("T1 avec et sans injection", "T1 mit und ohne KM", "T1 sin y con contraste", "T1 PRE/POST GD"),
        *(
            "T1 NON FS",
            "T1 without fat sat",
            "T1 ohne FS",
            "T1 sans fat sat",
            "T1 SIN GRASA",
            "T1 FATSAT",
            "3D T1",
            "MT T1",
        ),
    ],
)
def test_a_false_friend_speaks_of_neither(name: str) -> None:
    assert agent_said(name) is None


@pytest.mark.parametrize(
    ("name", "sequence"),
    [
        ("T2 FLAIR", "flair"),
        ("FLAIR", "flair"),
        ("T1 FLAIR", "t1"),
        ("*spcir_242", "flair"),
        ("T1WI", "t1"),
        ("WIP sT1W_3D_TFE", "t1"),
        ("EFGRE3D", "t1"),
        ("LEFT1", None),
        ("T1 T2", None),
        ("T12", None),
        ("PD T2", None),
        ("pd_tse", "pd"),
        ("sPDW", "pd"),
        ("T2W_FFE", "other"),
        ("T2 STIR", "other"),
        ("*tse2d1_11", None),
        ("*tir2d1_16", None),
        ("MPR", None),
        ("FSE", None),
        ("", None),
    ],
)
def test_a_name_says_a_sequence_or_nothing(name: str, sequence: str | None) -> None:
    said = sequence_said(name)

    assert (said.sequence if said else None) == sequence


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("FLAIR_ROI", "a mask or region, not an image"),
        ("lesion mask", "a mask or region, not an image"),
        ("AAHead_Scout_64ch", "a localizer"),
        ("Repérage", "a localizer"),
        ("Übersicht", "a localizer"),
        ("3-plane LOC", "a localizer"),
        ("SurveyMST", "a localizer"),
        ("T1_SUB", "a subtraction"),
        ("soustraction T1", "a subtraction"),
        ("T1 MIP", "a projection"),
        ("difusión b1000", "diffusion"),
        ("RESOLVE_4scan_ADC", "diffusion"),
        ("ep2d_perf", "perfusion"),
        ("pcasl_3d", "arterial spin labelling"),
        ("rsfMRI", "functional imaging"),
        ("Espectroscopia", "spectroscopy"),
        ("B0 map", "a field map"),
        ("T2* map", "a parameter map"),
    ],
)
def test_a_name_says_what_is_no_anatomical_image(name: str, kind: str) -> None:
    said = sequence_said(name)

    assert said is not None
    assert (said.sequence, said.kind) == ("other", kind)


@pytest.mark.parametrize("name", ["t1_mpr_ns_sag", "T1 SUBDURAL", "T1 SUBACUTE", "T1 location", "T1 TRA"])
def test_a_name_that_only_looks_like_it_is_an_anatomical_image(name: str) -> None:
    said = sequence_said(name)

    assert said is not None
    assert (said.sequence, said.kind) == ("t1", "")


def test_the_first_name_that_says_something_counts() -> None:
    said = first_said(("AX", "AX T1", "BRAIN PERFUSION"))

    assert said is not None
    assert said.sequence == "t1"


@pytest.mark.parametrize("values", [("ORIGINAL", "PRIMARY", "M", "ND", "NORM", "DIS2D"), ("DERIVED", "SECONDARY"), ()])
def test_filtered_and_derived_images_stay_anatomical(values: tuple[str, ...]) -> None:
    assert image_type_said(values) is None


def test_a_derivation_says_what_was_made() -> None:
    said = derivation_said("Reformatted (MPR) thickness 3 mm")

    assert said is not None
    assert said.kind == "a reformat of other images"
    assert derivation_said("Lossless JPEG compression") is None


@pytest.mark.parametrize(
    ("name", "injection"), [("ep2d_perf_DSC", True), ("3D DCE T1", True), ("ASL perfusion", False), ("T1", False)]
)
def test_perfusion_is_acquired_during_the_injection_but_not_spin_labelling(name: str, injection: bool) -> None:
    assert names_injection(name) is injection


@given(st.text(max_size=8))
def test_folding_twice_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)


@given(st.text())
def test_no_name_is_too_strange(name: str) -> None:
    said = (sequence_said(name), image_type_said((name,)), derivation_said(name))

    assert all(one.kind for one in said[1:] if one)
    assert all(one.sequence in ("flair", "t1", "t2", "pd", "other") for one in said if one)
    assert getattr(agent_said(name), "when", "") in ("", "before", "after")
    assert names_agent(name) in (True, False)
