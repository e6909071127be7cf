import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from dicom_io.eligible import why_not
from dicom_io.sequence import Acquisition

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SPECTROSCOPY = "1.2.840.10008.5.1.4.1.1.4.2"


def why(
    acquisition: Acquisition | None = None,
    sop_class: str = MRImageStorage,
    modality: str = "MR",
    samples: int = 1,
    photometric: str = "MONOCHROME2",
) -> str:
    return why_not(
        acquisition or Acquisition(),
        sop_class_uid=sop_class,
        modality=modality,
        samples_per_pixel=samples,
        photometric=photometric,
    )


def image_type(*values: str) -> Acquisition:
    return Acquisition(image_type=values)


def named(*names: str) -> Acquisition:
    return Acquisition(names=names)


@pytest.mark.parametrize("sop_class", [MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage])
def test_an_mr_image_is_eligible(sop_class: UID) -> None:
    assert not why(sop_class=sop_class)


@pytest.mark.parametrize(
    "acquisition",
    [
        image_type("ORIGINAL", "PRIMARY", "M", "ND", "NORM"),
        image_type("ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D", "FM", "FIL"),
        image_type("DERIVED", "PRIMARY", "M", "DIS3D"),
        image_type("ORIGINAL", "PRIMARY", "OTHER"),
        image_type("DERIVED", "SECONDARY", "COMBINED"),
        image_type("ORIGINAL", "PRIMARY", "M_SE", "M", "SE"),
        image_type("ORIGINAL", "PRIMARY", "FLUID_ATTENUATED", "NONE"),
        named("t1_mpr_ns_sag_p2_iso"),
        named("AX T1", "BRAIN PERFUSION"),
        named("SWI_Images"),
        named("T1 SUBDURAL"),
        Acquisition(b_value=0.0, time_points=3, complex_component="MAGNITUDE"),
        Acquisition(derivation="Lossy compression 10:1"),
        *(
            Acquisition(body_part=part)
            for part in ("", "HEAD", "BRAIN", "HEAD NECK", "SPINE BRAIN", "Schaedel", "UNKNOWN")
        ),
    ],
)
def test_an_anatomical_image_of_the_head_is_eligible(acquisition: Acquisition) -> None:
    assert not why(acquisition)


@pytest.mark.parametrize(
    ("acquisition", "reason"),
    [
        (image_type("ORIGINAL", "PRIMARY", "LOCALIZER"), "a localizer: Image Type says LOCALIZER"),
        (image_type("ORIGINAL", "PRIMARY", "MPR"), "a reformat of other images: Image Type says MPR"),
        (image_type("DERIVED", "SECONDARY", "MPR", "CSA MPR"), "a reformat of other images: Image Type says MPR"),
        (
            image_type("DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"),
            "a reformat of other images: Image Type says REF",
        ),
        (image_type("DERIVED", "PRIMARY", "MIP"), "a projection: Image Type says MIP"),
        (image_type("DERIVED", "PRIMARY", "MNIP", "SWI"), "a projection: Image Type says MNIP"),
        (image_type("DERIVED", "PRIMARY", "PROJECTION IMAGE", "COLLAPSE"), "a projection: Image Type says PROJECTION"),
        (image_type("DERIVED", "PRIMARY", "T1", "MAX_IP"), "a projection: Image Type says MAX_IP"),
        (image_type("DERIVED", "SECONDARY", "SUBTRACTION"), "a subtraction: Image Type says SUBTRACTION"),
        (image_type("DERIVED", "PRIMARY", "M", "SUB"), "a subtraction: Image Type says SUB"),
        (image_type("DERIVED", "SECONDARY", "SCREEN SAVE"), "a screen save: Image Type says SCREEN SAVE"),
        (
            image_type("ORIGINAL", "PRIMARY", "M", "MOSAIC"),
            "a mosaic, many slices in one picture: Image Type says MOSAIC",
        ),
        (image_type("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"), "diffusion: Image Type says DIFFUSION"),
        (image_type("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"), "diffusion: Image Type says DIFFUSION"),
        (image_type("DERIVED", "PRIMARY", "ADC", "ND"), "diffusion: Image Type says ADC"),
        (image_type("DERIVED", "PRIMARY", "FA"), "diffusion: Image Type says FA"),
        (image_type("DERIVED", "PRIMARY", "RELCBF"), "perfusion: Image Type says RELCBF"),
        (image_type("ORIGINAL", "PRIMARY", "ASL"), "arterial spin labelling: Image Type says ASL"),
        (image_type("ORIGINAL", "PRIMARY", "FMRI", "NONE"), "functional imaging: Image Type says FMRI"),
        (image_type("ORIGINAL", "PRIMARY", "P", "ND"), "a phase image: Image Type says P"),
        (image_type("ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"), "a phase image: Image Type says PHASE MAP"),
        (image_type("ORIGINAL", "PRIMARY", "R_IR", "R", "IR"), "a real part, not a magnitude: Image Type says R_IR"),
        (image_type("ORIGINAL", "PRIMARY", "I", "FFE"), "an imaginary part, not a magnitude: Image Type says I"),
        (image_type("ORIGINAL", "PRIMARY", "T1 MAP", "ND"), "a parameter map: Image Type says T1 MAP"),
        (image_type("ORIGINAL", "PRIMARY", "B0 MAP", "B0", "FFE"), "a field map: Image Type says B0 MAP"),
        (Acquisition(complex_component="PHASE"), "no magnitude image: Complex Image Component PHASE"),
        (Acquisition(complex_component="MIXED"), "no magnitude image: Complex Image Component MIXED"),
        (Acquisition(derivation="Maximum Intensity Projection"), "a projection: Derivation Description says MAXIMUM"),
        (Acquisition(derivation="Subtraction of 5 and 3"), "a subtraction: Derivation Description says SUBTRACTION"),
        (Acquisition(acquisition_contrast="PERFUSION"), "no anatomical image: Acquisition Contrast PERFUSION"),
        (Acquisition(b_value=1000.0), "diffusion: b-value 1000 s/mm2"),
        (Acquisition(time_points=40), "a time series: 40 volumes differ in time alone, at most 3 may"),
        (named("FLAIR_ROI", "sT2W/FLAIR"), "a mask or region, not an image: named ROI"),
        (named("AAHead_Scout"), "a localizer: named SCOUT"),
        (named("Survey"), "a localizer: named SURVEY"),
        (named("ep2d_diff_b1000"), "diffusion: named DIFF"),
        (named("gre_field_mapping"), "a field map: named FIELD MAPPING"),
        (named("T1 SUB"), "a subtraction: named SUB"),
        (Acquisition(body_part="KNEE"), "Body Part Examined KNEE, not the head"),
        (Acquisition(body_part="C-SPINE"), "Body Part Examined C-SPINE, not the head"),
        (Acquisition(body_part="Lumbar spine"), "Body Part Examined Lumbar spine, not the head"),
        (Acquisition(body_part="BREAST"), "Body Part Examined BREAST, not the head"),
    ],
)
def test_what_is_no_anatomical_image_of_the_head_is_refused_with_its_own_reason(
    acquisition: Acquisition, reason: str
) -> None:
    assert why(acquisition).startswith(reason)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (why(sop_class=SECONDARY_CAPTURE), "Secondary Capture Image Storage of modality MR, not an MR image"),
        (why(sop_class=SPECTROSCOPY), "MR Spectroscopy Storage of modality MR, not an MR image"),
        (
            why(sop_class="1.2.840.10008.5.1.4.1.1.11.1", modality="PR"),
            "Grayscale Softcopy Presentation State Storage of modality PR, not an MR image",
        ),
        (
            why(sop_class="1.2.840.10008.5.1.4.1.1.88.33", modality="SR"),
            "Comprehensive SR Storage of modality SR, not an MR image",
        ),
        (
            why(sop_class="1.2.840.10008.5.1.4.1.1.66.4", modality="SEG"),
            "Segmentation Storage of modality SEG, not an MR image",
        ),
        (why(sop_class="1.2.840.10008.5.1.4.1.1.2", modality="CT"), "CT Image Storage of modality CT, not an MR image"),
        (
            why(sop_class="1.2.840.10008.5.1.4.1.1.4.3", samples=3, photometric="RGB"),
            "Enhanced MR Color Image Storage of modality MR, not an MR image",
        ),
        (why(sop_class=""), "no SOP class of modality MR, not an MR image"),
        (why(sop_class="1.2.3"), "1.2.3 of modality MR, not an MR image"),
        (why(modality="PT"), "modality PT, not MR"),
        (why(modality=""), "modality unknown, not MR"),
        (why(samples=3, photometric="RGB"), "colour, not grey: 3 samples per pixel, RGB"),
        (why(photometric="PALETTE COLOR"), "colour, not grey: 1 samples per pixel, PALETTE COLOR"),
    ],
)
def test_what_is_no_grey_mr_image_is_refused_by_its_name(said: str, reason: str) -> None:
    assert said == reason


_TEXTS = st.lists(st.text(max_size=20), max_size=3).map(tuple)


@given(
    st.builds(
        Acquisition,
        names=_TEXTS,
        image_type=_TEXTS,
        complex_component=st.text(max_size=10),
        acquisition_contrast=st.text(max_size=10),
        b_value=st.none() | st.floats(),
        time_points=st.integers(),
        body_part=st.text(max_size=20),
        derivation=st.text(max_size=60),
    ),
    st.text(max_size=70) | st.just(str(MRImageStorage)),
    st.text(max_size=4) | st.just("MR"),
    st.integers(),
    st.text(max_size=20) | st.just("MONOCHROME2"),
)
def test_no_header_is_too_strange_to_be_judged(
    acquisition: Acquisition, sop_class: str, modality: str, samples: int, photometric: str
) -> None:
    assert isinstance(why(acquisition, sop_class, modality, samples, photometric), str)


@pytest.mark.parametrize(
    ("names", "elsewhere"),
    [
        (("T2 TSE SAG KNEE", "KNEE"), True),
        (("T2 SAG L-SPINE",), True),
        (("T1 TRA LWS",), True),
        (("T1 HEAD NECK",), False),
        (("T2 HIPPOCAMPUS",), False),
        (("FLAIR", "SPINE ROUTINE"), False),
    ],
)
def test_a_series_named_after_another_body_part_is_not_the_head(names: tuple[str, ...], elsewhere: bool) -> None:
    assert ("not the head" in why(named(*names))) == elsewhere


def test_a_stated_body_part_counts_more_than_a_name() -> None:
    assert not why(Acquisition(names=("T1 NECK COIL",), body_part="BRAIN"))
