"""Metrics of users: a function of all predictions and labels, or an object fed batch by batch."""
from __future__ import annotations

from typing import Any, Callable, List

import numpy as np

from ._core import ConfigError


def _joined(outputs: List[List[np.ndarray]]) -> Any:
    arrays = [np.concatenate(parts, axis=0) for parts in zip(*outputs)]
    return arrays[0] if len(arrays) == 1 else arrays


def _stacked(labels: List[np.ndarray]) -> Any:
    alike = len({label.shape for label in labels}) <= 1
    return np.stack(labels) if alike and labels else list(labels)


class Whole:
    """metric(outputs, labels) -> float, called once with everything."""

    def __init__(self, function: Callable[[Any, Any], float]):
        self.function = function
        self.reset()

    def reset(self) -> None:
        self.outputs: List[List[np.ndarray]] = []
        self.labels: List[np.ndarray] = []

    def update(self, outputs: List[np.ndarray], labels: List[np.ndarray]) -> None:
        self.outputs.append(outputs)
        self.labels.extend(labels)

    def value(self) -> float:
        return float(self.function(_joined(self.outputs), _stacked(self.labels)))


class Stepwise:
    """An object with update(outputs, labels), value() or result(), and, if it has it, reset()."""

    def __init__(self, metric: Any):
        self.metric = metric

    def reset(self) -> None:
        if hasattr(self.metric, "reset"):
            self.metric.reset()

    def update(self, outputs: List[np.ndarray], labels: List[np.ndarray]) -> None:
        self.metric.update(outputs[0] if len(outputs) == 1 else outputs, _stacked(labels))

    def value(self) -> float:
        return float(self.metric.value() if hasattr(self.metric, "value") else self.metric.result())


def adapted(metric: Any) -> Any:
    """Raises ConfigError for what is neither."""
    if hasattr(metric, "update") and (hasattr(metric, "value") or hasattr(metric, "result")):
        return Stepwise(metric)
    if callable(metric):
        return Whole(metric)
    raise ConfigError(f"metric: {type(metric).__name__} found, expected a name, {{name: parameters}}, a function of "
                      "(outputs, labels), or an object with update(outputs, labels) and value()")
