"""Which images no model may see, whatever their sequence: the reason in words (pure)."""

import math

from pydicom import config
from pydicom.uid import UID

from dicom_io.header import MR_IMAGES
from dicom_io.names import derivation_said, first_said, fold, image_type_said
from dicom_io.sequence import Acquisition

_MOST_TIME_POINTS = 3
_MAGNITUDES = frozenset(("", "MAGNITUDE"))
_HEAD = frozenset(("HEAD", "BRAIN", "SKULL", "NEURO", "CRANIUM", "HEADNECK", "HEAD NECK", "CEREBRUM", "PITUITARY"))
_BODY_PARTS = (
    "ABDOMEN ABDOMENPELVIS ADRENAL ANKLE AORTA ARM BLADDER BREAST CALF CARDIAC CERVICAL CERVIX CHEST CLAVICLE COCCYX "
    "COLON CSPINE CTSPINE ELBOW EXTREMITY FEMUR FINGER FOOT FOREARM HAND HEART HIP HUMERUS KIDNEY KNEE LEG LIVER "
    "LSPINE LSSPINE LUMBAR LUNG NECK OVARY PANCREAS PELVIS PROSTATE RECTUM SACRUM SCAPULA SHOULDER SIJOINT SPINE "
    "SPLEEN SSPINE STERNUM TESTIS THIGH THORACIC THORAX THUMB TIBIA TLSPINE TOE TSPINE UTERUS WRIST "
    "HWS BWS LWS KNIE HUFTE RACHIS GENOU EPAULE RODILLA HOMBRO COLUMNA"
)
"""DICOM's terms (PS3.16 annex L), and what scanners' protocols are called in four languages."""
_ELSEWHERE = frozenset(_BODY_PARTS.split())


def why_not(
    acquisition: Acquisition, *, sop_class_uid: str, modality: str, samples_per_pixel: int, photometric: str
) -> str:
    """Return why no model may see an image, with what the header says; empty where models may.

    Derived and filtered images as such are eligible. That an image is a reformat only Image Type and Derivation
    Description say: scanners call a whole acquisition "MPR" (MPRAGE). Never raises.

    Parameters
    ----------
    photometric
        Photometric Interpretation; empty where the image has none.
    """
    return (
        _no_mr_image(sop_class_uid, modality)
        or _colour(samples_per_pixel, photometric)
        or _no_anatomical_image(acquisition)
        or _no_single_volume(acquisition)
        or _elsewhere("Body Part Examined", acquisition.body_part)
        or (acquisition.names and not acquisition.body_part and _elsewhere("named", acquisition.names[0]))
        or ""
    )


def _no_mr_image(sop_class_uid: str, modality: str) -> str:
    if sop_class_uid not in MR_IMAGES:
        name = UID(sop_class_uid, validation_mode=config.IGNORE).name if sop_class_uid else "no SOP class"
        return f"{name} of modality {modality or 'unknown'}, not an MR image"
    return "" if modality.strip().upper() == "MR" else f"modality {modality or 'unknown'}, not MR"


def _colour(samples_per_pixel: int, photometric: str) -> str:
    colour = photometric.strip().upper()
    if samples_per_pixel == 1 and (not colour or colour.startswith("MONOCHROME")):
        return ""
    return f"colour, not grey: {samples_per_pixel} samples per pixel, {photometric or 'no Photometric Interpretation'}"


def _no_anatomical_image(acquisition: Acquisition) -> str:
    component = acquisition.complex_component.strip().upper()
    if said := image_type_said(acquisition.image_type):
        return f"{said.kind}: Image Type says {said.words}"
    if component not in _MAGNITUDES:
        return f"no magnitude image: Complex Image Component {component}"
    if said := derivation_said(acquisition.derivation):
        return f"{said.kind}: Derivation Description says {said.words}"
    if acquisition.acquisition_contrast in ("DIFFUSION", "PERFUSION", "FLOW_ENCODED", "TAGGING"):
        return f"no anatomical image: Acquisition Contrast {acquisition.acquisition_contrast}"
    said = first_said(acquisition.names)
    return f"{said.kind}: named {said.words}" if said and said.kind else ""


def _no_single_volume(acquisition: Acquisition) -> str:
    b_value, points = acquisition.b_value, acquisition.time_points
    if b_value is not None and math.isfinite(b_value) and b_value > 0:
        return f"diffusion: b-value {b_value:g} s/mm2"
    if points > _MOST_TIME_POINTS:
        return f"a time series: {points} volumes differ in time alone, at most {_MOST_TIME_POINTS} may"
    return ""


def _elsewhere(where: str, said: str) -> str:
    """Return the body part where it is clearly not the head; scanners keep "HEAD" and other words by default."""
    whole = fold(said)
    words = {whole, whole.replace(" ", ""), *whole.split()}
    clearly = words & _ELSEWHERE and not words & _HEAD
    return f"{where} {said.strip()}, not the head" if clearly else ""
