"""What a person reads of the answers."""

from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from dicom_io.case import Case
from dicom_io.findings import Algorithm, Findings, Score
from node.predict.answer import DISCLAIMER, Answer, State
from node.predict.material import Kind, Material, Question, Unasked
from node.predict.show import show

QUESTION = Question("1.2.3", "classify", ("T1: series 4",), (), datetime(2026, 1, 5, tzinfo=UTC), lambda: Case("1", {}))
FINDINGS = Findings(
    algorithm=Algorithm("classify", "1.0.0", "0" * 64),
    task="classification",
    series_instance_uid="1",
    present=True,
    scores=(Score("no_tumour", 0.1), Score("glioma", 0.9)),
    mask=None,
    summary="Glioma [likely]",
)


def shown(*answers: Answer, unasked: tuple[Unasked, ...] = (), aside: tuple[str, ...] = ()) -> str:
    console = Console(file=StringIO(), width=120)
    show(Material(Kind.DICOM, (QUESTION,), unasked, aside), answers, "out/predict", console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_finding_is_shown_with_scores_the_highest_first_notes_and_files() -> None:
    notes = ("without T1 post contrast",)
    text = shown(Answer(QUESTION, State.ANALYSED, findings=FINDINGS, notes=notes, files=("classify.png",)))

    assert text.index("Glioma 90.0%") < text.index("No tumour 10.0%")
    for words in ("study 1.2.3", "T1: series 4", "Glioma [likely]", "Without T1 post contrast.", "classify.png"):
        assert words in text
    assert "files    out/predict" in text
    assert text.rstrip().endswith(DISCLAIMER)


def test_what_was_refused_not_asked_and_not_used_is_shown_with_its_reason() -> None:
    text = shown(
        Answer(QUESTION, State.REFUSED, "no slice is like T1"),
        unasked=(Unasked("1.2.3", "grade", "lacks T2"),),
        aside=("a.txt is not used: not DICOM",),
    )

    assert "refused: no slice is like T1" in text
    assert "grade was not asked: lacks T2" in text
    assert "a.txt is not used" in text
    assert "out/predict" not in text
