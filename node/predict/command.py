"""``glia predict`` as the command line offers it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from node.predict.wish import Manner, Wish

PathArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="DICOM files or a folder of them, NIfTI, or a PNG or JPEG picture.")
]
ModelOption = Annotated[
    list[str] | None, typer.Option("--model", help="A model to ask (again for another); else all that can be asked.")
]
SequenceOption = Annotated[
    list[str] | None,
    typer.Option("--sequence", help="What NIfTI or a picture shows: flair, t1, t1c or t2; or FILE=t1c."),
]
OutOption = Annotated[Path, typer.Option("--out", help="Where pictures and results go.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", envvar="GLIA_CONFIG", help="A TOML file that overrides default settings."),
]


def predict_command(manner_of: Callable[[Path | None], Manner]) -> Callable[..., None]:
    """Return the command.

    Parameters
    ----------
    manner_of
        A file of settings, or None -> what they say.
    """

    def predict(
        path: PathArgument,
        model: ModelOption = None,
        sequence: SequenceOption = None,
        out: OutOption = Path("out/predict"),
        as_json: JsonOption = False,
        config: ConfigOption = None,
    ) -> None:
        """Let models look at DICOM, NIfTI or a picture, here and now: no database, no listener. Research use only."""
        from node.predict.run import models_of, predict_path  # noqa: PLC0415 - NIfTI slows down every other command

        wish = Wish(path, tuple(sequence or ()), tuple(model or ()), out, as_json)
        manner = manner_of(config)
        raise typer.Exit(predict_path(wish, manner, models_of(manner), Console()))

    return predict
