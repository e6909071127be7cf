"""The folder that answers are written to: no file of an older answer stays beside those of a newer one."""

import json
from pathlib import Path
from typing import Any

from node.predict.errors import InputRefused

LIST = "findings.json"
"""Everything that was answered, and the names of all other files."""


class Keeper:
    """Writes files into one folder and remembers their names.

    Parameters
    ----------
    folder
        Made when the first file is written. Files there that are not in its list are left alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clear(self) -> None:
        """Remove what an older answer left: nobody may take its segmentation for this patient's.

        Raises
        ------
        InputRefused
            When it cannot be removed.
        """
        try:
            for name in self._listed():
                (self.folder / name).unlink(missing_ok=True)
            (self.folder / LIST).unlink(missing_ok=True)
        except OSError as error:
            raise InputRefused(f"--out {self.folder}: cannot be written to: {error.strerror or error}") from error

    def path(self, name: str) -> Path:
        """Return where a file is to be written.

        Raises
        ------
        InputRefused
            When the folder cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputRefused(f"--out {self.folder}: cannot be made: {error.strerror or error}") from error
        return self.folder / name

    def finish(self, told: dict[str, Any]) -> None:
        """Write down everything that was answered.

        Raises
        ------
        InputRefused
            When it cannot be written.
        """
        try:
            self.path(LIST).write_text(f"{json.dumps(told, indent=2)}\n")
        except OSError as error:
            raise InputRefused(f"--out {self.folder}: cannot be written to: {error.strerror or error}") from error

    def _listed(self) -> list[str]:
        """Return the files that an older answer named, without those that are no plain name in this folder."""
        try:
            told = json.loads((self.folder / LIST).read_text())
            names = [name for analysis in told["analyses"] for name in analysis.get("files", ())]
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
            return []
        return [name for name in names if isinstance(name, str) and Path(name).name == name]
