"""A real OHIF in a headless Chromium: what it is told to open, what it shows, and whether an overlay lies right."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from support.orthanc import Orthanc
from support.require import REPOSITORY, require_file, require_tool

from dicom_io.volume import Geometry

FOLDER = REPOSITORY / "tests" / "viewer"
PICTURES = REPOSITORY / "out" / "viewer"
LOG = PICTURES / "browser.log"
SEGMENTS, MEASUREMENTS = "panelSegmentation", "trackedMeasurements"  # what OHIF calls its panels
PATIENCE = 150.0
"""Seconds; the driver itself gives up on any one thing after 60."""
ENDED = ""
"""What stands for an answer when none can come any more."""
LEAST_OPACITY = 0.15
OFF_COLOUR = 40.0
"""How far, in grey values, a painted pixel may be from a mixture of the image and the paint."""

Pixels = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a panel: a segment or a measurement."""

    title: str
    details: str


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One slice as the viewer draws it.

    Attributes
    ----------
    pixels
        uint8 (height, width, 3).
    places
        (height, width, 2): where on the slice each pixel lies, as (row, column); whole numbers are voxel centres.
    """

    pixels: Pixels
    places: NDArray[np.float64]

    def of(self, slice_: NDArray[Any]) -> NDArray[Any]:
        """Return what each pixel shows of an array (rows, columns); 0 beside it."""
        rows, columns = np.moveaxis(np.rint(self.places).astype(np.intp), -1, 0)
        inside = (rows >= 0) & (rows < slice_.shape[0]) & (columns >= 0) & (columns < slice_.shape[1])
        return np.where(inside, slice_[np.where(inside, rows, 0), np.where(inside, columns, 0)], 0)

    def nearest(self, row: float, column: float) -> tuple[int, int]:
        """Return the pixel (y, x) that lies nearest to a place on the slice."""
        away = ((self.places - (row, column)) ** 2).sum(axis=-1)
        y, x = np.unravel_index(int(away.argmin()), away.shape)
        return int(y), int(x)


class Viewer:
    """A browser with OHIF, at the studies of one Orthanc; one study is open at a time."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder = process, folder
        self._answers: Queue[str] = Queue()
        Thread(target=self._listen, daemon=True).start()

    def open(self, study_instance_uid: str) -> None:
        """Open a study; its first image is drawn."""
        self._ask("open", study=study_instance_uid)

    def load(self, series_number: int) -> None:
        """Double-click a series of the list."""
        self._ask("load", number=series_number)

    def answer(self, choice: str) -> None:
        """Answer the page's question, such as whether to open a segmentation."""
        self._ask("answer", choice=choice)

    def panel(self, name: str) -> list[Row]:
        """Open the panel of segments or of measurements and return its lines."""
        return [Row(**row) for row in self._ask("panel", name=name)]

    def text(self, words: str) -> str:
        """Wait until the page says these words and return all that it says."""
        return str(self._ask("text", words=words))

    def toggle(self) -> None:
        """Hide all segments, or show them again."""
        self._ask("toggle")

    def picture(self, name: str) -> Path:
        """Keep a picture of the page."""
        self._ask("picture", path=str(PICTURES / f"{name}.png"))
        return PICTURES / f"{name}.png"

    def view(self, geometry: Geometry, shape: Sequence[int], slice_: int) -> View:
        """Go to a slice of a volume of this geometry and shape (slices, rows, columns), and look at it."""
        middle = geometry.position((slice_, shape[1] / 2, shape[2] / 2))
        self._ask("slice", point=middle)
        path = self._folder / "image.png"
        points = [geometry.position(index) for index in ((slice_, 0, 0), (slice_, 1, 0), (slice_, 0, 1))]
        origin, down, right = np.array(self._ask("image", path=str(path), points=points))
        pixels = np.asarray(Image.open(path).convert("RGB"))
        centres = np.moveaxis(np.indices(pixels.shape[:2])[::-1], 0, -1) + 0.5  # (x, y) of each pixel
        return View(pixels, (centres - origin) @ np.linalg.inv([down - origin, right - origin]))

    def _ask(self, what: str, **wishes: object) -> Any:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # said below, with the place of the log
            self._process.stdin.write(json.dumps({"do": what, **wishes}) + "\n")
            self._process.stdin.flush()
        try:
            line = self._answers.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError(f"no answer to {what} within {PATIENCE:g} s; see {LOG}") from None
        if line == ENDED:
            self._answers.put(ENDED)  # for whoever asks next
            raise AssertionError(f"{what}: the browser has ended; see {LOG}")
        answer = json.loads(line)
        if "ok" in answer:
            return answer["ok"]
        seen = LOG if what == "picture" else self.picture("failed")
        raise AssertionError(f"{what} {wishes}: {answer['error']}; see {seen}")

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(ENDED)


@contextmanager
def running_viewer(orthanc: Orthanc, folder: Path) -> Iterator[Viewer]:
    """Run OHIF in Chromium until the end of the block; what the page complains of goes to ``LOG``.

    Raises
    ------
    subprocess.TimeoutExpired
        When it does not end with its block.
    """
    node, chromium = require_tool("node"), require_tool("chromium")
    _install()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with LOG.open("w") as log:
        process = subprocess.Popen(
            [node, "ohif.mjs", chromium, str(orthanc.http_port)],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Viewer(process, folder)
    finally:
        assert process.stdin
        process.stdin.close()  # on which it closes the browser and leaves
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def painted(plain: View, marked: View, colour: tuple[int, int, int]) -> Flags:
    """Return the pixels, (height, width), that a viewer has painted in a colour, thinly or thickly.

    Parameters
    ----------
    plain, marked
        The same slice, without and with its segments.
    """
    before = plain.pixels.astype(float)
    towards, change = np.array(colour) - before, marked.pixels - before
    opacity = (towards * change).sum(axis=-1) / (towards**2).sum(axis=-1)
    apart = np.linalg.norm(change - opacity[..., None] * towards, axis=-1)
    flags: Flags = (opacity > LEAST_OPACITY) & (apart < OFF_COLOUR)
    return flags


def overlap(one: Flags, other: Flags) -> float:
    """Return intersection over union; 1 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def likeness(view: View, slice_: NDArray[np.float32]) -> float:
    """Return how well the grey values of a view follow those of a slice (rows, columns): Pearson's r."""
    some = (slice(None, None, 4),) * 2  # pixels are many, and smaller than voxels
    thin = View(view.pixels[some], view.places[some])
    return float(np.corrcoef(thin.pixels.mean(axis=-1).ravel(), thin.of(slice_).ravel())[0, 1])


def off_line(view: View, line: Sequence[tuple[float, float]], colour: tuple[int, int, int]) -> float:
    """Return how far a line between two places (row, column) is at most from pixels of a colour, in pixels."""
    alike = np.abs(view.pixels.astype(int) - colour).max(axis=-1) < OFF_COLOUR
    away = ndimage.distance_transform_edt(~alike)
    return max(float(away[view.nearest(*place)]) for place in np.linspace(*line, 21))


def _install() -> None:
    """Fetch OHIF and Playwright, as the lock file names them, unless they are there."""
    lock, done = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([require_tool("npm"), "ci", "--loglevel=error"], cwd=FOLDER, check=False, timeout=240)
    require_file(done, f"npm ci in {FOLDER} fetches it")
