"""The volumes of one study that a model is asked about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dicom_io.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Volumes of one study, keyed by MR sequence ("flair", "t1", "t1c", "t2", "other").

    Attributes
    ----------
    volumes
        As they were read, each on its own grid; the first is the reference, on whose grid findings lie.
    aligned
        Voxels of the other volumes on the reference's grid: float32 (slices, rows, columns), read-only.
    notes
        What a reader of the findings must know of how the case was built, in sentences.

    Raises
    ------
    ValueError
        When an aligned array is not of the reference's shape, or is of a volume that the case lacks.
    """

    study_instance_uid: str
    volumes: Mapping[str, Volume]
    aligned: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the aligned voxels read-only and check that they belong to the case."""
        others = tuple(self.volumes)[1:]
        for sequence, array in self.aligned.items():
            if sequence not in others:
                raise ValueError(
                    f"{sequence} is aligned, the volumes beside the reference are {', '.join(others) or 'none'}"
                )
            if array.shape != self.reference.array.shape:
                raise ValueError(f"{sequence} is aligned as {array.shape}, not as {self.reference.array.shape}")
            array.setflags(write=False)

    @property
    def reference(self) -> Volume:
        """The volume on whose grid findings lie.

        Raises
        ------
        KeyError
            When the case has no volumes.
        """
        for volume in self.volumes.values():
            return volume
        raise KeyError("the case has no volumes")

    def on_reference(self, sequence: str) -> NDArray[np.float32] | None:
        """Return one sequence on the reference's grid, (slices, rows, columns); None when the case lacks it there."""
        if self.volumes.get(sequence) is self.reference:
            return self.reference.array
        return self.aligned.get(sequence)

    def first(self, *sequences: str) -> Volume:
        """Return the volume of the first of these sequences that the case has.

        Raises
        ------
        KeyError
            When it has none of them.
        """
        for sequence in sequences:
            if sequence in self.volumes:
                return self.volumes[sequence]
        raise KeyError(f"none of {', '.join(sequences)} among {', '.join(self.volumes) or 'no volumes'}")
