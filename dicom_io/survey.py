"""What volumes a series holds, by its headers alone; what is no volume is refused with its reason."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from dicom_io.attributes import FrameAttributes
from dicom_io.candidate import Candidate
from dicom_io.eligible import why_not
from dicom_io.errors import DicomInputError, MissingSlices, MixedGeometry, NotEligible, UnsupportedPixels
from dicom_io.files import read_dataset
from dicom_io.grid import FEWEST_SLICES, geometry_of, places, plane_of
from dicom_io.header import Frame, acquired_at, acquisition, image_type, largest_b_value, read_frames, series_header
from dicom_io.pixels import MAX_VOXELS, check_header, open_pixels
from dicom_io.sequence import Acquisition, recognise
from dicom_io.split import Group, joined, kinds, split, stacks
from dicom_io.stretch import InstanceFile, size_of
from dicom_io.volume import Geometry, SeriesHeader


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One volume of a series before its pixels are decoded; ``frames`` are in slice order."""

    candidate: Candidate
    header: SeriesHeader
    geometry: Geometry
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Refusal:
    """What of a series no model can have, and why."""

    candidate: Candidate
    error: DicomInputError


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a series holds; UIDs and modality are empty where no file tells them."""

    study_instance_uid: str
    series_instance_uid: str
    modality: str
    parts: tuple[Part, ...]
    refused: tuple[Refusal, ...]

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every volume, then everything that is none."""
        return (*(part.candidate for part in self.parts), *(refusal.candidate for refusal in self.refused))


def survey(paths: Sequence[InstanceFile]) -> Survey:
    """Survey the files of one series. What the input is worth is in the answer, never an exception.

    Raises
    ------
    OSError
        When a file cannot be reached.
    """
    datasets: dict[InstanceFile, Dataset] = {}
    for path in sorted(paths):
        try:
            datasets[path] = read_dataset(path, pixels=False)
        except DicomInputError as error:
            return _refused_as_a_whole(datasets, error)
    return survey_datasets(datasets)


def survey_datasets(datasets: Mapping[InstanceFile, Dataset]) -> Survey:
    """Survey the files of one series that are read already, with or without their Pixel Data."""
    try:
        _check_one_series(datasets)
        opened = _Opened(datasets)
        parts: list[Part] = []
        refused = list(opened.no_images())
        for stack, frames in stacks(opened.frames()):
            for kind, members in kinds(frames, opened.attributes):
                for found in opened.volumes(joined(stack, kind), members):
                    (parts if isinstance(found, Part) else refused).append(found)  # type: ignore[arg-type]
    except DicomInputError as error:
        return _refused_as_a_whole(datasets, error)
    return Survey(*_identity(_first_frame(*next(iter(datasets.items())))), tuple(parts), tuple(refused))


class _Opened:
    """The open files of one series."""

    def __init__(self, datasets: Mapping[InstanceFile, Dataset]) -> None:
        self._datasets = datasets
        self._no_images = {path: reason for path, d in datasets.items() if (reason := _why_no_image(d, path))}

    def attributes(self, frame: Frame) -> FrameAttributes:
        path = frame.source.path
        return FrameAttributes(self._datasets[path], frame.source.frame, path.name)

    def no_images(self) -> Iterator[Refusal]:
        """Yield a refusal for each reason why files are no MR images."""
        for reason in sorted(set(self._no_images.values())):
            paths = [path for path, given in self._no_images.items() if given == reason]
            first = _first_frame(paths[0], self._datasets[paths[0]])
            yield _refusal(_named(first), NotEligible(f"{reason} ({len(paths)} of {len(self._datasets)} files)"))

    def frames(self) -> list[Frame]:
        return [
            frame
            for path, dataset in self._datasets.items()
            if path not in self._no_images
            for frame in read_frames(dataset, path)
        ]

    def volumes(self, label: str, frames: Sequence[Frame]) -> Iterator[Part | Refusal]:
        """Yield the volumes that frames of one stack and image type make up."""
        # Where frames lie at places of their own there is one b-value; else the first may be the b = 0.
        asked = frames if max(map(len, places(frames))) > 1 else frames[:1]
        b_value = largest_b_value(map(self.attributes, asked))
        if reason := _why_not(self.attributes(frames[0]), self._acquisition(frames[0], b_value)):
            yield self._refuse(label, frames, NotEligible(reason))
            return
        try:
            groups = split(frames, self.attributes, self._same_grey_values)
        except DicomInputError as error:
            yield self._refuse(label, frames, error)
            return
        most = max(len(group.frames) for group in groups)
        for group in groups:
            yield self._volume(replace(group, label=joined(label, group.label)), most)

    def _volume(self, group: Group, most: int) -> Part | Refusal:
        first = group.frames[0]
        how = self._acquisition(first, None, group.time_points)
        try:
            if reason := _why_not(self.attributes(first), how):
                raise NotEligible(reason)
            if len(group.frames) < most:
                raise MissingSlices(f"{len(group.frames)} slices, where another volume of the series has {most}")
            geometry = geometry_of(group.frames)
            self._check_pixels(group.frames)
        except DicomInputError as error:
            return self._refuse(group.label, group.frames, error, how)
        candidate = replace(
            self._described(group.label, group.frames, how),
            plane=plane_of(geometry),
            shape=(len(group.frames), first.rows, first.columns),
            spacing=geometry.spacing,
        )
        header = series_header(self.attributes(first), sequence=candidate.sequence, part=group.label)
        return Part(candidate, header, geometry, group.frames)

    def _check_pixels(self, frames: Sequence[Frame]) -> None:
        """Refuse what headers and the sizes of files show to be unreadable, so that a readable series is chosen."""
        first = frames[0].source.path
        needed = check_header(self._datasets[first], first.name)
        shape = (len(frames), frames[0].rows, frames[0].columns)
        if prod(shape) > MAX_VOXELS:
            raise UnsupportedPixels(f"{shape} voxels are more than {MAX_VOXELS}")
        for path, count in Counter(frame.source.path for frame in frames).items():
            if (size := size_of(path)) < count * needed:
                raise UnsupportedPixels(f"{path.name} is cut off: {size} bytes, its pixels alone have {count * needed}")

    def _refuse(
        self, label: str, frames: Sequence[Frame], error: DicomInputError, how: Acquisition | None = None
    ) -> Refusal:
        return _refusal(self._described(label, frames, how or self._acquisition(frames[0])), error)

    def _described(self, label: str, frames: Sequence[Frame], how: Acquisition) -> Candidate:
        first, recognition = self.attributes(frames[0]), recognise(how)
        return replace(
            _named(first),
            part=label,
            sequence=recognition.sequence,
            confidence=recognition.confidence,
            rules=recognition.rules,
            timing=how.timing,
            agent=recognition.agent,
            frame_of_reference_uid=frames[0].frame_of_reference_uid,
            acquired_at=acquired_at(first),
        )

    def _acquisition(self, frame: Frame, b_value: float | None = None, time_points: int = 1) -> Acquisition:
        return acquisition(self.attributes(frame), b_value=b_value, time_points=time_points)

    def _same_grey_values(self, one: Frame, other: Frame) -> bool:
        return np.array_equal(self._grey_values(one), self._grey_values(other))

    def _grey_values(self, frame: Frame) -> NDArray[np.float32]:
        path = frame.source.path
        dataset = self._datasets[path] if "PixelData" in self._datasets[path] else read_dataset(path)
        return open_pixels(dataset, path.name).grey(frame.source.frame, frame.slope, frame.intercept)


def _why_no_image(dataset: Dataset, path: InstanceFile) -> str:
    """Return why a file is not to be looked at as an image; empty when it may be one."""
    attributes = _first_frame(path, dataset)
    return _why_not(attributes, Acquisition(image_type=image_type(attributes)))


def _why_not(attributes: FrameAttributes, how: Acquisition) -> str:
    return why_not(
        how,
        sop_class_uid=attributes.text("SOPClassUID"),
        modality=attributes.text("Modality"),
        samples_per_pixel=int(attributes.number("SamplesPerPixel") or 1),
        photometric=attributes.text("PhotometricInterpretation"),
    )


def _check_one_series(datasets: Mapping[InstanceFile, Dataset]) -> None:
    if not datasets:
        raise MissingSlices(f"a volume needs at least {FEWEST_SLICES} slices, there are none")
    found = {_identity(_first_frame(path, dataset))[:2] for path, dataset in datasets.items()}
    if len(found) > 1:
        named = ", ".join(f"{series} of study {study}" for study, series in sorted(found))
        raise MixedGeometry(f"files of {len(found)} series: {named}")


def _first_frame(path: InstanceFile, dataset: Dataset) -> FrameAttributes:
    return FrameAttributes(dataset, 0, path.name)


def _identity(first: FrameAttributes) -> tuple[str, str, str]:
    return first.text("StudyInstanceUID"), first.text("SeriesInstanceUID"), first.text("Modality")


def _named(first: FrameAttributes) -> Candidate:
    return Candidate(
        series_instance_uid=first.text("SeriesInstanceUID"),
        series_number=first.text("SeriesNumber"),
        series_description=first.text("SeriesDescription"),
    )


def _refusal(candidate: Candidate, error: DicomInputError) -> Refusal:
    return Refusal(replace(candidate, reason=str(error)), error)


def _refused_as_a_whole(datasets: Mapping[InstanceFile, Dataset], error: DicomInputError) -> Survey:
    """Answer that nothing of a series can be read: with files left out no volume is to be trusted."""
    if not datasets:
        return Survey("", "", "", (), (_refusal(Candidate(series_instance_uid=""), error),))
    first = _first_frame(*next(iter(datasets.items())))
    return Survey(*_identity(first), (), (_refusal(_named(first), error),))
