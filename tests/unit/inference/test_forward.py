import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from structlog.testing import capture_logs

from inference.forward import HELD_AT_ONCE, LARGEST_ON_CPU, OVERHEAD, Forward
from inference.graph import Graph, compile_graph


@keras.saving.register_keras_serializable("test_forward")
class Hungry(layers.Layer):
    """Passes on what it is given, but has memory for so many examples alone; TensorFlow turns the MemoryError into
    its ResourceExhaustedError, as of an allocation that failed."""

    def __init__(self, most: int, **keywords: object) -> None:
        super().__init__(**keywords)
        self.most = most

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.numpy_function(self._allocate, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {"most": self.most}

    def _allocate(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(array) > self.most:
            raise MemoryError(f"{len(array)} examples")
        return array


class Machine:
    """A GPU that holds so many examples at a time, and a CPU; writes down what ran where."""

    def __init__(self, holds: int, cpu_holds: int = 1000) -> None:
        self.holds = {"GPU:0": holds, "CPU:0": cpu_holds}
        self.ran: list[tuple[str, int]] = []

    def make_graph(self, _network: keras.Model, device: str) -> Graph:
        def run(examples: NDArray[np.float32]) -> NDArray[np.float32]:
            self.ran.append((device, len(examples)))
            if len(examples) > self.holds[device]:
                raise tf.errors.ResourceExhaustedError(None, None, f"OOM when allocating on {device}")
            return examples.sum(axis=(1, 2))

        return run


def network(*body: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 2))
    x = layers.BatchNormalization()(layers.Conv2D(3, 3, padding="same")(inputs))
    for layer in body:
        x = layer(x)
    return keras.Model(inputs, x, name="tiny")


def pictures(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(count, 4, 4, 2)).astype(np.float32)


@pytest.mark.parametrize("device", ["CPU:0", "GPU:0"])  # where there is none, TensorFlow puts it on the CPU
def test_it_answers_as_the_network_does(device: str) -> None:
    net = network()

    answers = Forward(net, 4, device, free=lambda _: None, policy=lambda _: "float32")(pictures(7))

    np.testing.assert_allclose(answers, net(pictures(7), training=False), atol=1e-5)


@pytest.mark.parametrize("device", ["CPU:0", "GPU:0"])
def test_two_runs_are_identical(device: str) -> None:
    one, other = (Forward(network(), 4, device, free=lambda _: None) for _ in range(2))
    everything = one(pictures(7))

    np.testing.assert_array_equal(one(pictures(7)), everything)
    np.testing.assert_array_equal(other(pictures(7)), everything)


def test_a_case_is_divided_into_few_batches_of_like_size() -> None:
    gpu, cpu = Machine(holds=8), Machine(holds=0)

    answers = Forward(network(), 4, "GPU:0", free=lambda _: None, make_graph=gpu.make_graph)(pictures(9))
    Forward(network(), 4, "CPU:0", make_graph=cpu.make_graph)(pictures(40))

    assert gpu.ran == [("GPU:0", 3)] * 3
    np.testing.assert_allclose(answers, pictures(9).sum(axis=(1, 2)), atol=1e-6)
    assert cpu.ran == [("CPU:0", 20)] * 2


def test_large_examples_run_in_smaller_batches_on_the_cpu() -> None:
    machine = Machine(holds=0)
    inputs = keras.Input((2000, 2000, 2))  # with the 3 channels of the convolution 80 MB
    large = keras.Model(inputs, layers.Conv2D(3, 3, padding="same")(inputs))

    Forward(large, device="CPU:0", make_graph=machine.make_graph)(np.zeros((13, 1, 1, 2), np.float32))

    assert [count for _, count in machine.ran] == [6, 7]


def test_bfloat16_answers_nearly_as_float32() -> None:
    net = network(layers.Conv2D(4, 3, strides=2), layers.Conv2D(2, 1))
    exact, short = (Forward(net, policy=lambda _, p=p: p)(pictures(7)) for p in ("float32", "mixed_bfloat16"))

    assert exact.dtype == short.dtype == np.float32
    assert 0 < np.abs(exact - short).max() < 0.05 * np.abs(exact).max()


def test_the_batch_is_what_half_of_the_free_memory_holds() -> None:
    machine = Machine(holds=8)
    one = 4 * 4 * 4 * (2 + 3)  # float32 of the input and of the convolution, in which the normalisation is folded

    Forward(network(), 8, "GPU:0", free=lambda _: 2 * 3 * one, make_graph=machine.make_graph)(pictures(6))

    assert machine.ran == [("GPU:0", 3)] * 2


def test_a_gpu_without_memory_is_given_half_the_batch_and_that_is_noted_and_logged() -> None:
    machine = Machine(holds=2)
    forward = Forward(network(), 8, "GPU:0", free=lambda _: None, make_graph=machine.make_graph)

    with capture_logs() as lines:
        answers = forward(pictures(3))

    np.testing.assert_allclose(answers, pictures(3).sum(axis=(1, 2)), atol=1e-6)
    assert machine.ran == [("GPU:0", 3), ("GPU:0", 3), ("GPU:0", 2), ("GPU:0", 1)]
    assert forward.take_notes() == ("The GPU had too little memory: tiny ran with 2 of 8 images at a time.",)
    assert [(line["event"], line["batch"]) for line in lines] == [
        ("out of memory", 8),
        ("smaller batch", 4),
        ("out of memory", 4),
        ("smaller batch", 2),
    ]


def test_a_gpu_that_holds_nothing_leaves_the_whole_case_to_the_cpu() -> None:
    machine = Machine(holds=0)
    forward = Forward(network(), 2, "GPU:0", free=lambda _: None, make_graph=machine.make_graph)

    forward(pictures(2))

    assert machine.ran == [("GPU:0", 2), ("GPU:0", 1), ("CPU:0", 2)]
    assert forward.take_notes() == ("The GPU had too little memory: tiny ran on the CPU instead.",)


def test_what_went_wrong_once_is_remembered_for_the_case_and_forgotten_for_the_next() -> None:
    machine = Machine(holds=1)
    forward = Forward(network(), 2, "GPU:0", free=lambda _: None, make_graph=machine.make_graph)

    forward(pictures(2))
    forward(pictures(2))
    assert [count for _, count in machine.ran] == [2, 1, 1, 1, 1]
    forward.take_notes()
    machine.holds["GPU:0"] = 2
    forward(pictures(2))

    assert machine.ran[-1] == ("GPU:0", 2)
    assert forward.take_notes() == ()


def test_a_cpu_with_little_memory_is_given_less_at_a_time() -> None:
    machine = Machine(holds=0, cpu_holds=2)
    forward = Forward(network(), device="CPU:0", make_graph=machine.make_graph)

    forward(pictures(4))

    assert [count for _, count in machine.ran] == [4, 4, 4, 4, 2, 2]
    assert forward.take_notes() == ("The CPU had too little memory: tiny ran with 2 of 32 images at a time.",)


def test_a_cpu_without_memory_for_one_example_says_so() -> None:
    machine = Machine(holds=0, cpu_holds=0)

    with pytest.raises(tf.errors.ResourceExhaustedError, match="CPU:0"):
        Forward(network(), 2, "GPU:0", free=lambda _: None, make_graph=machine.make_graph)(pictures(1))


def test_an_allocation_that_fails_within_tensorflow_is_understood() -> None:
    net = network(Hungry(2))
    forward = Forward(net, 8, "GPU:0", free=lambda _: None)

    answers = forward(pictures(3))

    assert forward.take_notes() == ("The GPU had too little memory: tiny ran with 2 of 8 images at a time.",)
    np.testing.assert_allclose(answers, Forward(net, 2, "GPU:0", free=lambda _: None)(pictures(3)), atol=1e-6)


def test_a_graph_is_made_once_and_warming_makes_it() -> None:
    made = []

    def counted(net: keras.Model, device: str) -> Graph:
        made.append(device)
        return compile_graph(net, device)

    forward = Forward(network(), device="CPU:0", make_graph=counted)
    forward.warm()
    forward(pictures(3))

    assert made == ["CPU:0"]


def test_a_network_of_any_size_of_picture_warms_up_and_runs() -> None:
    inputs = keras.Input((None, None, 1))
    forward = Forward(keras.Model(inputs, layers.Conv2D(1, 3, padding="same")(inputs)), device="CPU:0")

    forward.warm()

    assert forward(np.zeros((2, 6, 5, 1), np.float32)).shape == (2, 6, 5, 1)


def test_its_memory_is_that_of_weights_and_activations() -> None:
    forward = Forward(network(), device="CPU:0")

    weights, activations = 4 * (2 * 3 * 9 + 3 + 4 * 3), 4 * 16 * (2 + 3)
    assert forward.memory == OVERHEAD + 3 * weights + HELD_AT_ONCE * LARGEST_ON_CPU * activations
