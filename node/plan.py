"""Which volumes of a study each model is given, what it waits for, and why a volume is left out (pure)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from config import settings
from db.records import Job, JobInput, SeriesRecord, SeriesState
from dicom_io.candidate import Candidate
from dicom_io.choice import Choice, choose
from dicom_io.study import tell_contrast
from node.candidates import defective_in, from_text
from node.decision import Clock, Decision, Enqueue, Need, Place, Plan, Refuse, Wait, in_words, name_of


def plan_study(rows: Sequence[SeriesRecord], needs: Sequence[Need], policy: settings.Completion, now: datetime) -> Plan:
    """Plan a study from its rows. What is still being received is not among its candidates, but renews the waits."""
    complete = [row for row in rows if row.state is not SeriesState.RECEIVING]
    clock = Clock(
        now=now,
        last_received_at=max(row.last_received_at for row in rows),
        # Before the quiet time is over, what is missing may be here already, in a series that is not complete yet.
        needed=timedelta(seconds=max(policy.needed_wait_seconds, policy.quiet_seconds)),
        optional=timedelta(seconds=max(policy.optional_wait_seconds, policy.quiet_seconds)),
    )
    candidates = [candidate for row in complete for candidate in from_text(row.candidates)]
    defective = {Place.of(candidate) for row in complete for candidate in defective_in(row.candidates)}
    return plan(candidates, needs, clock, defective)


def is_made_of(job: Job, series: SeriesRecord) -> bool:
    """Tell whether a job is made of a series as it is now, and not as it was before further instances came."""
    return series.series_instance_uid in job.series_instance_uids and job.enqueued_at > series.last_received_at


def plan(
    candidates: Iterable[Candidate], needs: Sequence[Need], clock: Clock | None, defective: Collection[Place] = ()
) -> Plan:
    """Decide for each model; the order of the candidates does not matter.

    A model is asked as soon as each input has the sequence it prefers. It waits for what else it wants; a volume is
    one input of a model only.

    Parameters
    ----------
    candidates
        What the complete series of one study offer.
    clock
        None where nothing more will come: then no model waits.
    defective
        Where candidates that are not eligible were wanted all the same, had they been volumes: a model that has
        nothing better is not silent about them.
    """
    told = tell_contrast(sorted(candidates, key=_order))
    return Plan(tuple(told), tuple(needs), tuple(_decide(need, told, clock, defective) for need in needs))


def _decide(need: Need, candidates: Sequence[Candidate], clock: Clock | None, defective: Collection[Place]) -> Decision:
    there = [candidate for candidate in candidates if candidate.eligible]
    picks = _assign(need, there)
    found = tuple(JobInput(p.candidate.sequence, *Place.of(p.candidate)) for p in picks if p)
    left_out = {Place.of(one): _why_left_out(one, need, picks) for one in there if not _is_picked(one, picks)}
    lacking, begun = _lacking(need, picks)
    if lacking:
        if clock and begun and (until := clock.until(clock.needed)) > clock.now:
            return Wait(model=need.model, inputs=found, left_out=left_out, missing=lacking, until=until)
        unusable = _unusable(need, picks, [one for one in candidates if Place.of(one) in defective])
        waited = _in_vain(clock, clock.needed) if clock and begun else ""
        reason = "; ".join(
            [f"lacks {' and '.join(lacking)}{waited}", *(f"{u.name}: {u.reason}" for u in unusable if u)]
        )
        reported = _reported(picks, unusable) if waited or any(unusable) else ()
        return Refuse(model=need.model, inputs=found, left_out=left_out, reason=reason, reported=reported)
    wished = _wished(need, picks)
    if clock and wished and (until := clock.until(clock.optional)) > clock.now:
        return Wait(model=need.model, inputs=found, left_out=left_out, missing=wished, until=until)
    reasons = [f"{p.candidate.name} as {name_of(p.candidate.sequence)}: {p.reason}" for p in picks if p and p.reason]
    if wished:
        reasons.append(f"without {' and '.join(wished)}{_in_vain(clock, clock.optional) if clock else ''}")
    return Enqueue(model=need.model, inputs=found, left_out=left_out, reasons=tuple(reasons))


def _assign(need: Need, there: Sequence[Candidate]) -> list[Choice | None]:
    """Give each input a volume of the sequence it likes best; no volume is two, as no sequence is in two inputs."""
    choices = {sequence: choose(there, sequence) for sequence in need.sequences}
    return [next((choices[s] for s in wanted.any_of if choices[s]), None) for wanted in need.inputs]


def _lacking(need: Need, picks: Sequence[Choice | None]) -> tuple[tuple[str, ...], bool]:
    """Name what the model cannot do without and is not there, and say whether anything of it is."""
    needed = [(wanted, pick) for wanted, pick in zip(need.inputs, picks, strict=True) if not wanted.optional]
    lacking = tuple(" or ".join(map(name_of, wanted.any_of)) for wanted, pick in needed if pick is None)
    return lacking, len(lacking) < len(needed)


def _unusable(need: Need, picks: Sequence[Choice | None], defective: Sequence[Candidate]) -> list[Candidate | None]:
    """Find, for each input that is needed and not there, what would have been it; in the order of their places."""
    return [
        None
        if pick or wanted.optional
        else next((one for s in wanted.any_of for one in defective if one.sequence == s and not one.eligible), None)
        for wanted, pick in zip(need.inputs, picks, strict=True)
    ]


def _reported(picks: Sequence[Choice | None], unusable: Sequence[Candidate | None]) -> tuple[JobInput, ...]:
    """Name what a report that nothing was analysed is about: what is there, and what would have been it."""
    about = [pick.candidate if pick else other for pick, other in zip(picks, unusable, strict=True)]
    return tuple(JobInput(one.sequence, *Place.of(one)) for one in about if one)


def _wished(need: Need, picks: Sequence[Choice | None]) -> tuple[str, ...]:
    """Name what would be better than what is there: an optional input, or a sequence that an input prefers."""
    better = []
    for wanted, pick in zip(need.inputs, picks, strict=True):
        rank = wanted.any_of.index(pick.candidate.sequence) if pick else len(wanted.any_of)
        better.append(" or ".join(map(name_of, wanted.any_of[:rank])))
    return tuple(filter(None, better))


def _why_left_out(candidate: Candidate, need: Need, picks: Sequence[Choice | None]) -> str:
    if candidate.sequence not in need.sequences:
        return f"the sequence is {candidate.sequence}; {need.model} wants {need.in_words}"
    rivals = [
        pick.candidate
        for wanted, pick in zip(need.inputs, picks, strict=True)
        if pick and candidate.sequence in wanted.any_of
    ]
    for rival in rivals:
        if rival.sequence == candidate.sequence:
            duel = choose([rival, candidate], candidate.sequence)
            return f"{rival.name}, {duel.reason}" if duel else f"{rival.name} is preferred"
    return f"{rivals[0].name} is preferred: it is {name_of(rivals[0].sequence)}" if rivals else "not chosen"


def _is_picked(candidate: Candidate, picks: Sequence[Choice | None]) -> bool:
    return any(pick is not None and Place.of(pick.candidate) == Place.of(candidate) for pick in picks)


def _in_vain(clock: Clock, wait: timedelta) -> str:
    return f": nothing more of the study came until {in_words(clock.until(wait))}"


def _order(candidate: Candidate) -> tuple[str, str, str]:
    return candidate.series_instance_uid, candidate.part, candidate.reason
