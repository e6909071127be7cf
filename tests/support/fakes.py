"""Stand-ins that implement our protocols: a model and a sender that do as they are told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from db.records import Result
from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Mask, Score, Segment
from inference.card import Input, ModelCard
from node.senders.base import SendReport

NAME = "fake_model"


def fake_card(name: str = NAME, inputs: tuple[Input, ...] = (Input(("flair",)),)) -> ModelCard:
    return ModelCard(
        name=name,
        version="1.0.0",
        task="segmentation",
        inputs=inputs,
        labels=("flair_abnormality",),
        input_shape=(16, 16, 1),
        network={},
        threshold=0.5,
        weights_file=f"{name}.npz",
        weights_sha256="0" * 64,
        provenance={},
    )


@dataclass(slots=True)
class FakeModel:
    """Finds a box in the middle of every case; ``before`` runs first and may raise."""

    card: ModelCard = field(default_factory=fake_card)
    before: Callable[[], None] = lambda: None
    cases: list[Case] = field(default_factory=list)

    def predict(self, case: Case) -> Findings:
        self.before()
        self.cases.append(case)
        volume = case.first(*self.card.inputs[0].any_of)
        array = np.zeros(volume.array.shape, np.uint8)
        array[1:-1, 4:9, 5:12] = 1
        return Findings(
            algorithm=Algorithm(self.card.name, self.card.version, self.card.weights_sha256),
            task=self.card.task,
            series_instance_uid=volume.header.series_instance_uid,
            present=True,
            scores=(Score("flair_abnormality", 0.75),),
            mask=Mask(array, (Segment(1, "flair_abnormality"),), volume.header.series_instance_uid),
            summary="a box in the middle",
        )


@dataclass(slots=True)
class FakeSender:
    """Notes what it is asked to send and answers with prepared reports; with success when there are none."""

    reports: list[SendReport] = field(default_factory=list)
    sent: list[Path] = field(default_factory=list)

    def send(self, results: Sequence[Result]) -> Iterator[SendReport]:
        for result in results:
            self.sent.append(result.path)
            yield self.reports.pop(0) if self.reports else SendReport(delivered=True)
