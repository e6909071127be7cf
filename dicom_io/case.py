"""The volumes of one study that a model is asked about."""

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_io.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Volumes of one study, keyed by MR sequence ("flair", "t1", "t1c", "t2", "other")."""

    study_instance_uid: str
    volumes: Mapping[str, Volume]

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
