"""Running a model."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np

from . import _core
from ._core import DataError, NodeArg
from ._models import Model, path_or_bytes


class Session:
    """A model made ready to run on inc-cpp's engine. Has the calls of `onnxruntime.InferenceSession` that evaluation code
    uses (`run`, `get_inputs`, `get_outputs`). May be used from several threads at once; the GIL is free while kernels run.

    model: a path, the bytes of a ModelProto, or an onnx.ModelProto.
    engine: "onednn", "reference" (scalar, exact, slow); with "-avx2" behind it, INT8 sums saturate as without VNNI.
    threads: of its kernels; None: all cores, or $OMP_NUM_THREADS.
    Raises ModelError, UnsupportedError, ConfigError.
    """

    def __init__(self, model: Model, engine: str = "onednn", threads: Optional[int] = None):
        self._core = _core.Session(path_or_bytes(model), engine, threads or 0)

    @classmethod
    def _around(cls, core: _core.Session) -> "Session":
        made = cls.__new__(cls)
        made._core = core
        return made

    def run(self, output_names: Optional[Sequence[str]], input_feed: Optional[Mapping[str, Any]] = None,
            run_options: Any = None) -> List[np.ndarray]:
        """The outputs named, in that order (None: all), for arrays by input name: `run(None, {"x": x})`, or `run({"x": x})`.
        Raises DataError for an input that is missing, unknown, or of another dtype or shape."""
        if input_feed is None and isinstance(output_names, Mapping):
            output_names, input_feed = None, output_names
        if input_feed is None:
            raise DataError("no inputs given: expected run(output_names, {name: array}) or run({name: array})")
        return self._core.run(None if output_names is None else list(output_names), dict(input_feed), run_options)

    def __call__(self, *arrays: Any, **named: Any) -> Dict[str, np.ndarray]:
        """Outputs by name, for arrays in the order of the inputs or by name."""
        names = [arg.name for arg in self.get_inputs()]
        if len(arrays) > len(names):
            raise DataError(f"{len(arrays)} arrays found, expected {len(names)}: {', '.join(names)}")
        results = self.run(None, {**dict(zip(names, arrays)), **named})
        return {arg.name: array for arg, array in zip(self.get_outputs(), results)}

    def get_inputs(self) -> List[NodeArg]:
        """The model's inputs: name, type ("tensor(float)"), shape (numbers, names, None)."""
        return self._core.get_inputs()

    def get_outputs(self) -> List[NodeArg]:
        """The model's outputs, in the same form."""
        return self._core.get_outputs()

    def profile(self, input_feed: Mapping[str, Any], iterations: int = 10) -> List[Dict[str, Any]]:
        """One row per executed step: name, op_type, precision, kernel, isa, emulated, note, ms (median of `iterations`
        runs), macs (multiply-adds)."""
        return self._core.profile(dict(input_feed), iterations)

    def SerializeToString(self) -> bytes:
        """The model as it runs, fused and quantized, as an ONNX model: for evaluation code that wants a ModelProto, as
        `onnxruntime.InferenceSession(session.SerializeToString())`."""
        return self._core.model_bytes()

    @property
    def precision(self) -> str:
        """What the model computes in: "fp32", "int8", "bf16" or "int8+bf16"."""
        return self._core.precision

    def __repr__(self) -> str:
        args = ", ".join(f"{arg.name}: {arg.type}{arg.shape}" for arg in self.get_inputs())
        return f"<inc_cpp.Session {self.precision} ({args})>"
