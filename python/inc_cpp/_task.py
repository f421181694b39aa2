"""Arguments of quantize and evaluate as one task: a configuration, and what the program supplies."""
from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple, Union

from . import _core, _data, _engines, _metrics
from ._core import ConfigError
from ._models import Model, path_or_bytes
from .session import Session
from .strategy import Strategy

Config = Union[None, str, "os.PathLike[str]", Mapping[str, Any]]
APPROACHES = {
    "static": "post_training_static_quant",
    "dynamic": "post_training_dynamic_quant",
    "auto": "auto",
}


def _overrides_of(tree: Mapping[str, Any], prefix: str = "") -> Iterator[Tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _overrides_of(value, f"{prefix}{key}.")
        else:
            yield prefix + key, json.dumps(value)


def _recorded(function: Callable[[Any], float], model: Any, count: int, threads: int) -> List[Dict[str, Any]]:
    """The feeds of the first `count` samples that `function` gives the FP32 model."""
    class Enough(BaseException):
        pass

    class Watched(Session):
        def run(self, output_names: Any, input_feed: Any = None, run_options: Any = None) -> Any:
            feeds = output_names if input_feed is None else input_feed
            arrays = {name: _data.as_array(value).copy() for name, value in feeds.items()}
            found.append(arrays)
            rows = [len(array) if array.ndim else 1 for array in arrays.values()]
            seen.append(max(rows, default=1))
            if sum(seen) >= count:
                raise Enough
            return super().run(output_names, input_feed, run_options)

    found: List[Dict[str, Any]] = []
    seen: List[int] = []
    try:
        function(Watched(model, threads=threads))
    except Enough:
        pass
    return found


class Builder:
    """Fills a _core.Task, argument by argument."""

    def __init__(self, config: Config, model: Optional[Model], threads: Optional[int]):
        self.task = _core.Task()
        self.overrides: Dict[str, str] = {}
        self.task.threads = threads or 0
        if config is None or isinstance(config, Mapping):
            self.task.config_text = json.dumps(config or {}, default=os.fspath)
            self.task.config_file = os.path.join(os.getcwd(), "config")
        else:
            self.task.config_file = os.fspath(config)
        self.given = config if isinstance(config, Mapping) else {}
        if model is not None:
            self.task.model = path_or_bytes(model)
        elif config is None:
            raise ConfigError("no model given: expected `model`, or a configuration with model.path")
        self._ports: Any = None

    def set(self, tree: Mapping[str, Any]) -> None:
        """Configuration keys; they win over those of `config`."""
        self.overrides.update(_overrides_of(tree))

    def inputs(self) -> Any:
        if self.task.model is None:
            raise ConfigError("data were given without a model: expected `model`")
        if self._ports is None:
            self._ports = _core.describe(self.task.model)
        return self._ports[0]

    def calibration(self, data: Any, limit: int, batch_size: Optional[int]) -> None:
        self.task.calibration = _data.samples(data, self.inputs(), "calib", limit)
        self.task.calibration_batch = batch_size or _data.batch_size(data)

    def evaluation(self, data: Any, batch_size: Optional[int]) -> None:
        self.task.evaluation = _data.samples(data, self.inputs(), "eval_data")
        self.task.evaluation_batch = batch_size or _data.batch_size(data)

    def eval_func(self, function: Callable[[Any], float], higher_is_better: bool) -> None:
        if not callable(function):
            raise ConfigError(f"eval_func: {type(function).__name__} found, expected a function of a session")
        self.task.eval_func = function
        self.task.wrap = Session._around
        self.task.metric_name = getattr(function, "__name__", type(function).__name__)
        self.task.higher_is_better = higher_is_better

    def recorded(self, function: Callable[[Any], float], count: int) -> None:
        """Calibration data from what an evaluation function feeds."""
        feeds = _recorded(function, self.task.model, count, self.task.threads)
        self.calibration(feeds, count, None)

    def metric(self, metric: Any, higher_is_better: bool) -> None:
        if isinstance(metric, str):
            metric = {metric: {}}
        if isinstance(metric, Mapping):
            if len(metric) != 1:
                raise ConfigError(f"metric: {', '.join(metric)} found, expected one name")
            self.overrides["evaluation.accuracy.metric"] = json.dumps(metric)
            return
        self.task.metric = _metrics.adapted(metric)
        self.task.metric_name = getattr(metric, "__name__", type(metric).__name__)
        self.task.higher_is_better = getattr(metric, "higher_is_better", higher_is_better)
        self.task.needs_labels = self.task.evaluation is not None and getattr(metric, "needs_labels", True)

    def target(self, target: Union[float, Mapping[str, Any]]) -> None:
        criterion = target if isinstance(target, Mapping) else {"relative": target}
        self.set({"tuning": {"accuracy_criterion": criterion}})

    def approach(self, approach: str) -> None:
        self.set({"quantization": {"approach": APPROACHES.get(approach, approach)}})

    def strategy(self, strategy: Any) -> None:
        if isinstance(strategy, str):
            self.set({"tuning": {"strategy": {"name": strategy}}})
            return
        if isinstance(strategy, Strategy) or not callable(strategy):
            raise ConfigError(f"strategy: {strategy!r} found, expected a name, or a subclass of inc_cpp.Strategy, "
                              "not an object of it")
        self.task.strategy = strategy
        self.task.strategy_name = getattr(strategy, "name", "") or getattr(strategy, "__name__", type(strategy).__name__)

    def engine(self, name: str) -> None:
        self.task.engine = name
        found = _engines.outside(name, self.task.threads)
        if found is not None:
            self.task.engine_version, self.task.load = found

    def done(self) -> _core.Task:
        self.task.overrides = list(self.overrides.items())
        return self.task


def not_honoured(config: Union[str, "os.PathLike[str]", Mapping[str, Any]],
                 overrides: Optional[Mapping[str, Any]] = None) -> List[Dict[str, str]]:
    """What a configuration (a path, or a dict) asks for and is not done, as {"path", "why", "where"}; quantize warns of
    each, or raises where `strict`. Raises ConfigError for a configuration that cannot be read."""
    builder = Builder(config, b"", None)
    builder.set(overrides or {})
    return _core.not_honoured(builder.done())
