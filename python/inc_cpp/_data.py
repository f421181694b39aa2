"""Data in the forms that users have it in, as samples without batch axis."""
from __future__ import annotations

import itertools
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from . import _core
from ._core import DataError, NodeArg

LABELS = ("label", "labels")
Sample = Tuple[List[np.ndarray], Optional[np.ndarray]]


def as_array(value: Any) -> np.ndarray:
    """A tensor of another library (anything with detach() and numpy(), or __array__) as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if hasattr(value, "numpy") and not isinstance(value, np.ndarray):
        value = value.numpy()
    return np.asarray(value)


class _Reader:
    """Knows the model's inputs, and so what is a sample and what is a batch."""

    def __init__(self, inputs: Sequence[NodeArg], what: str):
        self.names = [arg.name for arg in inputs]
        self.ranks = [len(arg.shape) for arg in inputs]
        self.what = what

    def split(self, item: Any) -> Tuple[Any, Any]:
        """(inputs, label or None) of one item that an iterable gave."""
        if isinstance(item, Mapping):
            label = next((item[name] for name in LABELS if name in item and name not in self.names), None)
            return item, label
        if not isinstance(item, (tuple, list)):
            return item, None
        count = len(self.names)
        nested = len(item) == 2 and isinstance(item[0], (tuple, list, Mapping))
        if nested or (count == 1 and len(item) == 2):
            return item[0], item[1]
        if len(item) == count + 1:
            return item[:-1], item[-1]
        return item, None

    def arrays(self, inputs: Any) -> List[np.ndarray]:
        """One array per input of the model, in its order."""
        if isinstance(inputs, Mapping):
            missing = [name for name in self.names if name not in inputs]
            if missing:
                raise DataError(f"{self.what}: input '{missing[0]}' is missing: expected {', '.join(self.names)}; "
                                f"found {', '.join(map(str, inputs))}")
            return [as_array(inputs[name]) for name in self.names]
        values = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
        if len(values) != len(self.names):
            raise DataError(f"{self.what}: {len(values)} arrays found, expected {len(self.names)}: {', '.join(self.names)}")
        return [as_array(value) for value in values]

    def samples(self, item: Any) -> Iterator[Sample]:
        """The samples of one item: itself, or, of a batch, each along the first axis."""
        inputs, label = self.split(item)
        arrays = self.arrays(inputs)
        label = None if label is None else as_array(label)
        if not any(array.ndim == rank and rank > 0 for array, rank in zip(arrays, self.ranks)):
            yield [array.copy() for array in arrays], label
            return
        yield from self.rows([array.copy() for array in arrays], label)

    def rows(self, arrays: List[np.ndarray], labels: Optional[np.ndarray]) -> Iterator[Sample]:
        """Samples along the first axis of everything."""
        lengths = {array.shape[0] if array.ndim else 0 for array in arrays}
        if labels is not None and labels.ndim > 0:
            lengths.add(labels.shape[0])
        if len(lengths) != 1:
            raise DataError(f"{self.what}: first axes of {', '.join(map(str, sorted(lengths)))} found, "
                            "expected the same number of samples in every array and in the labels")
        for i in range(lengths.pop()):
            label = labels if labels is None or labels.ndim == 0 else np.asarray(labels[i])
            yield [np.asarray(array[i]) for array in arrays], label

    def read(self, data: Any) -> Iterator[Sample]:
        """All samples of `data`, as they are asked for."""
        if isinstance(data, np.ndarray):
            return self.rows([data], None)
        if isinstance(data, Mapping):
            inputs, labels = self.split(data)
            return self.rows(self.arrays(inputs), None if labels is None else as_array(labels))
        if isinstance(data, tuple) and len(data) == 2 and all(isinstance(part, (np.ndarray, Mapping)) for part in data):
            return self.rows(self.arrays(data[0]), as_array(data[1]))
        if isinstance(data, (str, bytes)) or not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
            raise DataError(f"{self.what}: {type(data).__name__} found, expected an array, a dict of arrays, "
                            "(inputs, labels), or an iterable of samples or batches")
        return itertools.chain.from_iterable(self.samples(item) for item in _items(data))


def _items(data: Any) -> Iterable[Any]:
    return data if hasattr(data, "__iter__") else (data[i] for i in range(len(data)))


def samples(data: Any, inputs: Sequence[NodeArg], what: str, limit: Optional[int] = None) -> _core.Samples:
    """At most `limit` samples. Raises DataError that begins with `what`."""
    reader = _Reader(inputs, what)
    found = list(itertools.islice(reader.read(data), limit))
    if not found:
        raise DataError(f"{what}: no samples found")
    described = f"{what} ({len(found)} samples)"
    return _core.Samples([(list(arrays), label) for arrays, label in found], reader.names, described)


def batch_size(data: Any) -> int:
    """What the loader says of itself; 1 where it says nothing."""
    size = getattr(data, "batch_size", None)
    return size if isinstance(size, int) and size > 0 else 1
