"""``glia demo`` as the command line offers it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from node.demo.errors import DemoError
from node.demo.pacs import Address
from node.demo.run import Plan, run_demo


def demo(
    study: Annotated[Path | None, typer.Option(help="A folder of DICOM files; else a phantom is scanned.")] = None,
    pacs: Annotated[str, typer.Option(help="host:port:AE_TITLE of a real PACS; else one is embedded.")] = "",
    out: Annotated[Path, typer.Option(help="Where results and the picture go.")] = Path("out/demo"),
) -> None:
    """Send a study to a node of its own, and show what comes back."""
    try:
        plan = Plan(study, Address.parse(pacs) if pacs else None, out)
        came_through = run_demo(plan, Console())
    except (DemoError, ValueError) as error:
        typer.echo(f"The demo cannot run: {error}", err=True)
        raise typer.Exit(2) from error
    if not came_through:
        raise typer.Exit(1)
