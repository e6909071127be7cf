"""Which T1s of a study were acquired before the contrast agent, and which after it (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from dicom_io.candidate import Candidate
from dicom_io.names import AgentSaid, agent_said, names_injection, names_repeat, sequence_said

_T1 = frozenset(("t1", "t1c"))
_NAMED, _RECORDED, _LATER, _EARLIER, _DOUBTFUL = 0.95, 0.9, 0.8, 0.7, 0.6


class _Verdict(NamedTuple):
    sequence: str
    confidence: float
    rule: str


@dataclass(frozen=True, slots=True)
class _Evidence:
    """A series that shows that the contrast agent is in: why, in a few words, and as a rule of its own."""

    candidate: Candidate
    why: str
    rule: str
    confidence: float


def tell_contrast(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Tell the T1s of one study apart: "t1" before the contrast agent, "t1c" after it.

    The strongest evidence is a name. An agent in the headers counts unless every T1 has it, for it is often entered
    once for the whole study. Once a series shows that the agent is in, later T1s are after it, and earlier ones before.
    Where no T1 shows it, the later of two T1s of equal timing and plane is after it.

    Parameters
    ----------
    candidates
        All that the series of one study offer, eligible or not, in any order.

    Returns
    -------
    tuple of Candidate
        In the same order. Every T1 has the rule that decided at the end of its rules, and is at most as sure: 0.95 by
        name, 0.9 by the agent recorded, 0.8 later than evidence, 0.7 earlier than it against an agent recorded
        throughout, 0.6 by repetition alone, or where evidence contradicts or says nothing.
    """
    evidence = _evidence(candidates)
    return tuple(_told(one, candidates, evidence) if one.sequence in _T1 else one for one in candidates)


def _told(one: Candidate, candidates: Sequence[Candidate], evidence: Sequence[_Evidence]) -> Candidate:
    verdict = _by_name(one, evidence) or _by_evidence(one, candidates, evidence)
    sure = min(one.confidence, verdict.confidence)
    return replace(one, sequence=verdict.sequence, confidence=sure, rules=(*one.rules, verdict.rule))


def _by_name(one: Candidate, evidence: Sequence[_Evidence]) -> _Verdict | None:
    said = _named(one)
    if said is None:
        return None
    if said.when == "after":
        return _Verdict("t1c", _NAMED, f"{said.words}: after the contrast agent")
    rule, first = f"{said.words}: before the contrast agent", _first(evidence)
    if first and _earlier(first.candidate, one):
        return _Verdict("t1", _DOUBTFUL, f"{rule}, but {_after(one, first)}")
    return _Verdict("t1", _NAMED, rule)


def _by_evidence(one: Candidate, candidates: Sequence[Candidate], evidence: Sequence[_Evidence]) -> _Verdict:
    if later := _named_before_and_later(one, candidates):
        return _Verdict("t1", _LATER, f"{_at(one)}, before {_when(later)}, which was before the contrast agent")
    if own := next((other for other in evidence if other.candidate is one), None):
        return _Verdict("t1c", own.confidence, own.rule)
    first = _first(evidence)
    if first and _earlier(first.candidate, one):
        return _Verdict("t1c", min(_LATER, first.confidence), _after(one, first))
    if not one.agent:
        return _Verdict("t1", 1.0, "nothing speaks for a contrast agent")
    recorded = f"contrast agent {one.agent} recorded throughout the study"
    if first and _earlier(one, first.candidate):
        return _Verdict("t1", _EARLIER, f"{recorded}, but {_at(one)}, before {_when(first.candidate)} ({first.why})")
    return _Verdict("t1c", _DOUBTFUL, f"{recorded}, and nothing tells before from after")


def _evidence(candidates: Sequence[Candidate]) -> tuple[_Evidence, ...]:
    """Return the series that show that the agent is in; T1s by repetition only where none shows it otherwise."""
    certain = tuple(filter(None, (_own_evidence(one, candidates) for one in candidates)))
    if any(_is_t1(one.candidate) for one in certain):
        return certain
    return (*certain, *filter(None, (_repetition(one, candidates) for one in candidates)))


def _own_evidence(one: Candidate, candidates: Sequence[Candidate]) -> _Evidence | None:
    said = _named(one)
    if said and said.when == "after":
        return _Evidence(one, said.words, f"{said.words}: after the contrast agent", _NAMED)
    if one.agent and _credible(one, candidates):
        why = f"contrast agent {one.agent} recorded"
        return _Evidence(one, why, f"{why}, not throughout the study", _RECORDED)
    if names_injection(one.series_description):
        return _Evidence(one, "the agent is injected", "the agent is injected", _LATER)
    return None


def _repetition(one: Candidate, candidates: Sequence[Candidate]) -> _Evidence | None:
    alike = [
        other
        for other in candidates
        if _is_t1(one) and _is_t1(other) and one.timing and (other.timing, other.plane) == (one.timing, one.plane)
        if other.series_instance_uid != one.series_instance_uid and _earlier(other, one)
    ]
    said = _named(one)
    if not alike or (said and said.when == "before") or names_repeat(one.series_description):
        return None
    same = f"of the same timing and plane ({one.timing}, {one.plane})"
    rule = f"{_at(one)}, after {_when(min(alike, key=_order))} {same}: taken for the one after the contrast agent"
    return _Evidence(one, "a T1 repeated", rule, _DOUBTFUL)


def _credible(one: Candidate, candidates: Sequence[Candidate]) -> bool:
    """Say whether an agent in the headers speaks for this series, or was entered once for the whole study."""
    if _is_before(one) or _named_before_and_later(one, candidates):
        return False
    t1s = [other for other in candidates if _is_t1(other)]
    if any(not other.agent or (_is_before(other) and _earlier(other, one)) for other in t1s):
        return True
    others = [other for other in candidates if other is not one and not _is_localizer(other)]
    return not (len(t1s) > 1 or one not in t1s) and (not others or any(not other.agent for other in others))


def _named(one: Candidate) -> AgentSaid | None:
    """Return what the names of a series say; of its other names only the sequence made of them is known here."""
    if said := agent_said(one.series_description):
        return AgentSaid(said.when, f"named {said.words}")
    if one.sequence == "t1c" and not one.agent:
        return AgentSaid("after", "recognised by name")
    return AgentSaid("before", "recognised by name") if one.sequence == "t1" and one.agent else None


def _is_t1(one: Candidate) -> bool:
    return one.sequence in _T1 and one.eligible


def _is_before(one: Candidate) -> bool:
    said = _named(one)
    return _is_t1(one) and said is not None and said.when == "before"


def _is_localizer(one: Candidate) -> bool:
    said = sequence_said(one.series_description)
    return "localizer" in one.reason or (said is not None and said.kind == "a localizer")


def _named_before_and_later(one: Candidate, candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the last T1 that is named as before the agent and was acquired after this one."""
    return max((other for other in candidates if _is_before(other) and _earlier(one, other)), key=_order, default=None)


def _first(evidence: Sequence[_Evidence]) -> _Evidence | None:
    timed = (one for one in evidence if one.candidate.acquired_at)
    return min(timed, key=lambda one: _order(one.candidate), default=None)


def _earlier(one: Candidate, other: Candidate) -> bool:
    return bool(one.acquired_at and other.acquired_at and one.acquired_at < other.acquired_at)


def _order(one: Candidate) -> tuple[datetime, str, str, str]:
    return one.acquired_at or datetime.min, one.series_number, one.series_instance_uid, one.part


def _at(one: Candidate) -> str:
    return f"acquired {one.acquired_at:%H:%M:%S}"


def _when(one: Candidate) -> str:
    return f"{one.name} at {one.acquired_at:%H:%M:%S}"


def _after(one: Candidate, first: _Evidence) -> str:
    return f"{_at(one)}, after {_when(first.candidate)} ({first.why})"
