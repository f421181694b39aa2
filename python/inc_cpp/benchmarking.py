"""Timing models."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Union

import numpy as np

from . import _core
from ._core import BackendError, ConfigError
from ._models import Model, as_file, name_of, path_or_bytes
from ._tables import frame

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

ISAS = ("avx2", "avx512_core", "avx512_core_vnni", "avx512_core_bf16", "avx512_core_amx")
#: Of the instruction sets beside that ladder: how many of its steps they have.
BELOW = {"avx2_vnni": 1, "avx512_core_fp16": 4, "avx512_core_amx_fp16": 5}
PRECISIONS = ("fp32", "int8", "bf16", "int8+bf16")
SERVE = "import sys; from inc_cpp.benchmarking import _serve; sys.exit(_serve())"
LATENCIES = ("p50", "p50_low", "p50_high", "mean", "p90", "p99", "min")


def isas() -> List[str]:
    """The instruction sets that this CPU has, least first, by the names that `isa` takes."""
    best = _core.machine()["isa"]
    if best in ISAS:
        return list(ISAS[:ISAS.index(best) + 1])
    return [*ISAS[:BELOW.get(best, 0)], best]


class Benchmark:
    """Timings, one row each: label, precision, isa, threads, batch, latency_ms {p50 and its 95 % interval p50_low …
    p50_high, mean, p90, p99, min}, throughput (samples a second), ratio to the first row of the same isa (ratio_low …
    ratio_high), iterations, prepare_ms, macs, gops, and, where `profile` was asked for, ops."""

    def __init__(self, rows: List[Dict[str, Any]]):
        self.rows = rows

    @property
    def frame(self) -> "pandas.DataFrame":
        """The rows with the latencies as columns p50_ms …, without ops."""
        flat = []
        for row in self.rows:
            latency = {f"{name}_ms": row["latency_ms"][name] for name in LATENCIES}
            flat.append({**{k: v for k, v in row.items() if k not in ("latency_ms", "ops")}, **latency})
        return frame(flat)

    @property
    def ops(self) -> "pandas.DataFrame":
        """Every executed step of every row: label, isa, name, op_type, precision, kernel, ms, …; needs profile=True."""
        return frame([{"label": row["label"], **step} for row in self.rows for step in row.get("ops", [])])

    def plot(self) -> "matplotlib.figure.Figure":
        """Latencies with their intervals, and how many times as fast as the first row everything is. Needs matplotlib."""
        from ._plots import plot_benchmark
        return plot_benchmark(self.rows)

    def __repr__(self) -> str:
        width = max(len(row["label"]) for row in self.rows)
        lines = [f"{row['label']:<{width}}  {row['isa']:<18} {row['latency_ms']['p50']:>10.4f} ms "
                 f"{row['throughput']:>10.1f}/s  ratio {row['ratio']:.3f}" for row in self.rows]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        columns = ("", "precision", "isa", "ms (p50)", "95 % interval", "samples/s", "ratio")
        head = "".join(f"<th>{name}</th>" for name in columns)
        body = ""
        for row in self.rows:
            ms = row["latency_ms"]
            cells = (row["label"], row["precision"], row["isa"], f"{ms['p50']:.4f}",
                     f"{ms['p50_low']:.4f} … {ms['p50_high']:.4f}", f"{row['throughput']:.1f}", f"{row['ratio']:.3f}")
            body += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        return f"<table><tr>{head}</tr>{body}</table>"


def _measured(models: List[Union[str, bytes]], settings: Mapping[str, Any], feeds: Optional[Mapping[str, Any]]) -> List[Any]:
    rows = _core.benchmark(models, settings["precisions"], settings["batch"], settings["shapes"], settings["seconds"],
                           settings["warmup"], settings["iterations"], settings["profile"],
                           None if feeds is None else dict(feeds), settings["threads"])
    machine = _core.machine()
    threads = settings["threads"] or machine["threads"]
    named = len(settings["precisions"])
    labels = settings["labels"]
    for i, row in enumerate(rows):
        if i >= named or settings["precisions"] == [""]:
            row["label"] = labels[i - named + 1] if i >= named else labels[0]
        row.update(isa=machine["isa"], threads=threads)
    return rows


def _under(isa: str, models: List[str], settings: Mapping[str, Any], feeds: Optional[Mapping[str, Any]]) -> List[Any]:
    with tempfile.TemporaryDirectory(prefix="inc_cpp_") as folder:
        arrays = os.path.join(folder, "feeds.npz")
        if feeds is not None:
            np.savez(arrays, **{name: np.asarray(value) for name, value in feeds.items()})
        order = {"models": models, "settings": settings, "feeds": None if feeds is None else arrays}
        done = subprocess.run([sys.executable, "-c", SERVE], input=json.dumps(order), text=True, capture_output=True,
                              env={**os.environ, "INC_MAX_ISA": isa}, check=False)
    if done.returncode != 0:
        kind = ConfigError if done.returncode == ConfigError.exit_code else BackendError
        raise kind(f"isa {isa}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def benchmark(model: Model, *others: Model, precisions: Sequence[str] = (), isa: Union[None, str, Sequence[str]] = None,
              batch: int = 1, shapes: Optional[Mapping[str, Sequence[int]]] = None,
              feeds: Optional[Mapping[str, Any]] = None, seconds: float = 2.0, warmup: int = 5,
              iterations: Optional[int] = None, profile: bool = False, threads: Optional[int] = None) -> Benchmark:
    """Times a model on inc-cpp's engine. Everything takes turns, run by run, so that what disturbs the machine hits all.

    model: a path, bytes or an onnx.ModelProto, in each of the `precisions` ("fp32", "int8" with ranges of the benchmark's
        inputs, "bf16", "int8+bf16"), or as it is; others: models beside it, as they are.
    isa: use no instruction set beyond this one (isas() has those of this CPU); of several, each is measured in a process of
        its own, one after the other.
    batch: samples in a run, where the model leaves it open; shapes: of inputs, by name; feeds: arrays by input name instead
        of random ones.
    seconds: to measure, for each; iterations: timed runs instead. profile: times of single operators too.
    Raises ConfigError, ModelError, DataError.
    """
    unknown = [name for name in precisions if name not in PRECISIONS]
    if unknown:
        raise ConfigError(f"precisions: '{unknown[0]}' found, expected {', '.join(PRECISIONS)}")
    models = [model, *others]
    settings = {"precisions": list(precisions) or [""], "batch": batch, "seconds": seconds, "warmup": warmup,
                "iterations": iterations or -1, "profile": profile, "threads": threads or 0,
                "shapes": {name: list(shape) for name, shape in (shapes or {}).items()},
                "labels": [name_of(one, "model" if i == 0 else f"model {i + 1}") for i, one in enumerate(models)]}
    if isa is None:
        return Benchmark(_measured([path_or_bytes(one) for one in models], settings, feeds))
    rows: List[Any] = []
    with contextlib.ExitStack() as files:
        paths = [os.path.abspath(files.enter_context(as_file(one, "model"))) for one in models]
        for name in [isa] if isinstance(isa, str) else isa:
            rows += _under(name, paths, settings, feeds)
    return Benchmark(rows)


def _serve() -> int:
    """What the process does that times models under a cap of the instruction set: an order from standard input, rows to
    standard output."""
    order = json.load(sys.stdin)
    feeds = dict(np.load(order["feeds"])) if order["feeds"] else None
    try:
        json.dump(_measured(order["models"], order["settings"], feeds), sys.stdout)
    except _core.Error as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0
