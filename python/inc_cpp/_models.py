"""Models in the forms that users have them in."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Union

from ._core import ConfigError, ModelError

if TYPE_CHECKING:
    import onnx

Model = Union[str, "os.PathLike[str]", bytes, "onnx.ModelProto"]


def path_or_bytes(model: Model) -> Union[str, bytes]:
    """A path as str, or the bytes of a ModelProto. Raises ConfigError for anything else, ModelError for a ModelProto that is
    too large for bytes (more than 2 GB: pass its path)."""
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model)
    if isinstance(model, (str, os.PathLike)):
        return os.fspath(model)
    serialize: Any = getattr(model, "SerializeToString", None)
    if serialize is None:
        raise ConfigError(f"model: {type(model).__name__} found, expected a path, bytes or an onnx.ModelProto")
    try:
        return serialize()
    except Exception as error:
        raise ModelError(f"the ModelProto cannot be serialized: {error}; models above 2 GB are given by path") from error
