"""What was answered, for people: a row per model and subject."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dicom_io import codes, wording
from node.predict.answer import DISCLAIMER, Answer
from node.predict.material import Kind, Material


def show(material: Material, answers: Sequence[Answer], folder: str, console: Console) -> None:
    """Print findings, or why there are none, then what was not asked or not used, and where the files are."""
    for subject in dict.fromkeys(answer.question.subject for answer in answers):
        title = f"study {subject}" if material.kind is Kind.DICOM else subject
        console.print(_table(title, [answer for answer in answers if answer.question.subject == subject]))
    for said in dict.fromkeys(f"{one.model} was not asked: {one.reason}" for one in material.unasked):
        console.print(Text(said, "yellow"), soft_wrap=True)
    for said in material.aside:
        console.print(Text(said, "yellow"), soft_wrap=True)
    if any(answer.files for answer in answers):
        console.print(Text(f"files    {folder}"), soft_wrap=True)
    console.print(Text(DISCLAIMER, "bold"), soft_wrap=True)


def _table(title: str, answers: Sequence[Answer]) -> Table:
    table = Table(title=Text(title), title_justify="left", show_lines=True, expand=True)
    table.add_column("model, input", ratio=4, overflow="fold")
    table.add_column("finding, scores", ratio=7, overflow="fold")
    table.add_column("files", ratio=4, overflow="fold")
    for answer in answers:
        asked = "\n".join((answer.question.model, *answer.question.inputs))
        table.add_row(Text(asked), _said(answer), Text("\n".join(answer.files)))
    return table


def _said(answer: Answer) -> Text:
    if answer.findings is None:
        return Text(f"{answer.state}: {answer.reason}", "red")
    said = Text(answer.findings.summary, "bold")
    for one in answer.measures:
        said.append(f"\n{codes.segment_codes(one.label).name}: {wording.size(one)}", "not bold")
    for score in sorted(answer.findings.scores, key=lambda score: -score.value):
        said.append(f"\n{wording.label_name(score.label)} {score.value:.1%}", "not bold")
    for note in answer.notes:
        said.append(f"\n{note[:1].upper()}{note[1:].rstrip('. ')}.", "not bold dim")
    return said
