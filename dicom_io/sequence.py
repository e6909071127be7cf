"""Which MR sequence a volume is, by what the scanner recorded first and by its names second (pure)."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from dicom_io.names import Said, agent_said, first_said, image_type_said, names_agent, sequence_said


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """Everything recorded of how a volume was acquired; empty or None where nothing is.

    Times are in ms, flip angles in degrees, b-values in s/mm2.

    Attributes
    ----------
    names
        Series Description, Protocol Name and Sequence Name (Pulse Sequence Name), in that order; empty ones dropped.
    image_type
        Image Type, upper case; for Enhanced MR the Frame Type. Scanning Sequence is translated for Enhanced MR, too.
    acquisition_contrast
        (0008,9209), Enhanced MR only.
    time_points
        How many volumes of the series differ in time alone.
    contrast_agent
        Contrast/Bolus Agent, or the meaning of its code.
    agent_traces
        Other attributes that only an injection explains, such as "ContrastBolusVolume 15".
    """

    names: tuple[str, ...] = ()
    image_type: tuple[str, ...] = ()
    scanning_sequence: tuple[str, ...] = ()
    sequence_variant: tuple[str, ...] = ()
    scan_options: tuple[str, ...] = ()
    acquisition_contrast: str = ""
    complex_component: str = ""
    repetition_time: float | None = None
    echo_time: float | None = None
    inversion_time: float | None = None
    flip_angle: float | None = None
    echo_train_length: float | None = None
    b_value: float | None = None
    time_points: int = 1
    contrast_agent: str = ""
    agent_traces: tuple[str, ...] = ()
    body_part: str = ""
    derivation: str = ""

    @property
    def timing(self) -> str:
        """How it was acquired, such as "SE TR 550 TE 10 TI 900", the same for a repeat after the contrast agent.

        TR and TI are rounded to two digits, TE to 1 ms: scanners shift them a little from one run to the next.
        """
        repetition, echo, inversion = map(_positive, (self.repetition_time, self.echo_time, self.inversion_time))
        words = [
            *sorted(set(self.scanning_sequence)),
            f"TR {float(f'{repetition:.2g}'):g}" if repetition else "",
            f"TE {echo:.0f}" if echo else "",
            f"TI {float(f'{inversion:.2g}'):g}" if inversion else "",
        ]
        return " ".join(filter(None, words))


class Recognition(NamedTuple):
    """Which sequence a volume is: "flair", "t1", "t1c", "t2" or "other".

    The confidence is 0 to 1, see `recognise`. The rules are all that said something, in order, in words, with their
    numbers. The agent is what in the headers (not in the names) speaks for a contrast agent; empty where nothing does.
    """

    sequence: str
    confidence: float
    rules: tuple[str, ...]
    agent: str = ""


class _Finding(NamedTuple):
    sequence: str
    confidence: float
    rule: str


_STATED, _INVERSION, _TIMING, _NAME, _NOTHING = 0.95, 0.9, 0.8, 0.6, 0.3
_AGREEMENT, _CONTRADICTION, _SURE, _INVERSION_NAMED = 0.1, 0.4, 0.99, 0.75
_NAMED_AND_RECORDED, _NAMED, _RECORDED, _NAMED_AGAINST_RECORD, _EXAMINATION = 0.99, 0.95, 0.8, 0.7, 0.6

_CONTRASTS = {"FLUID_ATTENUATED": "flair", "T1": "t1", "T2": "t2", "PROTON_DENSITY": "pd"}
_OTHER_CONTRASTS = frozenset(("DIFFUSION", "FLOW_ENCODED", "PERFUSION", "STIR", "TAGGING", "T2_STAR", "TOF", "SWI"))
_UNDECIDED_CONTRASTS = frozenset(("", "MIXED", "UNKNOWN", "NONE", "OTHER"))


def recognise(acquisition: Acquisition) -> Recognition:
    """Say which MR sequence a volume is, how sure that is, and by which rules.

    Attributes are asked first: the contrast that the scanner states, the inversion time, then TR and TE. Names that
    name one special sequence (STIR, SWI, TOF and the like) are believed against them, because these have the timing of
    a T1 or a T2 and no model may see them; all other names only confirm, or decide where attributes say nothing.

    The confidence is that of the strongest rule: 0.95 stated by the scanner, 0.9 by inversion time, 0.8 by TR and TE,
    0.75 a T2 named FLAIR whose inversion is not recorded, 0.6 by name alone, 0.3 where nothing says. A name that agrees
    adds 0.1 (at most 0.99), one that contradicts takes away 0.4. A T1 is at most as sure as what is known of its agent:
    0.99 named and recorded, 0.95 named, 0.8 recorded, 0.7 named as before the agent but recorded, 0.6 where only the
    name of the examination says. Never raises.
    """
    agent, recorded = _agent(acquisition)
    name = first_said(acquisition.names)
    attribute = _by_kind(acquisition) or _by_stated_contrast(acquisition) or _by_inversion(acquisition)
    found, rules = _weigh(attribute or _by_timing(acquisition, name), name)
    if found.sequence != "t1":
        return Recognition("other" if found.sequence == "pd" else found.sequence, found.confidence, rules, agent)
    sequence, confidence, rule = _with_agent(acquisition, agent, recorded)
    return Recognition(sequence, min(found.confidence, confidence), (*rules, rule) if rule else rules, agent)


def _weigh(attribute: _Finding | None, name: Said | None) -> tuple[_Finding, tuple[str, ...]]:
    """Return what attributes and names say together, and the trace."""
    if name is None:
        found = attribute or _Finding("other", _NOTHING, "neither attributes nor names say")
        return found, (found.rule,)
    named = f"named {name.words}"
    if attribute is None:
        return _Finding(name.sequence, _NAME, named), (named,)
    if attribute.sequence == name.sequence:
        sure = min(_SURE, round(attribute.confidence + _AGREEMENT, 2))
        return attribute._replace(confidence=sure), (attribute.rule, f"{named}: agrees")
    unsure = round(attribute.confidence - _CONTRADICTION, 2)
    if (attribute.sequence, name.sequence) == ("t2", "flair") or (attribute.sequence == "pd" and "FLAIR" in name.words):
        rule = f"{named}: an inversion that is not recorded"
        return _Finding(name.sequence, _INVERSION_NAMED, rule), (attribute.rule, rule)
    if name.sequence == "other":
        return _Finding("other", unsure, named), (attribute.rule, f"{named}: contradicts, such a name counts")
    return attribute._replace(confidence=unsure), (attribute.rule, f"{named}: contradicts, the attributes count")


def _by_kind(acquisition: Acquisition) -> _Finding | None:
    if said := image_type_said(acquisition.image_type):
        return _Finding("other", _STATED, f"Image Type {said.words}")
    if "EP" in acquisition.scanning_sequence:
        return _Finding("other", _STATED, "echo planar")
    if b_value := _positive(acquisition.b_value):
        return _Finding("other", _STATED, f"b-value {b_value:g} s/mm2")
    return None


def _by_stated_contrast(acquisition: Acquisition) -> _Finding | None:
    stated, what = acquisition.acquisition_contrast.strip().upper(), "Acquisition Contrast"
    if stated in _UNDECIDED_CONTRASTS:  # Enhanced MR repeats it as the third value of Image Type
        stated, what = "".join(acquisition.image_type[2:3]).upper(), "Image Type"
        if stated not in _CONTRASTS and stated not in _OTHER_CONTRASTS:
            return None
    sequence, rule = _CONTRASTS.get(stated, "other"), f"{what} {stated}"
    inverted = _by_inversion(acquisition) if sequence == "t2" else None
    if inverted and inverted.sequence == "flair":  # a FLAIR is a T2, too
        return _Finding("flair", _STATED, f"{rule}, {inverted.rule}")
    return _Finding(sequence, _STATED, rule)


def _by_inversion(acquisition: Acquisition) -> _Finding | None:
    inversion, echo = _positive(acquisition.inversion_time), _positive(acquisition.echo_time)
    if not inversion or not echo:
        return None
    timing = f"TI {inversion:g} ms, TE {echo:g} ms"
    if inversion >= 1200 and echo >= 60:  # from 1400 ms at 0.064 T to 2800 ms at 3 T
        return _Finding("flair", _INVERSION, f"{timing}: fluid attenuated")
    if "GR" in acquisition.scanning_sequence and echo < 15:
        return _Finding("t1", _INVERSION, f"{timing}: magnetization-prepared gradient echo")
    if inversion < 300:  # unless it is the delay of a spectral fat saturation
        return None if "FS" in acquisition.scan_options else _Finding("other", _INVERSION, f"{timing}: fat attenuated")
    return _Finding("t1", _INVERSION, f"{timing}: T1-weighted") if inversion < 1400 and echo < 30 else None


def _by_timing(acquisition: Acquisition, name: Said | None) -> _Finding | None:
    repetition, echo = _positive(acquisition.repetition_time), _positive(acquisition.echo_time)
    kinds = acquisition.scanning_sequence
    if not repetition or not echo:
        return None
    if "GR" in kinds or ("SE" not in kinds and "IR" not in kinds and repetition < 50):
        found = _by_gradient_echo(acquisition, repetition, echo)
        unlike = found.sequence == "t1" and name is not None and name.sequence in ("t2", "pd")
        return _Finding("other", _NAME, f"{found.rule}, but not named T1") if unlike else found
    if "IR" in kinds:  # an inversion of unknown time: the name must say
        return None
    if "SE" in kinds or (repetition >= 2000 and echo >= 60):
        return _by_spin_echo(repetition, echo)
    return None


def _by_gradient_echo(acquisition: Acquisition, repetition: float, echo: float) -> _Finding:
    timing = f"gradient echo, TR {repetition:g} ms, TE {echo:g} ms"
    flip = _positive(acquisition.flip_angle) or 0.0
    spoiled = {"SP", "MP"}.intersection(acquisition.sequence_variant)
    if echo >= 15:
        return _Finding("other", _TIMING, f"{timing}: T2*-weighted")
    if flip >= 30 and repetition < 15 and 0.4 <= echo / repetition <= 0.6 and not spoiled:
        return _Finding("other", _TIMING, f"{timing}, flip angle {flip:g}: balanced")
    if 0 < flip <= 30 and 300 <= repetition < 1500:  # longer is the repetition of a prepared block, not of a pulse
        return _Finding("other", _TIMING, f"{timing}, flip angle {flip:g}: not T1-weighted")
    return _Finding("t1", _TIMING, timing)


def _by_spin_echo(repetition: float, echo: float) -> _Finding | None:
    timing = f"spin echo, TR {repetition:g} ms, TE {echo:g} ms"
    if repetition < 1200:
        return _Finding("t1", _TIMING, timing) if echo < 30 else None
    if echo >= 60:
        return _Finding("t2", _TIMING, timing)
    return _Finding("pd", _TIMING, f"{timing}: proton density") if repetition >= 2000 and echo < 30 else None


def _agent(acquisition: Acquisition) -> tuple[str, bool]:
    """Return what in the headers speaks for a contrast agent, and whether that is said of this series itself."""
    flavour = "Image Type POST_CONTRAST" if "POST_CONTRAST" in acquisition.image_type else ""
    recorded = (acquisition.contrast_agent.strip(), flavour, *acquisition.agent_traces)
    if agent := next(filter(names_agent, recorded), ""):
        return agent, True
    for name in acquisition.names[1:]:
        said = agent_said(name)
        if said and said.when == "after" and sequence_said(name) is None:
            return f'"{name}", the name of the examination', False
    return "", False


def _with_agent(acquisition: Acquisition, agent: str, recorded: bool) -> _Finding:
    """Return "t1" or "t1c", how sure the contrast agent is, and by which rule."""
    series_names = [name for i, name in enumerate(acquisition.names) if i == 0 or sequence_said(name)]
    said = next(filter(None, map(agent_said, series_names)), None)
    if said and said.when == "before":  # stronger than the record: the agent is often entered once for all series
        sure = _NAMED_AGAINST_RECORD if agent else _NAMED
        return _Finding("t1", sure, f"named {said.words}" + (f" against contrast agent {agent}" if agent else ""))
    if said:
        sure = _NAMED_AND_RECORDED if recorded else _NAMED
        return _Finding("t1c", sure, f"named {said.words}" + (f", contrast agent {agent}" if agent else ""))
    if "PRE_CONTRAST" in acquisition.image_type:
        return _Finding("t1", _NAMED, "Image Type PRE_CONTRAST")
    if agent:
        return _Finding("t1c", _RECORDED if recorded else _EXAMINATION, f"contrast agent {agent}")
    return _Finding("t1", 1.0, "")


def _positive(number: float | None) -> float | None:
    """Return a number that means something: scanners write 0 for what they did not use."""
    return number if number is not None and math.isfinite(number) and number > 0 else None
