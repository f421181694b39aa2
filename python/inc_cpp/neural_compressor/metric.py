"""Metrics: those of inc_cpp by name, and objects that evaluation code calls itself."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Type, Union

import numpy as np

from .._core import ConfigError


class Metric:
    """A metric for quantization.fit: Metric(name="topk", k=1), or a class of yours, Metric(MyMetric, name="mine")."""

    def __init__(self, metric_cls: Optional[Type[Any]] = None, name: str = "user_metric", **kwargs: Any):
        self.metric_cls, self.name, self.kwargs = metric_cls, name, kwargs


def lowered(metric: Any) -> Any:
    """As inc_cpp.quantize takes it."""
    if isinstance(metric, Metric):
        return {metric.name: metric.kwargs} if metric.metric_cls is None else metric.metric_cls(**metric.kwargs)
    if isinstance(metric, Mapping):
        return {name: {"k": value} if name == "topk" and isinstance(value, int) else value for name, value in metric.items()}
    return metric


class _Collected:
    """Keeps predictions and labels until result()."""
    higher_is_better = True

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets what was seen."""
        self.predictions: List[np.ndarray] = []
        self.labels: List[np.ndarray] = []

    def update(self, preds: Any, labels: Any, sample_weight: Any = None) -> None:
        """One batch: the first output of the model, and its labels."""
        if sample_weight is not None:
            raise ConfigError("sample_weight is not supported: every sample counts alike")
        predictions = np.asarray(preds[0] if isinstance(preds, (list, tuple)) and len(preds) == 1 else preds)
        labels = np.asarray(labels)
        self.predictions.append(predictions)
        self.labels.append(labels.reshape(-1) if labels.ndim else labels[None])

    def _all(self) -> "tuple[np.ndarray, np.ndarray]":
        if not self.predictions:
            raise ConfigError(f"{type(self).__name__}: nothing was seen, expected update() before result()")
        return np.concatenate(self.predictions), np.concatenate(self.labels)

    def _classes(self) -> "tuple[np.ndarray, np.ndarray]":
        predictions, labels = self._all()
        return predictions.argmax(-1) if predictions.ndim > 1 else predictions, labels

    def _errors(self) -> np.ndarray:
        predictions, labels = self._all()
        return predictions.reshape(-1).astype(np.float64) - labels.reshape(-1)


class TopK(_Collected):
    """The share of samples whose label is among the k largest outputs."""

    def __init__(self, k: int = 1):
        super().__init__()
        self.k = k

    def result(self) -> float:
        predictions, labels = self._all()
        best = np.argsort(-predictions.reshape(len(labels), -1), axis=1, kind="stable")[:, :self.k]
        return float((best == labels[:, None]).any(1).mean())


class Accuracy(_Collected):
    """The share of right classes."""

    def result(self) -> float:
        classes, labels = self._classes()
        return float((classes == labels).mean())


class F1(_Collected):
    """Of two classes, 0 and 1."""

    def result(self) -> float:
        classes, labels = self._classes()
        right = float(((classes == 1) & (labels == 1)).sum())
        return 2 * right / max(1.0, float((classes == 1).sum() + (labels == 1).sum()))


class MSE(_Collected):
    """Mean squared error; lower is better."""
    higher_is_better = False

    def result(self) -> float:
        return float((self._errors() ** 2).mean())


class RMSE(_Collected):
    """Its root; lower is better."""
    higher_is_better = False

    def result(self) -> float:
        return float(np.sqrt((self._errors() ** 2).mean()))


class MAE(_Collected):
    """Mean absolute error; lower is better."""
    higher_is_better = False

    def result(self) -> float:
        return float(np.abs(self._errors()).mean())


_BY_NAME: Dict[str, Type[_Collected]] = {"topk": TopK, "Accuracy": Accuracy, "F1": F1, "MSE": MSE, "RMSE": RMSE, "MAE": MAE}
GeneralTopK = TopK


class METRICS:
    """METRICS("onnxrt_qdq")["topk"](k=1): classes of metrics by INC's names."""

    def __init__(self, framework: Union[str, None] = "onnxruntime"):
        if framework and not framework.startswith("onnx"):
            raise ConfigError(f"METRICS: {framework!r} found, expected 'onnxruntime' or a name that begins with onnxrt")

    def __getitem__(self, name: str) -> Type[_Collected]:
        if name not in _BY_NAME:
            raise ConfigError(f"METRICS: {name!r} found, expected one of {', '.join(_BY_NAME)}; others are for fit: "
                              f"eval_metric={{{name!r}: {{…}}}}")
        return _BY_NAME[name]
