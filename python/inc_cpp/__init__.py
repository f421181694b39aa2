"""Quantizes ONNX models to INT8 and BF16 within an accuracy target, and runs them, on x86 CPUs.

    import inc_cpp
    result = inc_cpp.quantize("model.onnx", calib=images, eval_func=accuracy, target=0.01)
    result.save("model-int8.onnx")
"""
from ._load import core as _find_core

_find_core()

from ._core import (  # noqa: E402
    BackendError, ConfigError, DataError, Error, InternalError, ModelError, NodeArg, UnsupportedError, __version__, datasets,
    kernels, machine, metrics, operators, schema_json, schema_markdown, set_threads, strategies, threads, transforms)
from .session import Session  # noqa: E402

__all__ = [
    "BackendError", "ConfigError", "DataError", "Error", "InternalError", "ModelError", "NodeArg", "Session",
    "UnsupportedError", "__version__", "datasets", "kernels", "machine", "metrics", "operators", "schema_json",
    "schema_markdown", "set_threads", "strategies", "threads", "transforms"
]
