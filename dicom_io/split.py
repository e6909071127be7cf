"""Frames of one series -> groups that can each be a volume: by whatever tells apart what lies at one place."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dicom_io.attributes import FrameAttributes
from dicom_io.errors import MissingSlices
from dicom_io.grid import check_one_grid, places
from dicom_io.header import Frame, acquired_at, diffusion_b_value, echo_time, image_type

Attributes = Callable[[Frame], FrameAttributes]


@dataclass(frozen=True, slots=True)
class Group:
    """Frames, one at each place, in order along the normal.

    Attributes
    ----------
    label
        What tells them from the other frames of the series; empty where nothing has to.
    time_points
        How many groups of the series differ from this one in time alone, itself among them.
    """

    label: str
    frames: tuple[Frame, ...]
    time_points: int = 1


class _Mark(NamedTuple):
    """An attribute in which frames at one place may differ."""

    name: str
    read: Callable[[FrameAttributes], object]
    is_time: bool = False
    unit: str = ""


_IMAGE_TYPE = _Mark("image type", lambda a: " ".join(image_type(a)))
_MARKS = (  # in the order in which they are tried
    _Mark("echo", echo_time, unit=" ms"),
    _Mark("b-value", diffusion_b_value),
    _Mark("inversion time", lambda a: a.number("InversionTime", "InversionTimes"), unit=" ms"),
    _Mark("repetition time", lambda a: a.number("RepetitionTime"), unit=" ms"),
    _Mark("contrast phase", lambda a: a.text("ContrastBolusAgentPhase"), is_time=True),
    _Mark("contrast agent", lambda a: a.text("ContrastBolusAgent")),
    _Mark("time point", lambda a: a.number("TemporalPositionIdentifier", "TemporalPositionIndex"), is_time=True),
    _Mark(
        "trigger delay", lambda a: a.number("TriggerTime", "NominalCardiacTriggerDelayTime"), is_time=True, unit=" ms"
    ),
    _Mark("acquisition", lambda a: a.number("AcquisitionNumber", "FrameAcquisitionNumber"), is_time=True),
    _Mark("acquisition time", acquired_at, is_time=True),
)


def stacks(frames: Sequence[Frame]) -> Iterator[tuple[str, tuple[Frame, ...]]]:
    """Yield (label, frames) for each stack that Enhanced MR declares; one without a label where there is one."""
    names = sorted({frame.stack for frame in frames})
    for name in names:
        label = f"stack {name}" if len(names) > 1 else ""
        yield label, tuple(frame for frame in frames if frame.stack == name)


def kinds(frames: Sequence[Frame], attributes: Attributes) -> Iterator[tuple[str, tuple[Frame, ...]]]:
    """Yield (label, frames) for each image type, such as magnitude and phase, where frames of several share places."""
    if max(map(len, places(frames))) == 1:
        yield "", tuple(frames)
        return
    by_type = _by_value(frames, _IMAGE_TYPE, attributes)
    for order, (value, members) in enumerate(by_type, start=1):
        yield _label(_IMAGE_TYPE, order, value) if len(by_type) > 1 else "", members


def split(frames: Sequence[Frame], attributes: Attributes, same: Callable[[Frame, Frame], bool]) -> tuple[Group, ...]:
    """Split the frames of one stack and image type so that no two of a group lie at one place.

    Copies are dropped first: what no attribute tells from another frame at its place, and holds the same grey values.

    Parameters
    ----------
    same
        Whether two frames hold the same grey values; asked only of frames that no attribute tells apart.

    Raises
    ------
    MixedGeometry
        When the frames of a group do not share orientation, matrix, spacing and frame of reference.
    MissingSlices
        When different frames lie at one place and nothing sorts them into volumes.
    """
    at_places = places(frames)
    if max(map(len, at_places)) > 1:
        frames = [frame for place in at_places for frame in _without_copies(place, attributes, same)]
    return tuple(_groups("", frames, _MARKS, attributes, time_points=1))


def _without_copies(
    place: Sequence[Frame], attributes: Attributes, same: Callable[[Frame, Frame], bool]
) -> Sequence[Frame]:
    kept: dict[tuple[object, ...], list[Frame]] = {}
    for frame in place:
        alike = kept.setdefault(tuple(mark.read(attributes(frame)) for mark in _MARKS), [])
        if not any(same(frame, other) for other in alike):
            alike.append(frame)
    return [frame for alike in kept.values() for frame in alike]


def _groups(
    label: str, frames: Sequence[Frame], marks: Sequence[_Mark], attributes: Attributes, time_points: int
) -> Iterator[Group]:
    at_places = places(frames)
    if max(map(len, at_places)) == 1:
        check_one_grid(frames)
        yield Group(label, tuple(place[0] for place in at_places), time_points)
        return
    for number, mark in enumerate(marks):
        by_value = _by_value(frames, mark, attributes)
        if _tells_apart(by_value, at_places):
            times = time_points * len(by_value) if mark.is_time else time_points
            for order, (value, members) in enumerate(by_value, start=1):
                named = joined(label, _label(mark, order, value))
                yield from _groups(named, members, marks[number + 1 :], attributes, times)
            return
    check_one_grid(frames)
    yield from _in_order_of_time(label, at_places, attributes, time_points)


def _tells_apart(by_value: Sequence[tuple[object, Sequence[Frame]]], at_places: Sequence[Sequence[Frame]]) -> bool:
    """Say whether a mark's values stand for volumes: one covers every place, and each doubled place has several.

    Slices that are acquired in packages also have values that differ, but each place has one of them.
    """
    if not 1 < len(by_value) <= max(map(len, at_places)):
        return False
    value_of = {frame: number for number, (_, members) in enumerate(by_value) for frame in members}
    found = [{value_of[frame] for frame in place} for place in at_places]
    covers_all = max(sum(number in values for values in found) for number in range(len(by_value)))
    doubled = (values for place, values in zip(at_places, found, strict=True) if len(place) > 1)
    return covers_all == len(at_places) and all(len(values) > 1 for values in doubled)


def _in_order_of_time(
    label: str, at_places: Sequence[Sequence[Frame]], attributes: Attributes, time_points: int
) -> Iterator[Group]:
    """Split frames by the order in which each place was acquired; the last resort."""
    at = {frame: acquired_at(attributes(frame)) for place in at_places for frame in place}
    times = [[at[frame] for frame in place] for place in at_places]
    repeats = len(at_places[0])
    if any(len(t) != repeats or None in t or len(set(t)) < len(t) for t in times):
        doubled = next(place for place in at_places if len(place) > 1)
        where = ", ".join(f"{coordinate:.2f}" for coordinate in doubled[0].position)
        total = sum(map(len, at_places))
        raise MissingSlices(
            f"{total} slices, and {len(doubled)} different ones at one position ({where}) mm; no attribute sorts them "
            "into volumes"
        )
    ordered = [sorted(place, key=lambda frame: str(at[frame])) for place in at_places]
    for repeat in range(repeats):
        frames = tuple(place[repeat] for place in ordered)
        yield Group(joined(label, f"time point {repeat + 1}"), frames, time_points * repeats)


def _by_value(frames: Sequence[Frame], mark: _Mark, attributes: Attributes) -> list[tuple[object, tuple[Frame, ...]]]:
    """Group frames by the value of a mark, in the order of the values."""
    found: dict[object, list[Frame]] = {}
    for frame in frames:
        found.setdefault(mark.read(attributes(frame)), []).append(frame)
    return [(value, tuple(found[value])) for value in sorted(found, key=_sort_key)]


def _label(mark: _Mark, order: int, value: object) -> str:
    if value in (None, ""):
        return f"{mark.name} {order} (not stated)"
    return f"{mark.name} {order} ({f'{value:g}' if isinstance(value, float) else value}{mark.unit})"


def joined(*labels: str) -> str:
    """Return one label made of several; empty ones are left out."""
    return ", ".join(filter(None, labels))


def _sort_key(value: object) -> tuple[bool, float, str]:
    """Order what is missing first, then numbers, then texts."""
    return value is not None, value if isinstance(value, float) else 0.0, "" if isinstance(value, float) else str(value)
