"""Fuzz the way from files to volumes: only Volumes, surveys and DicomInputErrors may come out.

    python tests/fuzz/fuzz_read.py --seconds 600 --seed 1 --json report.json

Good series, real (``--data``) and made up in every form and transfer syntax, get faults in headers and pixels, and are
read by a child process that may use no more memory than ``--memory-mb`` above what it has when it starts, and no more
time than ``--input-seconds`` for one input. Another exception, a crash, a hang, too much memory, a volume that is none
and a reason that no operator can read are findings: their files and traceback are kept below ``--keep``, one for each
exception and last line of our code. A seed and a number make one input: ``--only NUMBER`` runs it alone. The exit
status is 1 when there are findings.
"""

import argparse
import faulthandler
import importlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkProcess
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from fuzz import corpus
from fuzz.elements import Image, encode
from fuzz.mutations import damage_bytes, mutate

Target = Callable[[Sequence[Path]], Counter[str]]

REPOSITORY = Path(__file__).resolve().parents[2]
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one input: the outcomes by class, or a finding."""

    number: int
    series: str
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    peak_mb: float = 0.0
    finding: str = ""
    trace: str = ""


@dataclass(slots=True)
class Report:
    """What a run found."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    peak_mb: float = 0.0
    children: int = 0
    findings: dict[str, dict[str, object]] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fuzz target as the command line says."""
    options = _options(arguments)
    target = _target(options.target)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        series = list(corpus.made_up(Path(folder) / "corpus"))
        if options.data and options.data.is_dir():
            series += corpus.real(options.data)
        started = time.monotonic()
        report = Fuzzer(options, target, series, Path(folder) / "input").run()
        text = json.dumps(_as_json(options, report, len(series), time.monotonic() - started), indent=2)
    sys.stdout.write(text + "\n")
    if options.json:
        options.json.write_text(text + "\n")
    return 1 if report.findings else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long to run (60)")
    parser.add_argument("--seed", type=int, default=0, help="which inputs are made (0)")
    parser.add_argument("--only", type=int, help="run this input alone")
    parser.add_argument("--stop-after", type=int, default=sys.maxsize, help="end after so many inputs with findings")
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data/dicom", help="real series")
    parser.add_argument("--memory-mb", type=int, default=1024, help="memory above that of the start (1024)")
    parser.add_argument("--input-seconds", type=float, default=10, help="time for one input (10)")
    parser.add_argument("--target", default="fuzz.targets:read", help="module:function that is given the paths")
    parser.add_argument("--keep", type=Path, default=REPOSITORY / "out/fuzz", help="where findings are kept")
    parser.add_argument("--json", type=Path, help="where the report is written")
    return parser.parse_args(arguments)


def _target(name: str) -> Target:
    module, _, function = name.partition(":")
    target: Target = getattr(importlib.import_module(module), function)
    return target


def _as_json(options: argparse.Namespace, report: Report, series: int, seconds: float) -> dict[str, object]:
    return {
        "command": f"python tests/fuzz/fuzz_read.py --seconds {options.seconds:g} --seed {options.seed}",
        "series_in_corpus": series,
        "seconds": round(seconds, 1),
        "inputs": report.inputs,
        "inputs_per_second": round(report.inputs / seconds, 1),
        "outcomes": dict(report.outcomes.most_common()),
        "slowest_input_seconds": round(report.slowest_seconds, 2),
        "peak_memory_above_start_mb": round(report.peak_mb),
        "memory_limit_above_start_mb": options.memory_mb,
        "child_processes": report.children,
        "findings": report.findings,
    }


class Fuzzer:
    """The parent: starts children, gives them numbers of inputs to run, and survives them."""

    def __init__(
        self, options: argparse.Namespace, target: Target, series: Sequence[corpus.Series], folder: Path
    ) -> None:
        self.options, self.target, self.series, self.folder = options, target, series, folder
        self.report = Report()
        self.trace = folder.with_name("trace.txt")
        folder.mkdir()

    def run(self) -> Report:
        """Run inputs until time is up."""
        deadline = time.monotonic() + self.options.seconds
        number, last = (0, sys.maxsize) if self.options.only is None else (self.options.only, self.options.only + 1)
        while number < last and not self._done(deadline):
            number = self._one_child(number, last, deadline)
        return self.report

    def _done(self, deadline: float) -> bool:
        return time.monotonic() > deadline or self.report.outcomes["finding"] >= self.options.stop_after

    def _one_child(self, number: int, last: int, deadline: float) -> int:
        """Run inputs in a new child until it is gone; return the number of the next."""
        context = ForkContext()
        ours, theirs = context.Pipe()
        child = context.Process(target=self._child, args=(theirs,), daemon=True)
        child.start()
        theirs.close()
        self.report.children += 1
        alive = True
        while alive and number < last and not self._done(deadline):
            answer, alive = self._ask(child, ours, number)
            self._take(answer)
            number += 1
        child.kill()
        child.join()
        ours.close()
        return number

    def _ask(self, child: ForkProcess, pipe: Connection, number: int) -> tuple[Answer, bool]:
        """Let the child run one input; whether it can run another."""
        with suppress(EOFError, OSError):
            pipe.send(number)
            if pipe.poll(self.options.input_seconds):
                answer: Answer = pipe.recv()
                return answer, not answer.finding
            os.kill(child.pid or 0, signal.SIGUSR1)  # faulthandler writes where it hangs
            child.join(0.5)
            child.kill()
            return self._lost(number, f"hangs for {self.options.input_seconds:g} s"), False
        child.join()
        return self._lost(number, f"ends the process with {_ending(child.exitcode)}"), False

    def _lost(self, number: int, what: str) -> Answer:
        trace = self.trace.read_text(errors="replace")
        frames = re.findall(r'File "(.+)", line (\d+)', trace)
        place = next((f"{_ours(name)}:{line}" for name, line in frames if _ours(name)), "no line of ours")
        return Answer(number, "", finding=f"{what} at {place}", trace=trace)

    def _take(self, answer: Answer) -> None:
        report = self.report
        report.inputs += 1
        report.outcomes.update(answer.outcomes)
        report.slowest_seconds = max(report.slowest_seconds, answer.seconds)
        report.peak_mb = max(report.peak_mb, answer.peak_mb)
        if answer.finding:
            report.outcomes["finding"] += 1
            known = report.findings.setdefault(answer.finding, {"first": answer.number, "times": 0})
            known["times"] = int(str(known["times"])) + 1
            if known["times"] == 1:
                known["kept"] = str(self._keep(answer, len(report.findings)))

    def _keep(self, answer: Answer, number: int) -> Path:
        """Keep the files and the traceback of a finding."""
        kept: Path = self.options.keep / f"seed{self.options.seed}-{number:03d}"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for path in make_input(self.series, self.options.seed, answer.number, self.folder)[1]:
            shutil.copy(path, kept / path.name)
        (kept / "trace.txt").write_text(f"input {answer.number}\n{answer.finding}\n{answer.trace}", errors="replace")
        return kept

    def _child(self, pipe: Connection) -> None:
        """Run one input after another within the limits."""
        warnings.simplefilter("ignore")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders complain there
        with self.trace.open("w") as trace:
            faulthandler.enable(trace)
            faulthandler.register(signal.SIGUSR1, trace)
            for series in self.series:  # loads the decoders and starts their threads
                with suppress(Exception):
                    self.target(series.paths)
            start = _memory("VmData")
            resident = _memory("VmRSS")
            limit = start + self.options.memory_mb * MIB
            # Not RLIMIT_AS: glibc reserves 64 MiB of it for each thread and never touches most of them.
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
            while True:
                pipe.send(self._answer(pipe.recv(), resident))

    def _answer(self, number: int, resident: int) -> Answer:
        name, paths = make_input(self.series, self.options.seed, number, self.folder)
        _forget_peak()
        started = time.monotonic()
        try:
            outcomes = self.target(paths)
        except BaseException as error:  # noqa: BLE001 - whatever else comes out is what is looked for
            return Answer(number, name, finding=_called(error), trace=traceback.format_exc())
        seconds, peak = time.monotonic() - started, (_memory("VmHWM") - resident) / MIB
        return Answer(number, name, outcomes, seconds, peak)


def make_input(series: Sequence[corpus.Series], seed: int, number: int, folder: Path) -> tuple[str, Sequence[Path]]:
    """Write the input of a number: a good series of which one file, several or all have faults."""
    rng = random.Random(f"{seed}:{number}")
    chosen = rng.choice(series)
    donors = [*chosen.images, *rng.choice(series).images]
    count = len(chosen.paths)
    damaged = set(rng.choice(([rng.randrange(count)], range(count), rng.sample(range(count), rng.randint(1, count)))))
    alike = rng.random() < 0.6
    own_seed = rng.random()
    paths = list(chosen.paths)
    for index in sorted(damaged):
        # The same chance gives all files the same fault: they still fit one another, and are read further.
        chance = random.Random(own_seed) if alike else rng
        paths[index] = folder / f"{index}.dcm"
        paths[index].write_bytes(_damaged(chance, chosen.images[index], donors))
    return chosen.name, paths


def _damaged(rng: random.Random, image: Image, donors: Sequence[Image]) -> bytes:
    if rng.random() < 0.1:
        return damage_bytes(rng, encode(image))
    changed = image.copy()
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        mutate(rng, changed, donors)
    content = encode(changed)
    return damage_bytes(rng, content) if rng.random() < 0.05 else content


def _called(error: BaseException) -> str:
    """Name a finding: the exception, the last line of our code it went through, and what a check said."""
    words = re.sub(r"[^a-z]+", " ", re.split("[:,]", str(error))[0])[:50] if isinstance(error, AssertionError) else ""
    place = _place(error) or (_place(error.__cause__) if error.__cause__ else "")
    return f"{type(error).__name__} at {place or 'no line of ours'} {words}".strip()


def _place(error: BaseException) -> str:
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    return next((f"{_ours(name)}:{line}" for name, line in reversed(frames) if _ours(name)), "")


def _ours(filename: str) -> str:
    """Return the path of a file of the product within the repository."""
    path = Path(filename)
    relative = path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else Path()
    return str(relative) if relative.parts and relative.parts[0] not in ("tests", ".venv") else ""


def _ending(exit_code: int | None) -> str:
    return signal.Signals(-exit_code).name if exit_code is not None and exit_code < 0 else f"status {exit_code}"


def _memory(what: str) -> int:
    """Return bytes of memory of this process as /proc tells them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    sys.exit(main())
