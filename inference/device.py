"""The device a network runs on: GPU memory taken as needed, results that repeat."""

import keras


def prepare_device() -> str:
    """Let TensorFlow take GPU memory as it needs it, make it deterministic, and return "GPU" or "CPU"."""
    import tensorflow as tf  # noqa: PLC0415 - only the worker's process pays for it

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, enable=True)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    return "GPU" if gpus else "CPU"
