"""Quantizes ONNX models to INT8 and BF16 within an accuracy target, and runs them, on x86 CPUs.

    import inc_cpp
    result = inc_cpp.quantize("model.onnx", calib=images, eval_func=accuracy, target=0.01)
    result.save("model-int8.onnx")
"""
from ._load import core as _find_core

_find_core()

from ._core import (  # noqa: E402
    BackendError, ConfigError, DataError, Dimension, Error, History, InternalError, Knowledge, ModelError, NodeArg,
    Observation, SearchSpace, Sensitivity, UnsupportedError, __version__, datasets, kernels, machine, metrics, operators,
    postprocess, schema_json, schema_markdown, set_threads, strategies, threads, transforms)
from ._quantize import evaluate, quantize  # noqa: E402
from ._task import not_honoured  # noqa: E402
from .benchmarking import Benchmark, benchmark, isas  # noqa: E402
from .diagnosis import Comparison, Diagnosis, compare, doctor  # noqa: E402
from .result import Result  # noqa: E402
from .session import Session  # noqa: E402
from .strategy import Strategy  # noqa: E402

__all__ = [
    "BackendError", "Benchmark", "Comparison", "ConfigError", "DataError", "Diagnosis", "Dimension", "Error", "History",
    "InternalError", "Knowledge", "ModelError", "NodeArg", "Observation", "Result", "SearchSpace", "Sensitivity",
    "Session", "Strategy", "UnsupportedError", "__version__", "benchmark", "compare", "datasets", "doctor", "evaluate",
    "isas", "kernels", "machine", "metrics", "not_honoured", "operators", "postprocess", "quantize", "schema_json",
    "schema_markdown", "set_threads", "strategies", "threads", "transforms"
]
