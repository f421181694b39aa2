"""quantization.fit."""
from __future__ import annotations

import functools
import warnings
from typing import Any, Callable, Dict, Optional

from .. import quantize
from .._core import ConfigError
from . import _state
from ._settings import NotHonoured, of_quantization
from .config import PostTrainingQuantConfig, _Common
from .metric import lowered
from .model import Model, plain


def of_model_protos(eval_func: Callable[[Any], float]) -> Callable[[Any], float]:
    """eval_func(onnx.ModelProto) as a function of a session."""
    import onnx

    @functools.wraps(eval_func)
    def evaluate(session: Any) -> float:
        return float(eval_func(onnx.load_model_from_string(session.SerializeToString())))
    return evaluate


def run(model: Any, conf: _Common, config: Dict[str, Any], dropped: NotHonoured, **given: Any) -> Model:
    """quantize with the arguments that are there, and its warnings."""
    for what, why in dropped:
        _state.not_honoured(what, why)
    eval_func, eval_dataloader = given.get("eval_func"), given.get("eval_dataloader")
    if eval_func is None and (eval_dataloader is None) != (given.get("eval_metric") is None):
        raise ConfigError("eval_dataloader and eval_metric are used together: one found, expected both, or eval_func")
    arguments: Dict[str, Any] = {"higher_is_better": conf.accuracy_criterion.higher_is_better is not False}
    if eval_func is not None:
        arguments["eval_func"] = of_model_protos(eval_func)
    elif eval_dataloader is not None:
        arguments.update(metric=lowered(given["eval_metric"]), eval_data=eval_dataloader)
    if given.get("calib_dataloader") is not None:
        samples = max(config["quantization"]["calibration"]["sampling_size"])
        arguments.update(calib=given["calib_dataloader"], calib_samples=samples)
    result = quantize(plain(model), config=config, output=_state.workspace, resume=_state.resume, **arguments)
    if (eval_func is not None or eval_dataloader is not None) and not result.met:
        warnings.warn(f"no configuration met the target ({result.report['result']['target']}): the best one is returned",
                      stacklevel=3)
    return Model(result)


def fit(model: Any, conf: PostTrainingQuantConfig, calib_dataloader: Any = None, calib_func: Any = None,
        eval_func: Optional[Callable[[Any], float]] = None, eval_dataloader: Any = None, eval_metric: Any = None) -> Model:
    """Quantizes an ONNX model (a path, an onnx.ModelProto) within the target of `conf`.

    calib_dataloader: an iterable of (inputs, label), of batches or samples; inputs an array, a list or a dict by name.
    eval_func: f(onnx.ModelProto) -> accuracy; or eval_dataloader and eval_metric (Metric, {name: parameters}, or an object
    with update(outputs, labels), result() and reset()). Without them the model is quantized and not evaluated.
    Raises inc_cpp.ConfigError, ModelError, DataError; what eval_func raises, as it is.
    """
    if not isinstance(conf, PostTrainingQuantConfig):
        raise ConfigError(f"conf: {type(conf).__name__} found, expected PostTrainingQuantConfig")
    if calib_func is not None:
        raise ConfigError("calib_func is not supported: it is for PyTorch models; give calib_dataloader")
    if calib_dataloader is None and conf.approach != "dynamic":
        raise ConfigError(f"calib_dataloader: nothing found, expected samples for approach '{conf.approach}'")
    config, dropped = of_quantization(conf, model)
    return run(model, conf, config, dropped, calib_dataloader=calib_dataloader, eval_func=eval_func,
               eval_dataloader=eval_dataloader, eval_metric=eval_metric)
