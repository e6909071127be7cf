"""Which MR sequence a series is, by what the scanner recorded first and by its names second (pure)."""

import re
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """What is recorded of how a series was acquired; empty or None where nothing is.

    Attributes
    ----------
    names
        Series Description and Protocol Name.
    acquisition_contrast
        (0008,9209), Enhanced MR only.
    repetition_time, echo_time, inversion_time
        In ms.
    contrast_agent
        Contrast/Bolus Agent, as text.
    """

    names: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    scanning_sequence: tuple[str, ...] = ()
    acquisition_contrast: str = ""
    repetition_time: float | None = None
    echo_time: float | None = None
    inversion_time: float | None = None
    contrast_agent: str = ""


class Recognition(NamedTuple):
    """The sequence ("flair", "t1", "t1c", "t2" or "other") and the rule that said so."""

    sequence: str
    rule: str


_CONTRASTS = {"FLUID_ATTENUATED": "flair", "T1": "t1", "T2": "t2"}
_UNDECIDED_CONTRASTS = frozenset(("", "MIXED", "UNKNOWN"))
_OTHER_IMAGE_TYPES = frozenset(("LOCALIZER", "ADC", "DIFFUSION", "TRACEW", "FA", "PERFUSION", "PHASE", "SWI", "MNIP"))
_NO_AGENT = frozenset(("", "NO", "NONE", "N", "0"))

_OTHER_NAME = re.compile(
    r"\b(DWI|DTI|DIFF\w*|E?ADC|TRACEW?|LOCALI[SZ]ER|LOC|SCOUT|SURVEY|SWI|TOF|MRA|MRV|PERF\w*|PWI|DSC|ASL|CBF|CBV|"
    r"BOLD|FMRI|MRS|STIR|FIESTA|CISS|TRUFI|MIP|T2 ?STAR)\b|T2 ?\*"
)
_FLAIR_NAME = re.compile(r"FLAIR|DARK ?FLUID|\bTIRM\b")
_T1_NAME = re.compile(r"T1(?!\d)|MP ?RAGE|SPGR|BRAVO|VIBE|\bTFE\b")
_T2_NAME = re.compile(r"T2(?!\d)")
_BEFORE_AGENT_NAME = re.compile(r"\bPRE\b(?! ?OP)|\bW ?O\b|\bWITHOUT\b|\bOHNE\b|\bSANS\b|\bNATIV\w*|\bNON\b")
_AGENT_NAME = re.compile(
    r"\bGAD\w*|GD\b|\bPOST\b(?! ?OP)|\+ ?C\b|\bC ?\+|\bT?1?CE\b|\bT1C\b|KM\b|\bCONTRAST|\bENHANCED\b"
)


def recognise(acquisition: Acquisition) -> Recognition:
    """Say which MR sequence a series is.

    The first rule that knows decides: what is no anatomical sequence, then the contrast that the scanner states, then
    the timing, then the names. A T1 is a T1 with contrast agent where an agent is recorded or named.
    """
    name = re.sub(r"[_/\-.,()]+", " ", " ".join(acquisition.names).upper())
    found = (
        _not_anatomical(acquisition, name)
        or _by_stated_contrast(acquisition)
        or _by_inversion(acquisition)
        or _by_timing(acquisition, name)
        or _by_name(name)
        or Recognition("other", "neither attributes nor names say")
    )
    return _with_agent(acquisition, name, found.rule) if found.sequence == "t1" else found


def _not_anatomical(acquisition: Acquisition, name: str) -> Recognition | None:
    if types := _OTHER_IMAGE_TYPES.intersection(acquisition.image_type):
        return Recognition("other", f"Image Type {', '.join(sorted(types))}")
    if match := _OTHER_NAME.search(name):
        return Recognition("other", f"named {match[0]}")
    if "EP" in acquisition.scanning_sequence:
        return Recognition("other", "echo planar")
    return None


def _by_stated_contrast(acquisition: Acquisition) -> Recognition | None:
    contrast = acquisition.acquisition_contrast
    if contrast in _UNDECIDED_CONTRASTS:
        return None
    return Recognition(_CONTRASTS.get(contrast, "other"), f"Acquisition Contrast {contrast}")


def _by_inversion(acquisition: Acquisition) -> Recognition | None:
    inversion, echo = acquisition.inversion_time, acquisition.echo_time
    if not inversion or echo is None:
        return None
    timing = f"TI {inversion:g} ms, TE {echo:g} ms"
    if inversion >= 1200 and echo >= 60:
        return Recognition("flair", f"{timing}: fluid attenuated")
    if inversion < 300:
        return Recognition("other", f"{timing}: fat attenuated")
    return Recognition("t1", f"{timing}: T1-weighted") if echo < 30 else None


def _by_timing(acquisition: Acquisition, name: str) -> Recognition | None:
    repetition, echo = acquisition.repetition_time, acquisition.echo_time
    kinds = acquisition.scanning_sequence
    if repetition is None or echo is None or "IR" in kinds:  # an inversion of unknown time: the name must say
        return None
    timing = f"TR {repetition:g} ms, TE {echo:g} ms"
    if "GR" in kinds:
        return _by_gradient_echo(echo, timing, name)
    return _by_spin_echo(repetition, echo, timing, name) if "SE" in kinds else None


def _by_gradient_echo(echo: float, timing: str, name: str) -> Recognition | None:
    if echo >= 15:
        return Recognition("other", f"gradient echo, {timing}: T2*-weighted")
    return None if _T2_NAME.search(name) else Recognition("t1", f"gradient echo, {timing}")


def _by_spin_echo(repetition: float, echo: float, timing: str, name: str) -> Recognition | None:
    if repetition < 1200 and echo < 30:
        return Recognition("t1", f"spin echo, {timing}")
    if repetition >= 2000 and not _FLAIR_NAME.search(name):  # the inversion may have been left out of the header
        return Recognition("t2" if echo >= 60 else "other", f"spin echo, {timing}")
    return None


def _by_name(name: str) -> Recognition | None:
    flair, t1, t2 = (pattern.search(name) for pattern in (_FLAIR_NAME, _T1_NAME, _T2_NAME))
    if flair and (t2 or not t1):
        return Recognition("flair", f"named {flair[0]}")
    if bool(t1) == bool(t2):
        return None
    return Recognition("t1", f"named {t1[0]}") if t1 else Recognition("t2", "named T2")


def _with_agent(acquisition: Acquisition, name: str, rule: str) -> Recognition:
    if before := _BEFORE_AGENT_NAME.search(name):  # stronger than the agent: it is often entered once for all series
        return Recognition("t1", f"{rule}, named {before[0]}")
    if acquisition.contrast_agent.strip().upper() not in _NO_AGENT:
        return Recognition("t1c", f"{rule}, Contrast/Bolus Agent {acquisition.contrast_agent}")
    if agent := _AGENT_NAME.search(name):
        return Recognition("t1c", f"{rule}, named {agent[0]}")
    return Recognition("t1", rule)
