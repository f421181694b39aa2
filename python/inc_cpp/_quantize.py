"""quantize and evaluate."""
from __future__ import annotations

import os
import tempfile
import warnings
from typing import Any, Callable, Dict, Mapping, Optional, Type, Union

from . import _core
from ._core import ConfigError
from ._models import Model
from ._progress import Progress
from ._task import Builder, Config
from .result import Result
from .strategy import Strategy


def _settings(bf16: Optional[bool], max_trials: Optional[int], timeout: Optional[float], samples: Optional[int],
              overrides: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    tree: Dict[str, Any] = {}
    if bf16 is not None:
        tree["mixed_precision.precisions"] = ["bf16"] if bf16 else []
    if max_trials is not None:
        tree["tuning.exit_policy.max_trials"] = max_trials
    if timeout is not None:
        tree["tuning.exit_policy.timeout"] = timeout
    if samples is not None:
        tree["quantization.calibration.sampling_size"] = [samples]
    return {**tree, **(overrides or {})}


def _check(calib: Any, eval_func: Any, metric: Any, eval_data: Any, config: Config, output: Any, resume: bool) -> None:
    if eval_func is not None and (metric is not None or eval_data is not None):
        raise ConfigError("eval_func is a whole evaluation: expected no metric and no eval_data beside it")
    if eval_data is not None and metric is None and config is None:
        raise ConfigError("eval_data were given without a metric: expected metric=…")
    if metric is not None and not isinstance(metric, (str, Mapping)) and eval_data is None and config is None:
        raise ConfigError("a metric was given without data: expected eval_data=…")
    if resume and output is None:
        raise ConfigError("resume: expected the `output` directory of the run to continue")
    if config is None and calib is None and eval_func is None and eval_data is None:
        raise ConfigError("no data given: expected calib, eval_data, eval_func or a configuration that names data")


def quantize(model: Optional[Model] = None, *, config: Config = None, calib: Any = None,
             eval_func: Optional[Callable[[Any], float]] = None, metric: Any = None, eval_data: Any = None,
             target: Union[None, float, Mapping[str, Any]] = None, higher_is_better: bool = True,
             approach: Optional[str] = None, bf16: Optional[bool] = None,
             strategy: Union[None, str, Type[Strategy], Callable[..., Any]] = None, engine: str = "onednn",
             max_trials: Optional[int] = None, timeout: Optional[float] = None, calib_samples: Optional[int] = None,
             batch_size: Optional[int] = None, threads: Optional[int] = None,
             overrides: Optional[Mapping[str, Any]] = None, output: Union[None, str, "os.PathLike[str]"] = None,
             resume: bool = False, strict: bool = False, progress: Optional[bool] = None) -> Result:
    """Quantizes a model within an accuracy target, executing every candidate.

    model: a path, the bytes of a ModelProto, or an onnx.ModelProto; None: config's model.path.
    config: the path of a YAML file, or a dict of the same vocabulary. Every other argument wins over it.
    calib: samples for ranges: an array or a dict of arrays (first axis = samples), or an iterable (a torch-style data
        loader, too) of samples or batches, each an array, a dict by input name, or (inputs, label). At most `calib_samples`
        of them are read (default: the configuration's, 100). Without it, samples of eval_data, or the first ones that
        eval_func feeds.
    eval_func: f(session) -> float; session.run(output_names or None, feeds) is that of onnxruntime.
    metric: a name ("topk"), {name: parameters}, f(outputs, labels) -> float over everything, or an object with
        update(outputs, labels) and value(); computed on eval_data, or on the configuration's evaluation data.
    eval_data: (inputs, labels), or as calib, with labels.
    target: the relative accuracy loss allowed (default 0.01), or {"relative": x} or {"absolute": x}.
    higher_is_better: of eval_func or a metric of yours.
    approach: "static", "dynamic", "auto", or "bf16": BF16 alone.  bf16: whether what stays out of INT8 may become BF16.
    strategy: a name (inc_cpp.strategies()) or a subclass of inc_cpp.Strategy.
    engine: where candidates run: "onednn", "onnxruntime", "reference".
    max_trials, timeout (seconds): when the search ends at the latest. Without timeout it ends when the target is met.
    batch_size: samples per run in evaluation and calibration; default: the loader's batch_size, or 1.
    overrides: configuration keys: {"quantization.recipes.smooth_quant": True}.
    output: directory for model.onnx, report.html, report.json and journal.jsonl; None: one that goes with the result.
    strict: whether what the configuration asks for and is not done here is an error; otherwise a warning each.
    progress: bars; None: in notebooks and on terminals.

    Without eval_func, metric and evaluation data the model is quantized as fast as possible, and no accuracy is known.
    Ctrl-C ends the search: the best so far is returned; before the first trial has ended, KeyboardInterrupt is raised.
    Raises ConfigError, ModelError, UnsupportedError, DataError, BackendError; what your functions raise, as it is.
    """
    _check(calib, eval_func, metric, eval_data, config, output, resume)
    builder = Builder(config, model, threads)
    builder.set(_settings(True if approach == "bf16" else bf16, max_trials, timeout, calib_samples, overrides))
    if approach != "bf16" and config is None:
        builder.set({"quantization": {"approach": "post_training_static_quant"}})
    if approach not in (None, "bf16"):
        builder.approach(approach)
    if target is not None:
        builder.target(target)
    if strategy is not None:
        builder.strategy(strategy)
    builder.engine(engine)
    limit = _core.sampling_size(builder.done())
    if calib is not None:
        builder.calibration(calib, limit, batch_size)
    if eval_data is not None:
        builder.evaluation(eval_data, batch_size)
    if metric is not None:
        builder.metric(metric, higher_is_better)
    if eval_func is not None:
        builder.eval_func(eval_func, higher_is_better)
        if calib is None and config is None:
            builder.recorded(eval_func, limit)
    builder.task.resume, builder.task.strict = resume, strict
    return _run(builder, output, progress)


def _run(builder: Builder, output: Any, progress: Optional[bool]) -> Result:
    task = builder.done()
    temporary = tempfile.TemporaryDirectory(prefix="inc_cpp_") if output is None else None
    task.output = temporary.name if temporary else os.fspath(output)
    bars = Progress(progress)
    task.on_progress, task.on_trial = bars.update, bars.trial
    try:
        report, directory, interrupted = _core.quantize(task)
    finally:
        bars.close()
    if interrupted:
        warnings.warn("interrupted: this is the best of the trials so far")
    return Result(report, directory, interrupted, temporary)


def evaluate(model: Optional[Model] = None, *, config: Config = None, metric: Any = None, eval_data: Any = None,
             higher_is_better: bool = True, engine: str = "onednn", batch_size: Optional[int] = None,
             threads: Optional[int] = None, overrides: Optional[Mapping[str, Any]] = None,
             progress: Optional[bool] = None) -> Dict[str, Any]:
    """A model's accuracy: {"model", "metric", "accuracy", "samples", "seconds", "model_seconds"}; with several metrics also
    "metrics". Arguments as of `quantize`. Raises what it raises."""
    _check(None, None, metric, eval_data, config, None, False)
    builder = Builder(config, model, threads)
    builder.engine(engine)
    if eval_data is not None:
        builder.evaluation(eval_data, batch_size)
    if metric is not None:
        builder.metric(metric, higher_is_better)
    builder.set(overrides or {})
    task = builder.done()
    bars = Progress(progress)
    task.on_progress = bars.update
    try:
        return _core.evaluate(task)
    finally:
        bars.close()
