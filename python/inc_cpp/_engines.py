"""Other engines that execute candidates."""
from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import numpy as np

from ._core import ConfigError

Run = Callable[[List[np.ndarray]], List[np.ndarray]]


def _onnxruntime(threads: int) -> Tuple[str, Callable[[bytes], Run]]:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError(f"engine 'onnxruntime': the package is not installed ({error}); expected `pip install onnxruntime`"
                          ) from error

    def load(model: bytes) -> Run:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [arg.name for arg in session.get_inputs()]
        return lambda arrays: session.run(None, dict(zip(names, arrays)))

    return onnxruntime.__version__, load


def outside(name: str, threads: int) -> Optional[Tuple[str, Callable[[bytes], Run]]]:
    """(version, load) of an engine that is not inc-cpp's own; None for the others."""
    return _onnxruntime(threads) if name == "onnxruntime" else None
