"""What the words in the names of a series say: its sequence, or what it is instead; before or after the contrast agent.

English, German, French and Spanish, and the vendors' abbreviations. Names are folded first: upper case, no accents,
one blank for anything between words but + * / and a minus that closes a word ("C-").
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple


class Said(NamedTuple):
    """What a name says.

    Attributes
    ----------
    sequence
        "flair", "t1", "t2", "pd" or "other".
    words
        The words that say so, as folded.
    kind
        What it is instead of an anatomical image, such as "a localizer"; empty where it is one.
    """

    sequence: str
    words: str
    kind: str = ""


class AgentSaid(NamedTuple):
    """Whether a name speaks of the time "before" or "after" the contrast agent, and in which words."""

    when: str
    words: str


def _words(*patterns: str) -> re.Pattern[str]:
    """Match any of the patterns as whole words."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)")


_LONGEST = 200  # characters that are looked at; a Series Description has at most 64
_KINDS = {
    "a localizer": _words(
        r"LOC|LOCALI\w+|LOKALI\w+|LOCATOR|\w*SCOUT\w*|SURVEY\w*|PILOT|3 ?PLANE|REPERAGE|UBERSICHT|TOPOGRAM\w*",
        r"SMART ?BRAIN|PLAN SCAN",
    ),
    "a calibration": _words(r"CALIBRATION|ASSET ?CAL|CAL SCAN|REF(?:ERENCE)? ?SCAN|SENSE ?REF|BODYCOIL"),
    "a mask or region, not an image": _words(r"ROIS?|MASKS?|SEG(?:MENTATION|MENTED)?|LABEL ?MAP"),
    "a fat image": _words(r"\w*DIXON\w*(?: \w+)* (?:F|FAT|FF)|FAT ?(?:ONLY|FRACTION)"),
    "an opposed-phase image": _words(r"\w*(?:DIXON|VIBE)\w*(?: \w+)* (?:OPP?|OUT)|OPP(?:OSED)? PHASE|OUT OF PHASE"),
    "a subtraction": _words(r"SUB(?:T|TR|S)?|SUBS?TR\w+|SOUSTR\w+|SUSTRAC\w+|MINUS"),
    "a projection": _words(r"(?:T|TH)?MIPS?|M(?:IN|N) ?IPS?|MAX ?IP"),
    "spectroscopy": _words(r"MRSI?|CSI|SVS|E?SPECTRO\w*|SPEKTRO\w*"),
    "arterial spin labelling": _words(r"\w{0,4}ASL|ARTERIAL SPIN\w*"),
    "perfusion": _words(r"PERF\w*|PWI|DSC|DCE|(?:REL)?R?CB[FV]|MTT|TTP|T ?MAX|KTRANS|GBP|PBP"),
    "diffusion": _words(
        r"S?DWI?|DTI|DIFF\w*|DIFUS\w*|E?ADC|TRACE\w{0,2}|TENSOR|COLFA|FA MAP|RESOLVE|(?:EP|RE) B\d+\w*|DKI|IVIM",
        r"B ?=? ?\d{3,4}T?",
    ),
    "functional imaging": _words(r"R?S?FMRI|FCMRI|(?<!VEN )BOLD|RESTING|EPFID\w*"),
    "a field map": _words(r"FIELD ?MAP\w*|B0|B[01] ?MAP\w*|FM2D\w*|SHIM\w*|TFL B1\w*"),
    "a parameter map": _words(r"T[12] ?(?:\*|STAR)? ?MAP\w*|MAPPING|MAPIT|T1 IMAGES|T1 ?RHO|R2 ?\*|RELAXO?METRY"),
}
_GRADIENT = r"(?:FFE|GRE|FL[23]D\w*|EG|FLASH|GRADIENT\w*)"
_OTHER = _words(
    r"VEN ?BOLD|SWI\w{0,2}|SWI3D\w*|SWAN|SUS[CZ]E?P?\w*|QSM|HEMO\w*|MEDIC|MERGE|\w*T2W? ?(?:\*|STAR|STERN|ETOILE)|T2S",
    rf"T2W?I? (?:\w{{1,4}} )?{_GRADIENT}|{_GRADIENT} T2\w?|[23]?D?TOF\w*|CE ?MR[AV]|MR[AV]|MOTSA|ANGIO\w*|VENO\w*|PCA",
    r"PHASE CONTRAST|VENC\w*|INHANCE|TRICKS|TWIST|FI[23]D\w*|Q? ?FLOW|CINE|CISS\w*|\w*FIESTA\w*|TRU ?FI\w*|TRUE ?FISP",
    r"B ?(?:TFE|FFE)|BALANCED|B?SSFP|CI3D\w*|TFI[23]D\w*|DESS|PSIF|\w*STIR|DIR|DOUBLE ?(?:INV\w*|IR)|INV ?[12]|CEST",
    r"APTW?|MRE|ELASTO\w*",
)
_WEIGHT = r"(?<![A-Z0-9])(?:[ESDQ]|WIP|3D|2D|O?AX\w{0,3}|O?SAG\w{0,5}|O?COR\w{0,4}|TRA|FS|HR|CE|PRE|POST)?"
"""What is glued to the front of T1 and T2."""
_FLAIR = re.compile(r"FLAIR|\bDARK ?FLUID\b|\bDA ?FL\b|DUNKELFLUSSIGKEIT\w*|\bFLUID ATT\w*|\bTIRM\b|\bSPCIR\w*")
_T1 = re.compile(
    rf"{_WEIGHT}T1(?![0-9])|MP ?2? ?RAGE|SPGR\b|\b(?:BRAVO|VIBE|LAVA|THRIVE|T1?TFE|FLASH|E?FGRE3D|T?FL3D\w*)\b"
)
_T2 = re.compile(rf"{_WEIGHT}T2(?![0-9])|\bHASTE\b|\bH2D\d\w*")
_PD = re.compile(r"(?<![A-Z0-9])[ES]?PDW?I?\b|\b(?:DP|PROTON ?DEN\w*|PROTONENDICHTE|DENSI\w+ (?:DE )?PROTON\w*)\b")

_BRANDS = (
    r"DOTAREM|CLARISCAN|GADOVIST|GADAVIST|PRO ?HANCE|MULTI ?HANCE|OMNISCAN|MAGNEVIST|PRIMOVIST|EOVIST|OPTIMARK|ABLAVAR"
    r"|ELUCIREM|VUEWAY|PIXXOSCAN|DOTAGRAF|MAGNEGITA"
)
_AGENT = (
    r"(?:[CK]ONTRASTE?\w*|(?:CONTR|CON|CM|C|KM|PDC|CIV|IV|MEDIO|PRODUIT)\b|GADO?\w*|GD\w*|INJ\w*|ENHANCE\w*"
    rf"|{_BRANDS})"
)
_NOT_OF_AN_OPERATION = (  # what else in medicine is before and after, and what is short for posterior
    r"(?! ?(?:OP|SURG|CHIR|RT\b|RADI|XRT|TRAUM|CHEMO|TX\b|TREAT|THERA|BIOP|STROKE|RESEC|STE|FOS|ICTAL|CENTR))"
)
_NOT_OF_FAT = r"(?! ?(?:FS\b|FAT|FET|SAT|SPIR|SPAIR|MT\b|MTC|GAP|SUP|GRASA|GRAISSE|ANG|MOUV|MOV|BEW|SENSE|ASSET))"
_BEFORE = re.compile(
    rf"(?<![A-Z])PRE(?:\b|(?={_AGENT})){_NOT_OF_AN_OPERATION}(?:[ /]?{_AGENT})?"
    rf"|\b(?:WITHOUT|W ?/? ?O|OHNE|SANS|SIN)\b{_NOT_OF_FAT}(?:[ /]?{_AGENT})*"
    rf"|\b(?:NON?|KEINE?N?)[ /]?{_AGENT}|\b(?:AVANT|ANTES(?: DE)?(?: LA)?|VOR) ?{_AGENT}|\b[OV] ?KM\b"
    r"|\bS/C(?:IV)?\b|\bUNENHANCED\b|\bNATIV\w*|\bPLAIN\b|\b(?:C|IV|GD|KM)-"
)
_AFTER = re.compile(
    rf"(?<![A-Z])(?<!FOSSE )(?<!FOSA )POST?(?:(?<=POST)\b|(?={_AGENT})){_NOT_OF_AN_OPERATION}(?:[ /]?{_AGENT})?"
    r"|(?<!PHASE )(?<!MT )(?<!TRANSFER )(?<!HIGH )(?<!TISSUE )\b[CK]ONTRAST\w*"
    r"|(?<![A-Z])(?:GAD|GADO\w*|GD(?:\d\w*|DTPA)?|[MNP]?KM|CE)\b|\bCET1|\bT1W?C\b|\bT1W? C$"
    r"|\+ ?(?:C|CE|IV|CM)\b(?!\+)|\bC\+(?!\w)|\bC \+(?! ?\w)|\bIV ?\+| \+$|\b(?:ENHANCED|DELAYED|C/C|C/CIV|CIV)\b"
    rf"|\b(?:AVEC|APRES|CON|TRAS|NACH|MIT|WITH|W ?/?) ?{_AGENT}|\bINJ(?:ECT\w*)?\b|\b(?:{_BRANDS})\b"
)
_BOTH = _words(
    r"W(?:ITH)?[ /]+(?:AND )?W(?:ITH)? ?/? ?O(?:UT)?|W(?:ITH)? ?/? ?O(?:UT)?[ /]+(?:AND )?W(?:ITH)?",
    r"AVEC[ /]+(?:ET )?SANS|SANS[ /]+(?:ET )?AVEC|MIT[ /]+(?:UND )?OHNE|OHNE[ /]+(?:UND )?MIT",
    r"CON[ /]+(?:Y )?SIN|SIN[ /]+(?:Y )?CON",
)
_NO_AGENT = _words(r"NONE?|NO|N|N/?A|NULL|NIL|UNKNOWN|KEINE?S?|NEIN|AUCUN|NINGUNO|SANS|OHNE|SIN|WITHOUT")
_REPEAT = _words(r"RE?PE?A?T\w*|REDO|AGAIN|WDH|WDHL?G|WIEDERHOL\w*|REFAIT|OTRA VEZ|MOTION|BEWEG\w*")
_INJECTION = _words(r"DSC|DCE|PWI|PERF\w*|TWIST|TRICKS|CE ?MR[AV]")
_IMAGE_TYPES = {
    "a localizer": _words(r"LOCALI[SZ]ER|SCOUT|SURVEY"),
    "a mosaic, many slices in one picture": _words(r"MOSAIC"),
    "a screen save": _words(r".*\bSCREEN.*|CAPTURE|SNAPSHOT|.*\bREPORT|PHOTO"),
    "a fat image": _words(r"F|FF|FAT(?: .*)?"),
    "an opposed-phase image": _words(r"OP|OPP(?:OSED)?(?: .*)?|OUT(?: .*)?"),
    "a subtraction": _words(r"SUB|.*\bSUBTRACT\w*.*"),
    "a projection": _words(r".*\bM(?:AX|IN|N)? ?IP\b.*|.*\bPROJECTION\b.*|MAXIMUM|MINIMUM|VRT|SSD|.*\bRENDER\w*.*"),
    "a reformat of other images": _words(r".*\b(?:MPR|CPR|REFORMAT\w*|RESAMPLED?)\b.*|CURVED.*"),
    "arterial spin labelling": _words(r"(?:.* )?P?C?ASL"),
    "perfusion": _words(r"PERF\w*.*|(?:REL)?R?CB[FV].*|MTT|TTP|TMAX|GBP|PBP"),
    "diffusion": _words(r"DIFFUSION.*|DWI|TRACEW?|E?ADC.*|EXP ADC|FA|COLFA|.*\bTENSOR.*"),
    "functional imaging": _words(r"FMRI.*|BOLD|T TEST|Z SCORE"),
    "a field map": _words(r"B[01](?: MAP| FFE)?|FIELD ?MAP.*"),
    "spectroscopy": _words(r"SPECTRO\w*|METABOLITE MAP|CSI"),
    "a phase image": _words(r"P|P (?:IR|SE|FFE|TFE)|PHASE.*|PHA|.*\bVELOCITY.*|FLOW ENCODED"),
    "a real part, not a magnitude": _words(r"R|R (?:IR|SE|FFE|TFE)|REAL"),
    "an imaginary part, not a magnitude": _words(r"I|I (?:IR|SE|FFE|TFE)|IMAGINARY"),
    "a parameter map": _words(r".*\bMAP"),
}
_DERIVATIONS = {
    "a subtraction": _words(r"SUBTRACT\w*"),
    "a projection": _words(r"M(?:IN|N)? ?IPS?|.*INTENSITY PROJECTION.*|VOLUME RENDER\w*"),
    "a reformat of other images": _words(r"MPR|REFORMAT\w*|MULTI ?PLANAR\w*"),
}


def fold(name: str) -> str:
    """Return a name in upper case without accents, its words parted by one blank."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name[:_LONGEST]) if not unicodedata.combining(c)).upper()
    words = re.sub(r"[^\w+*/\-]|_", " ", plain)
    words = re.sub(r"(?<!\bC)(?<!\bIV)(?<!\bGD)(?<!\bKM)-|-(?=\w)", " ", words)
    return re.sub(r" +", " ", words).strip()


def sequence_said(name: str) -> Said | None:
    """Return what one name says of the sequence; None where it says nothing, or two things at once."""
    words = fold(name)
    for kind, pattern in _KINDS.items():
        if match := pattern.search(words):
            return Said("other", match[0], kind)
    if match := _OTHER.search(words):
        return Said("other", match[0])
    flair, t1, t2, density = (pattern.search(words) for pattern in (_FLAIR, _T1, _T2, _PD))
    if flair:
        return Said("t1", f"{t1[0]} {flair[0]}") if t1 and not t2 else Said("flair", flair[0])
    said = [Said(sequence, match[0]) for sequence, match in (("t1", t1), ("t2", t2), ("pd", density)) if match]
    return said[0] if len(said) == 1 else None


def first_said(names: Iterable[str]) -> Said | None:
    """Return what the first name says that says anything.

    Later names are not mixed in: the Protocol Name of some vendors is that of the whole examination.
    """
    return next(filter(None, map(sequence_said, names)), None)


def image_type_said(values: Iterable[str]) -> Said | None:
    """Return what the values of Image Type say the image is instead of an anatomical one; None where nothing."""
    for value in values:
        words = fold(value)
        for kind, pattern in _IMAGE_TYPES.items():
            if pattern.fullmatch(words):
                return Said("other", value, kind)
    return None


def derivation_said(description: str) -> Said | None:
    """Return what Derivation Description says the image was made into; None where nothing that matters."""
    words = fold(description)
    found = ((kind, pattern.search(words)) for kind, pattern in _DERIVATIONS.items())
    return next((Said("other", match[0], kind) for kind, match in found if match), None)


def agent_said(name: str) -> AgentSaid | None:
    """Return whether a name speaks of before or after the contrast agent; None where of neither, or of both."""
    words = fold(name)
    if _BOTH.search(words):
        return None
    before, after = _BEFORE.search(words), _AFTER.search(_BEFORE.sub(" ", words))
    if before and not after:
        return AgentSaid("before", before[0].strip())
    return AgentSaid("after", after[0].strip()) if after and not before else None


def names_agent(text: str) -> bool:
    """Say whether the text of an attribute names a contrast agent, rather than that there was none."""
    words, said = fold(text), agent_said(text)
    none_given = not words.strip("0 -") or _NO_AGENT.fullmatch(words) or re.search(r" [0.,]+$", text)
    return not none_given and not (said and said.when == "before")


def names_repeat(name: str) -> bool:
    """Say whether a series of this name was acquired again because the first was spoilt, by motion as a rule."""
    return bool(_REPEAT.search(fold(name)))


def names_injection(name: str) -> bool:
    """Say whether a series of this name is acquired while the contrast agent is injected."""
    words = fold(name)
    return bool(_INJECTION.search(words)) and not _KINDS["arterial spin labelling"].search(words)
