"""One process that runs one model by one program, and prints its memory and times as JSON; see bench_models.py."""

import json
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np


def megabytes(name: str) -> int:  # not ru_maxrss: a process inherits that of its parent
    found = re.search(name + r":\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) // 1000


def glia(name: str) -> dict[str, float]:
    import tensorflow  # noqa: F401, PLC0415 - counted as library
    from bench_models import phantom_case  # noqa: PLC0415

    from inference.errors import ModelError  # noqa: PLC0415
    from inference.registry import load  # noqa: PLC0415
    from inference.shelf import Shelf  # noqa: PLC0415

    case = phantom_case(name)
    before = megabytes("VmRSS")
    times = [time.perf_counter()]
    served = Shelf(load, 10**12).model(name)
    times.append(time.perf_counter())
    for _ in range(2):
        with suppress(ModelError):  # the phantom is no patient; the network ran all the same
            served.predict(case)
        times.append(time.perf_counter())
    loading, first, second = (round(float(taken), 3) for taken in np.diff(times))
    return {
        "mb": megabytes("VmHWM") - before,
        "load_and_warm_seconds": loading,
        "first_case_seconds": first,
        "second_case_seconds": second,
    }


def onnxruntime(model: str, inputs: str) -> dict[str, float]:
    import onnxruntime as ort  # noqa: PLC0415

    array = np.load(inputs)
    before = megabytes("VmRSS")
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    for one in array:
        session.run(None, {session.get_inputs()[0].name: one[None]})
    return {"mb": megabytes("VmHWM") - before}


def keras_predict(name: str, inputs: str) -> dict[str, float]:
    import tensorflow  # noqa: F401, PLC0415

    from inference.registry import load  # noqa: PLC0415

    array = np.load(inputs)
    before = megabytes("VmRSS")
    model = load(name)
    for one in array:
        model.network.predict(one[None], verbose=0)  # type: ignore[attr-defined]
    return {"mb": megabytes("VmHWM") - before}


if __name__ == "__main__":
    program = {"glia": glia, "onnxruntime": onnxruntime, "keras_predict": keras_predict}[sys.argv[1]]
    print(json.dumps(program(*sys.argv[2:])))  # noqa: T201 - what it is for
