from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from inference.device import find_device, find_policy, free_bytes, memory_errors, prepare_device


def test_two_networks_built_after_preparation_are_the_same() -> None:
    kernels = []
    for _ in range(2):
        assert prepare_device() in {"CPU", "GPU"}
        kernels.append(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).get_weights()[0])

    np.testing.assert_array_equal(*kernels)


def test_a_prepared_gpu_shortens_no_numbers() -> None:
    prepare_device()

    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_the_device_is_the_gpu_where_there_is_one() -> None:
    assert find_device() == ("GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0")


@pytest.mark.parametrize(
    ("flags", "device", "policy"),
    [
        ("fpu avx512f avx512_bf16 avx2", "CPU:0", "mixed_bfloat16"),
        ("fpu amx_bf16 amx_tile", "CPU:0", "mixed_bfloat16"),
        ("fpu avx512f avx2", "CPU:0", "float32"),
        ("fpu avx512_bf16", "GPU:0", "float32"),
    ],
)
def test_networks_run_in_bfloat16_where_the_processor_has_it(
    flags: str, device: str, policy: str, tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: none\n")

    assert find_policy(device, cpuinfo=cpuinfo) == policy
    assert find_policy(device, cpuinfo=tmp_path / "missing") == "float32"
    assert find_policy(device, "float32", cpuinfo) == "float32"


def test_the_free_memory_is_what_the_kernel_calls_available(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       24689692 kB\nMemFree:  1 kB\nMemAvailable:   19927312 kB\n")

    assert free_bytes("CPU:0", meminfo) == 19927312 * 1024
    assert free_bytes("CPU:0", tmp_path / "missing") is None


def test_a_gpu_that_is_not_there_has_no_known_memory() -> None:
    assert free_bytes("GPU:9") is None


def test_tensorflows_own_error_counts_as_out_of_memory() -> None:
    assert tf.errors.ResourceExhaustedError in memory_errors()
