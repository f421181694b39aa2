"""Data sets and loaders in Intel Neural Compressor's form: (input, label) by index, and batches of them."""
from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Type, Union

import numpy as np

from .._core import ConfigError

Shapes = Union[Sequence[int], Sequence[Sequence[int]]]


def _listed(value: Any, count: int, what: str) -> List[Any]:
    values = list(value) if isinstance(value, (list, tuple)) else [value] * count
    if len(values) == 1:
        values *= count
    if len(values) != count:
        raise ConfigError(f"{what}: {len(values)} values found, expected 1 or {count}")
    return values


def _random(shapes: Sequence[Sequence[int]], low: Any, high: Any, dtype: Any, seed: int) -> List[np.ndarray]:
    rng = np.random.default_rng(seed)
    count = len(shapes)
    bounds = zip(shapes, _listed(low, count, "low"), _listed(high, count, "high"), _listed(dtype, count, "dtype"))
    return [rng.uniform(least, most, shape).astype(kind) for shape, least, most, kind in bounds]


class DummyDataset:
    """Random values; the first size of a shape counts samples. shape: one, or a list with one for each input."""

    def __init__(self, shape: Shapes, low: Any = -128.0, high: Any = 127.0, dtype: Any = "float32", label: bool = True,
                 transform: Optional[Callable[[Any], Any]] = None, filter: Any = None):
        if filter is not None:
            raise ConfigError("dummy: filter is not supported: random samples are all alike")
        shapes = [shape] if isinstance(shape[0], int) else list(shape)  # type: ignore[list-item]
        self.arrays = _random(shapes, low, high, dtype, seed=9527)  # type: ignore[arg-type]
        self.label, self.transform = label, transform

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: int) -> Any:
        inputs = tuple(array[index] for array in self.arrays)
        sample = inputs[0] if len(inputs) == 1 else inputs
        item = (sample, 0) if self.label else sample
        return self.transform(item) if self.transform else item


class DummyDatasetV2:
    """Random values of input_shape (without an axis for samples) and labels of label_shape."""

    def __init__(self, input_shape: Shapes, label_shape: Sequence[int] = (1,), low: Any = -128.0, high: Any = 127.0,
                 dtype: Any = "float32", transform: Optional[Callable[[Any], Any]] = None, filter: Any = None,
                 count: int = 100):
        shapes: Any = [input_shape] if isinstance(input_shape[0], int) else list(input_shape)
        self.inner = DummyDataset([(count, *shape) for shape in shapes], low, high, dtype, False, None, filter)
        self.labels = np.random.default_rng(9527).integers(0, 2, (count, *label_shape))
        self.transform = transform

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> Any:
        item = self.inner[index], self.labels[index]
        return self.transform(item) if self.transform else item


_BY_NAME: Dict[str, Type[Any]] = {"dummy": DummyDataset, "dummy_v2": DummyDatasetV2}


class Datasets:
    """Datasets("onnxrt_qdq")["dummy"](shape=(100, 3, 224, 224)). The files of other data sets are read by name in a
    configuration: inc_cpp.quantize(config=…)."""

    def __init__(self, framework: str = "onnxruntime"):
        if not framework.startswith("onnx"):
            raise ConfigError(f"Datasets: {framework!r} found, expected 'onnxruntime' or a name that begins with onnxrt")

    def __getitem__(self, name: str) -> Type[Any]:
        if name not in _BY_NAME:
            raise ConfigError(f"Datasets: {name!r} found, expected one of {', '.join(_BY_NAME)}; files are read by "
                              "inc_cpp.quantize(config=…) with evaluation.accuracy.dataloader.dataset")
        return _BY_NAME[name]


def _stacked(samples: List[Any]) -> Any:
    first = samples[0]
    if isinstance(first, tuple):
        return tuple(_stacked([sample[i] for sample in samples]) for i in range(len(first)))
    if isinstance(first, list):
        return [_stacked([sample[i] for sample in samples]) for i in range(len(first))]
    if isinstance(first, dict):
        return {key: _stacked([sample[key] for sample in samples]) for key in first}
    return np.stack([np.asarray(sample) for sample in samples])


class DataLoader:
    """Batches of a data set (by index, or an iterable of samples); each iteration begins anew. last_batch: "rollover"
    keeps an incomplete last batch, "discard" drops it."""

    def __init__(self, framework: str, dataset: Any, batch_size: int = 1,
                 collate_fn: Optional[Callable[[List[Any]], Any]] = None, last_batch: str = "rollover",
                 sampler: Optional[Sequence[int]] = None, batch_sampler: Any = None, num_workers: int = 0,
                 pin_memory: bool = False, shuffle: bool = False, distributed: bool = False):
        for name, value, why in (("batch_sampler", batch_sampler, "give sampler"),
                                 ("distributed", distributed, "data is not split")):
            if value:
                raise ConfigError(f"DataLoader.{name} is not supported: {why}")
        if last_batch not in ("rollover", "discard"):
            raise ConfigError(f"DataLoader.last_batch: {last_batch!r} found, expected 'rollover' or 'discard'")
        if batch_size < 1:
            raise ConfigError(f"DataLoader.batch_size: {batch_size} found, expected at least 1")
        self.framework, self.dataset, self.batch_size, self.last_batch = framework, dataset, batch_size, last_batch
        self.collate_fn, self.sampler, self.shuffle = collate_fn or _stacked, sampler, shuffle
        self.num_workers, self.pin_memory = num_workers, pin_memory

    def batch(self, batch_size: int, last_batch: Optional[str] = None) -> None:
        """Another batch size from now on."""
        self.batch_size, self.last_batch = batch_size, last_batch or self.last_batch

    def _samples(self) -> Iterator[Any]:
        if not hasattr(self.dataset, "__getitem__"):
            yield from self.dataset
            return
        order: Sequence[int] = range(len(self.dataset)) if self.sampler is None else list(self.sampler)
        if self.shuffle:
            order = np.random.default_rng(9527).permutation(order).tolist()
        for index in order:
            yield self.dataset[index]

    def __iter__(self) -> Iterator[Any]:
        waiting: List[Any] = []
        for sample in self._samples():
            waiting.append(sample)
            if len(waiting) == self.batch_size:
                yield self.collate_fn(waiting)
                waiting = []
        if waiting and self.last_batch == "rollover":
            yield self.collate_fn(waiting)

    def __len__(self) -> int:
        count = len(self.dataset if self.sampler is None else self.sampler)
        return count // self.batch_size if self.last_batch == "discard" else -(-count // self.batch_size)


def inputs_of(item: Any) -> Tuple[Any, Any]:
    """(inputs, label) of a loader's item; label None where there is none."""
    return (item[0], item[1]) if isinstance(item, (tuple, list)) and len(item) == 2 else (item, None)
