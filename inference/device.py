"""The device a network runs on: memory taken as needed, results that repeat, how much memory is free."""

import re
from collections.abc import Callable
from pathlib import Path

import keras

MEMINFO, CPUINFO = Path("/proc/meminfo"), Path("/proc/cpuinfo")
Policy = Callable[[str], str]
"""A device -> the Keras dtype policy of networks there."""
BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
"""Instructions of processors that calculate in bfloat16."""


def prepare_device() -> str:
    """Let TensorFlow take GPU memory as it needs it, make it deterministic, and return "GPU" or "CPU".

    A GPU then calculates in float32 proper, not in the shortened one that TensorFlow prefers: its findings are to be
    those of a CPU.
    """
    import tensorflow as tf  # noqa: PLC0415 - only the worker's process pays for it

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, enable=True)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    keras.utils.set_random_seed(0)
    return "GPU" if gpus else "CPU"


def find_device() -> str:
    """Return where networks run: "GPU:0" where TensorFlow sees one, else "CPU:0"."""
    if keras.backend.backend() != "tensorflow":
        return "CPU:0"
    import tensorflow as tf  # noqa: PLC0415 - as above

    return "GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"


def find_policy(device: str, precision: str = "auto", cpuinfo: Path = CPUINFO) -> str:
    """Return the Keras dtype policy that networks run in: bfloat16 where the processor calculates in it, else float32.

    A GPU keeps float32. What bfloat16 changes in findings is in docs/serving.md.

    Parameters
    ----------
    precision
        "auto", or "float32" for that alone.
    """
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.is_file() else None
    able = flags is not None and not BFLOAT16.isdisjoint(flags[1].split())
    return "mixed_bfloat16" if able and precision == "auto" and device.startswith("CPU") else "float32"


def free_bytes(device: str, meminfo: Path = MEMINFO) -> int | None:
    """Return how much memory a network may still take on a device; None where that is unknown.

    On a GPU it is what TensorFlow found free when it started, less what it has taken since.
    """
    if device.startswith("GPU"):
        return _free_on_gpu(device)
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE) if meminfo.is_file() else None
    return int(found[1]) * 1024 if found else None


def _free_on_gpu(device: str) -> int | None:
    import tensorflow as tf  # noqa: PLC0415 - as above
    from tensorflow.python.client.device_lib import list_local_devices  # noqa: PLC0415 - as above

    limits = {one.name: int(one.memory_limit) for one in list_local_devices()}
    limit = limits.get(f"/device:{device}")
    return None if limit is None else limit - int(tf.config.experimental.get_memory_info(device)["current"])


def memory_errors() -> tuple[type[Exception], ...]:
    """Return what is raised where a device has no memory left."""
    if keras.backend.backend() != "tensorflow":
        return (MemoryError,)
    import tensorflow as tf  # noqa: PLC0415 - as above

    return (MemoryError, tf.errors.ResourceExhaustedError)
