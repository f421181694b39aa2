"""Models in the forms that users have them in."""
from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from typing import TYPE_CHECKING, Any, Iterator, Union

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


def name_of(model: Model, otherwise: str) -> str:
    """What tables call it: the file's name without its ending."""
    return pathlib.Path(os.fspath(model)).stem if isinstance(model, (str, os.PathLike)) else otherwise


@contextlib.contextmanager
def as_file(model: Model, name: str) -> Iterator[str]:
    """The path of a model; one that is no file is written to one called `name` as long as the context lasts."""
    found = path_or_bytes(model)
    if isinstance(found, str):
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="inc_cpp_") as folder:
        path = pathlib.Path(folder) / f"{name}.onnx"
        path.write_bytes(found)
        yield str(path)
