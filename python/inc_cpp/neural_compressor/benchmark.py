"""benchmark.fit: speed as Intel Neural Compressor prints it. `python -m inc_cpp.neural_compressor.benchmark` is one
instance."""
from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Optional

import numpy as np

from .._core import BackendError, ConfigError
from .._models import path_or_bytes
from ..session import Session
from . import _state
from ._settings import common_not_honoured
from .config import BenchmarkConfig
from .data import inputs_of
from .model import plain

ENOUGH = 64  # batches that are kept, and taken in turn


def _feeds(loader: Any, session: Session) -> List[Dict[str, np.ndarray]]:
    names = [arg.name for arg in session.get_inputs()]
    feeds = []
    for item in itertools.islice(iter(loader), ENOUGH):
        inputs, _ = inputs_of(item)
        if not isinstance(inputs, dict):
            arrays = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
            if len(arrays) != len(names):
                raise ConfigError(f"b_dataloader: {len(arrays)} arrays found, expected {len(names)}: {', '.join(names)}")
            inputs = dict(zip(names, arrays))
        feeds.append({name: np.asarray(array) for name, array in inputs.items()})
    if not feeds:
        raise ConfigError("b_dataloader: no batches found")
    return feeds


def timed(session: Session, feeds: List[Dict[str, np.ndarray]], warmup: int, iterations: int) -> List[float]:
    """Seconds of each run."""
    for i in range(warmup):
        session.run(None, feeds[i % len(feeds)])
    seconds = []
    for i in range(iterations):
        begin = time.perf_counter()
        session.run(None, feeds[i % len(feeds)])
        seconds.append(time.perf_counter() - begin)
    return seconds


def _instances(model: Any, feeds: List[Dict[str, np.ndarray]], conf: BenchmarkConfig, iterations: int) -> List[List[float]]:
    """Seconds of the runs of each instance, all at once, each on cores of its own."""
    cores = sorted(os.sched_getaffinity(0))
    each = conf.cores_per_instance or max(1, len(cores) // conf.num_of_instance)
    if each * conf.num_of_instance > len(cores):
        raise ConfigError(f"BenchmarkConfig: {conf.num_of_instance} instances of {each} cores found, "
                          f"{len(cores)} cores are here")
    with tempfile.TemporaryDirectory(prefix="inc_cpp_") as folder:
        path = path_or_bytes(plain(model))
        if isinstance(path, bytes):
            pathlib.Path(folder, "model.onnx").write_bytes(path)
            path = os.path.join(folder, "model.onnx")
        for i, feed in enumerate(feeds):
            np.savez(os.path.join(folder, f"{i}.npz"), **feed)
        package = str(pathlib.Path(os.path.abspath(__file__)).parents[2])
        search = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        workers = []
        for i in range(conf.num_of_instance):
            task = {"model": path, "folder": folder, "batches": len(feeds), "warmup": conf.warmup, "iterations": iterations,
                    "cores": cores[i * each:(i + 1) * each]}
            environment = {**os.environ, "PYTHONPATH": search, "OMP_NUM_THREADS": str(each)}
            workers.append(subprocess.Popen([sys.executable, "-m", __name__, json.dumps(task)], env=environment,
                                            stdout=subprocess.PIPE, text=True))
        printed = [worker.communicate()[0] for worker in workers]
    if any(worker.returncode for worker in workers):
        raise BackendError("an instance of the benchmark ended with an error; it is printed above")
    return [json.loads(text) for text in printed]


def fit(model: Any, conf: Optional[BenchmarkConfig] = None, b_dataloader: Any = None,
        b_func: Optional[Callable[[Any], Any]] = None, *,
        config: Optional[BenchmarkConfig] = None) -> Optional[Dict[str, float]]:
    """Times an ONNX model on the loader's batches and prints batch size, latency (mean ms of a sample) and throughput
    (samples a second, of all instances). With b_func, calls b_func(onnx.ModelProto) instead, which prints what it likes.
    `config` is another name for conf. Returns {"batch_size", "latency", "throughput"}, or nothing with b_func."""
    conf = conf or config or BenchmarkConfig()
    for what, why in common_not_honoured(conf):
        _state.not_honoured(what, why)
    for name, why in (("inter_num_of_threads", "operators run one after another"),
                      ("intra_num_of_threads", "an instance has as many threads as cores; use cores_per_instance")):
        if getattr(conf, name) is not None:
            _state.not_honoured("BenchmarkConfig." + name, why)
    if b_func is not None:
        import onnx
        source = path_or_bytes(plain(model))
        b_func(onnx.load_model_from_string(source) if isinstance(source, bytes) else onnx.load(source))
        return None
    if b_dataloader is None:
        raise ConfigError("benchmark.fit: nothing to run on found, expected b_dataloader or b_func")
    session = Session(plain(model), threads=1)
    feeds = _feeds(b_dataloader, session)
    iterations = conf.iteration if conf.iteration > 0 else len(feeds)
    runs = _instances(model, feeds, conf, iterations)
    batch = max(len(array) if array.ndim else 1 for array in feeds[0].values())
    means = [float(np.mean(seconds)) for seconds in runs]
    latency, throughput = 1000 * float(np.mean(means)) / batch, sum(batch / mean for mean in means)
    print(f"Batch size = {batch}\nLatency: {latency:.3f} ms\nThroughput: {throughput:.3f} images/sec", flush=True)
    return {"batch_size": batch, "latency": latency, "throughput": throughput}


def _instance(task: Dict[str, Any]) -> None:
    os.sched_setaffinity(0, task["cores"])
    feeds = []
    for i in range(task["batches"]):
        with np.load(os.path.join(task["folder"], f"{i}.npz")) as arrays:
            feeds.append({name: arrays[name] for name in arrays.files})
    session = Session(task["model"], threads=len(task["cores"]))
    print(json.dumps(timed(session, feeds, task["warmup"], task["iterations"])))


if __name__ == "__main__":
    _instance(json.loads(sys.argv[1]))
