"""A network's forward pass over a case: batches that fit the device's memory, the same answer every time."""

import gc
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise

import keras
import numpy as np
import structlog
from numpy.typing import NDArray

from inference.device import Policy, find_device, find_policy, free_bytes, memory_errors
from inference.fold import fold
from inference.graph import UNKNOWN, Graph, compile_graph, example_bytes, weight_bytes

LARGEST_BATCH = 8
LARGEST_ON_CPU = 32
SHARE_OF_FREE = 0.5
CPU = "CPU:0"
CPU_BYTES = 1_000_000_000
"""What the activations of a batch may take on the CPU, none of them freed: the same on every machine."""
OVERHEAD = 120_000_000
"""Bytes that a loaded model takes beside weights and activations, as tests/bench/bench_models.py measured it."""
HELD_AT_ONCE = 0.25
"""Share of a batch's activations that are there at the same time, measured there too."""

_log = structlog.get_logger()


class Forward:
    """Runs a network on all slices (or volumes) of a case, in as few batches of like size as memory allows.

    A case is always divided in the same way, so its answers are the same every time. A device without memory for a
    batch is tried with half of it, down to one example; after a GPU comes the CPU. ``take_notes`` says so.

    Parameters
    ----------
    network
        A functional network, (n, ...) -> (n, ...); it is folded at the first call, with the weights that it then has.
    largest_batch
        On a GPU; less where half its free memory does not hold so many.
    device
        "GPU:0" or "CPU:0"; None is the GPU, if there is one.
    policy
        A device -> the Keras dtype policy that the network runs in there.
    free
        A device -> its free memory in bytes, or None where that is unknown.
    make_graph
        A network and a device -> the function that runs it.
    """

    def __init__(
        self,
        network: keras.Model,
        largest_batch: int = LARGEST_BATCH,
        device: str | None = None,
        free: Callable[[str], int | None] = free_bytes,
        policy: Policy = find_policy,
        make_graph: Callable[[keras.Model, str], Graph] = compile_graph,
    ) -> None:
        self.network = network
        self._largest = largest_batch
        self._device = device
        self._free = free
        self._policy = policy
        self._make_graph = make_graph
        self._graphs: dict[str, Graph] = {}
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
                return _run(self._graph(device), inputs, batch)
            except memory_errors() as error:
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
        activations = int(HELD_AT_ONCE * batch * self._example) if device == CPU else 0
        return OVERHEAD + 3 * weight_bytes(self.network) + activations

    @cached_property
    def _example(self) -> int:
        return example_bytes(fold(self.network))

    @cached_property
    def _plan(self) -> tuple[tuple[str, int], ...]:
        """Return where it runs, and what is tried next when memory runs out; decided once, so that results repeat."""
        device = self._device or find_device()
        on_cpu = _halves(CPU, min(LARGEST_ON_CPU, CPU_BYTES // self._example))
        if device == CPU:
            return on_cpu
        free = self._free(device)
        fitting = self._largest if free is None else int(SHARE_OF_FREE * free / self._example)
        return (*_halves(device, min(self._largest, fitting)), *on_cpu)

    def _graph(self, device: str) -> Graph:
        if device not in self._graphs:
            with keras.device(device):  # its weights lie there too
                folded = fold(self.network, self._policy(device))
            self._graphs[device] = self._make_graph(folded, device)
        return self._graphs[device]

    def _give_way(self) -> None:
        """Go on with the next of the plan, and note it in place of what was noted before."""
        self._given_up += 1
        (first, most), (device, batch) = self._plan[0], self._plan[self._given_up]
        if device not in self._graphs:
            self._graphs.clear()
            gc.collect()  # networks and graphs refer to one another in circles
        where = f"with {batch} of {most} images at a time" if device == first else "on the CPU instead"
        self._notes[:] = [f"The {first[:3]} had too little memory: {self.network.name} ran {where}."]
        _log.warning("smaller batch", action="analyse", device=device, batch=batch, network=self.network.name)


def _halves(device: str, batch: int) -> tuple[tuple[str, int], ...]:
    largest = max(1, batch)
    return tuple((device, largest >> times) for times in range(largest.bit_length()))


def _run(graph: Graph, inputs: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """Run the graph batch by batch; only one batch at a time is copied."""
    if not len(inputs):
        raise ValueError("a case without slices")
    bounds = np.linspace(0, len(inputs), -(-len(inputs) // batch) + 1).round().astype(int)
    outputs: NDArray[np.float32] | None = None
    for begin, end in pairwise(bounds):
        answers = graph(np.asarray(inputs[begin:end], dtype=np.float32))
        if outputs is None:
            outputs = np.empty((len(inputs), *answers.shape[1:]), np.float32)
        outputs[begin:end] = answers
    assert outputs is not None
    return outputs
