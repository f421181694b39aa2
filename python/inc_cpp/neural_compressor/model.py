"""Models as Intel Neural Compressor hands them over."""
from __future__ import annotations

import os
import pathlib
from typing import Any, List

from .._core import ConfigError
from ..result import Result


def plain(model: Any) -> Any:
    """What inc_cpp reads: a path, bytes or a ModelProto, also from a Model of this module."""
    if isinstance(model, Model):
        return str(model.result.path)
    known = isinstance(model, (str, bytes, os.PathLike)) or hasattr(model, "SerializeToString")
    return model.model if not known and hasattr(model, "model") else model


class Model:
    """The best model of a run. `result` is inc_cpp.Result: statistics, report, trials."""

    def __init__(self, result: Result):
        self.result = result

    @property
    def model(self) -> Any:
        """The onnx.ModelProto."""
        return self.result.model

    @property
    def graph(self) -> Any:
        """The ModelProto's graph."""
        return self.model.graph

    def nodes(self) -> List[Any]:
        """The graph's nodes."""
        return list(self.graph.node)

    def framework(self) -> str:
        """INC's name for ONNX models."""
        return "onnxruntime"

    def SerializeToString(self) -> bytes:
        """The model's bytes."""
        return self.result.model_bytes

    def save(self, root: "os.PathLike[str] | str") -> None:
        """Writes the model to that file; into a directory as model.onnx. Raises ConfigError where the directory does not
        exist."""
        path = pathlib.Path(root)
        if path.is_dir():
            path = path / "model.onnx"
        if not path.parent.is_dir():
            raise ConfigError(f"save: '{root}' found, expected a file in a directory that exists")
        self.result.save(path)
