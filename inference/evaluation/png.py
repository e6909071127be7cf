"""A figure as a small PNG file that carries its own caption; the same figure gives the same bytes."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

DOTS_PER_INCH = 90
COLOURS = 64
CAPTION = "Description"


def save(figure: Figure, path: Path, caption: str) -> None:
    """Write a figure with few colours and its caption, without date or version of the software."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH)
    picture = Image.open(stream).convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    text = PngInfo()
    text.add_text(CAPTION, caption)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True, pnginfo=text)


def caption_of(path: Path) -> str:
    """Return what a picture shows, in a sentence; its file's name where nothing was written into it."""
    with Image.open(path) as picture:
        return str(picture.info.get(CAPTION) or path.stem.replace("_", " ").capitalize() + ".")
