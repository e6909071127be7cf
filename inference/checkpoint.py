"""Weights of a network in half precision: one .npz file, read and written in one place."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import WeightsChanged, WeightsMissing

if TYPE_CHECKING:
    import keras


def write_weights(network: "keras.Model", path: Path) -> str:
    """Write the weights and return the file's SHA-256.

    Kernels are rounded to float16; vectors (biases, batch statistics) stay float32, because a variance can
    leave float16's range.
    """
    arrays = {
        f"{number:04d}": np.asarray(weight, dtype=np.float32 if weight.ndim < 2 else np.float16)
        for number, weight in enumerate(network.get_weights())
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return checksum(path)


def read_weights(network: "keras.Model", path: Path, sha256: str) -> None:
    """Read weights into a network of the same build.

    Raises
    ------
    WeightsMissing
        When the file is not there.
    WeightsChanged
        When its checksum is not the one its card states, or it holds the weights of another network.
    """
    if not path.is_file():
        raise WeightsMissing(f"the weights file {path} is missing")
    found = checksum(path)
    if found != sha256:
        raise WeightsChanged(f"{path.name} has the SHA-256 {found}, its card says {sha256}")
    with np.load(path) as stored:
        arrays = [stored[name].astype(np.float32) for name in sorted(stored.files)]
    shapes, needed = [one.shape for one in arrays], [tuple(one.shape) for one in network.weights]
    if shapes != needed:
        raise WeightsChanged(f"{path.name} holds weights of another network than its card describes")
    network.set_weights(arrays)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
