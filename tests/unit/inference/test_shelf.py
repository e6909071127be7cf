from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from support.fakes import FakeModel, fake_card
from support.source_series import case_of
from support.volumes import geometry_of, volume_of

from dicom_io.case import Case
from inference.card import ModelCard
from inference.model import Model
from inference.shelf import Served, Shelf


@dataclass(slots=True)
class FakeRunner:
    """Takes so much memory; has ``notes`` once."""

    memory: int = 0
    notes: tuple[str, ...] = ()
    warmed: int = 0

    def warm(self) -> None:
        self.warmed += 1

    def take_notes(self) -> tuple[str, ...]:
        notes, self.notes = self.notes, ()
        return notes


@dataclass(slots=True)
class RunModel(FakeModel):
    """A fake model that runs by a runner."""

    forward: FakeRunner = field(default_factory=FakeRunner)


class Store:
    """Loads models of 10 bytes each, and remembers them."""

    def __init__(self) -> None:
        self.loaded: list[RunModel] = []
        self.other: Callable[[str], Model] | None = None

    def load(self, name: str, other: Callable[[str], Model]) -> Model:
        self.other = other
        self.loaded.append(RunModel(fake_card(name), forward=FakeRunner(memory=10)))
        return self.loaded[-1]


def a_case() -> Case:
    grid = geometry_of(np.eye(3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (4, 16, 16))
    return case_of(volume_of(np.ones((4, 16, 16)), grid))


def test_a_model_is_loaded_when_it_is_first_asked_for_and_kept_warm() -> None:
    store = Store()
    shelf = Shelf(store.load, 100)
    assert store.loaded == []

    first, second = shelf.model("a"), shelf.model("a")

    assert first is second
    assert [(model.card.name, model.forward.warmed) for model in store.loaded] == [("a", 1)]


def test_the_model_used_longest_ago_makes_room() -> None:
    store = Store()
    shelf = Shelf(store.load, 25)

    for name in ("a", "b", "a", "c"):
        shelf.model(name)

    assert shelf.names == ("a", "c")
    shelf.model("b")
    assert [model.card.name for model in store.loaded] == ["a", "b", "c", "b"]


def test_one_model_is_kept_however_large_it_is() -> None:
    shelf = Shelf(Store().load, 1)

    shelf.model("a")
    shelf.model("b")

    assert shelf.names == ("b",)


def test_findings_say_how_the_network_ran_after_what_the_model_says() -> None:
    runner = FakeRunner()
    model = RunModel(forward=runner, before=lambda: setattr(runner, "notes", ("ran on the CPU",)))

    findings = Served(model, runner).predict(a_case())

    assert findings.notes == ("ran on the CPU",)


def test_notes_of_a_case_that_failed_are_not_those_of_the_next() -> None:
    runner = FakeRunner(notes=("of the case before",))

    findings = Served(RunModel(forward=runner), runner).predict(a_case())

    assert findings.notes == ()


def test_a_model_without_a_network_is_served_as_it_is() -> None:
    served = Shelf(lambda _, __: FakeModel(), 1).model("fake_model")

    assert isinstance(served.card, ModelCard)
    assert served.predict(a_case()).notes == ()
    assert served.memory == 0


def test_a_model_that_asks_another_is_given_that_of_the_shelf() -> None:
    store = Store()
    shelf = Shelf(store.load, 100)
    shelf.model("asks")
    assert store.other is not None

    asked = store.other("asked")

    assert asked is shelf.model("asked")
    assert shelf.names == ("asks", "asked")


def test_a_model_at_work_stays_while_it_asks_another() -> None:
    store = Store()
    shelf = Shelf(store.load, 15)
    shelf.model("idle")
    shelf.model("asks")
    ask = store.other
    assert ask is not None

    ask("asked")
    ask("asked")

    assert shelf.names == ("asks", "asked")
    assert len(store.loaded) == 3
    assert shelf.model("idle").card.name == "idle"
    assert shelf.names == ("idle",)
