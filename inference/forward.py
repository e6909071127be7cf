"""A network's forward pass over a case: batches that fit the device's memory, the same answer every time."""

from collections.abc import Callable
from functools import cached_property

import keras
import numpy as np
import structlog
from numpy.typing import NDArray

from inference.device import find_device, free_bytes, memory_errors
from inference.fold import fold
from inference.graph import UNKNOWN, Graph, compile_graph, example_bytes, weight_bytes

LARGEST_BATCH = 8
SHARE_OF_FREE = 0.5
CPU = ("CPU:0", 1)
"""One example at a time: its activations then stay in the cache, which no larger batch made up for."""
OVERHEAD = 120_000_000
"""Bytes that a loaded model takes beside weights and activations, as tests/bench/bench_models.py measured it."""

_log = structlog.get_logger()


class Forward:
    """Runs a network on all slices (or volumes) of a case, batch by batch.

    A batch that is not full is filled up: the graph is the same for every example, and no answer depends on what else
    the case holds. A GPU without memory for a batch is tried with half of it, down to one example, and then the whole
    case runs on the CPU; ``take_notes`` says so.

    Parameters
    ----------
    network
        A functional network, (n, ...) -> (n, ...); it is folded at the first call, with the weights that it then has.
    largest_batch
        On a GPU; less where half its free memory does not hold so many.
    device
        "GPU:0" or "CPU:0"; None is the GPU, if there is one.
    free
        A device -> its free memory in bytes, or None where that is unknown.
    make_graph
        A network, a batch size and a device -> the function that runs it.
    """

    def __init__(
        self,
        network: keras.Model,
        largest_batch: int = LARGEST_BATCH,
        device: str | None = None,
        free: Callable[[str], int | None] = free_bytes,
        make_graph: Callable[[keras.Model, int, str], Graph] = compile_graph,
    ) -> None:
        self.network = network
        self._largest = largest_batch
        self._device = device
        self._free = free
        self._make_graph = make_graph
        self._graphs: dict[tuple[str, int], Graph] = {}
        self._given_up = 0
        self._notes: list[str] = []

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, ...) as the network sees it -> (n, ...) as it answers.

        Raises
        ------
        tensorflow.errors.ResourceExhaustedError
            When the memory of the CPU does not hold one example either.
        """
        while True:
            device, batch = self._plan[self._given_up]
            try:
                return _run(self._graph(device, batch), inputs, batch)
            except memory_errors() as error:
                self._graphs.pop((device, batch), None)
                if (device, batch) == self._plan[-1]:
                    raise
                _log.warning("out of memory", action="analyse", device=device, batch=batch, reason=str(error)[:200])
                self._give_way()

    def warm(self) -> None:
        """Make the graph and run it once, so that no case waits for it."""
        self(np.zeros((1, *(axis or UNKNOWN for axis in self.network.input_shape[1:])), np.float32))

    def take_notes(self) -> tuple[str, ...]:
        """Return what a reader must know of how it ran since the last time, and begin anew with the largest batch."""
        notes = tuple(self._notes)
        self._notes.clear()
        self._given_up = 0
        return notes

    @property
    def memory(self) -> int:
        """How many bytes of the host it takes: weights as they were, folded, and as oneDNN wants them; activations."""
        device, batch = self._plan[0]
        activations = batch * example_bytes(self._folded) if device == CPU[0] else 0
        return OVERHEAD + 3 * weight_bytes(self.network) + activations

    @cached_property
    def _folded(self) -> keras.Model:
        return fold(self.network)

    @cached_property
    def _plan(self) -> tuple[tuple[str, int], ...]:
        """Return where it runs, and what is tried next when memory runs out; decided once, so that results repeat."""
        device = self._device or find_device()
        if device == CPU[0]:
            return (CPU,)
        free = self._free(device)
        fitting = self._largest if free is None else int(SHARE_OF_FREE * free / example_bytes(self._folded))
        batch = max(1, min(self._largest, fitting))
        halves = [batch >> times for times in range(batch.bit_length())]
        return (*((device, half) for half in halves), CPU)

    def _graph(self, device: str, batch: int) -> Graph:
        if (device, batch) not in self._graphs:
            self._graphs[device, batch] = self._make_graph(self._folded, batch, device)
        return self._graphs[device, batch]

    def _give_way(self) -> None:
        """Go on with the next of the plan, and note it in place of what was noted before."""
        self._given_up += 1
        device, batch = self._plan[self._given_up]
        where = "on the CPU instead" if device == CPU[0] else f"with {batch} of {self._plan[0][1]} images at a time"
        self._notes[:] = [f"The GPU had too little memory: {self.network.name} ran {where}."]
        _log.warning("smaller batch", action="analyse", device=device, batch=batch, network=self.network.name)


def _run(graph: Graph, inputs: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """Run the graph batch by batch; only one batch at a time is copied."""
    outputs: NDArray[np.float32] | None = None
    for begin in range(0, len(inputs), batch):
        examples = np.asarray(inputs[begin : begin + batch], dtype=np.float32)
        missing = batch - len(examples)
        answers = graph(np.concatenate([examples, np.repeat(examples[-1:], missing, axis=0)]) if missing else examples)
        if outputs is None:
            outputs = np.empty((len(inputs), *answers.shape[1:]), np.float32)
        outputs[begin : begin + batch] = answers[: len(examples)]
    if outputs is None:
        raise ValueError("a case without slices")
    return outputs
