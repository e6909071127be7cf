"""The models of one process: loaded when first asked for, warm, and no more of them at a time than memory allows."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, cast

import structlog

from dicom_io.case import Case
from dicom_io.findings import Findings
from inference.card import ModelCard
from inference.model import Model

_log = structlog.get_logger()


class Runner(Protocol):
    """What runs a model's network; ``inference.forward.Forward`` is one."""

    @property
    def memory(self) -> int:
        """How many bytes it takes while it is loaded."""
        ...

    def warm(self) -> None:
        """Run once, so that no case waits for what only the first run does."""
        ...

    def take_notes(self) -> tuple[str, ...]:
        """Return what a reader must know of how it ran since the last time."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """A loaded model whose findings also say how its network ran, where that was not as usual."""

    model: Model
    runner: Runner | None

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self.model.card

    @property
    def memory(self) -> int:
        """How many bytes it takes."""
        return self.runner.memory if self.runner else 0

    def predict(self, case: Case) -> Findings:
        """Analyse a case; see ``inference.model.Model``."""
        if self.runner is None:
            return self.model.predict(case)
        self.runner.take_notes()  # what an earlier case left that failed
        findings = self.model.predict(case)
        return replace(findings, notes=(*findings.notes, *self.runner.take_notes()))


Load = Callable[[str, Callable[[str], Model]], Model]


class Shelf:
    """Keeps models loaded; those that were used longest ago make room for others.

    Parameters
    ----------
    load
        A model's name, and where a model that it asks is from (this shelf) -> the model, ready to predict.
    most_bytes
        What all of them may take together. One is always kept, however large, and the one that it asks.
    """

    def __init__(self, load: Load, most_bytes: int) -> None:
        self._load = load
        self._most = most_bytes
        self._kept: dict[str, Served] = {}

    def model(self, name: str, asked_by: str | None = None) -> Served:
        """Return a model; load and warm it first where it is not there.

        Parameters
        ----------
        asked_by
            A model at work, which stays.

        Raises
        ------
        inference.errors.ModelError
            When it cannot be loaded.
        """
        served = self._kept.pop(name, None) or self._fetch(name)
        self._kept[name] = served  # as the last used
        while sum(one.memory for one in self._kept.values()) > self._most:
            dropped = next((one for one in self._kept if one not in {name, asked_by}), None)
            if dropped is None:
                break
            del self._kept[dropped]
            gc.collect()  # networks and graphs refer to one another in circles
            _log.info("model dropped", action="analyse", model=dropped, for_model=name)
        return served

    @property
    def names(self) -> tuple[str, ...]:
        """The models that are loaded, that used longest ago first."""
        return tuple(self._kept)

    def _fetch(self, name: str) -> Served:
        model = self._load(name, partial(self.model, asked_by=name))
        runner = cast("Runner | None", getattr(model, "forward", None))
        if runner is not None:
            runner.warm()
        return Served(model, runner)
