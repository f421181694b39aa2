"""A configuration of Intel Neural Compressor as one of inc_cpp, and what of it is not honoured."""
from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Tuple

from . import _state
from .config import MixedPrecisionConfig, PostTrainingQuantConfig, TuningCriterion, _Common
from .model import plain

NotHonoured = List[Tuple[str, str]]
FORMATS = {"QDQ": "onnxrt_qdq", "QOperator": "onnxrt_qlinearops"}
APPROACHES = {"static": "post_training_static_quant", "dynamic": "post_training_dynamic_quant", "auto": "auto"}


def _names_only(rules: Mapping[str, Any]) -> Dict[str, Any]:
    """Rules with lists where INC takes lists; an operator rule has weight and activation, and nothing else."""
    return {key: dict(rule) for key, rule in rules.items()}


def _types(model: Any) -> List[str]:
    """The operator types in a model."""
    import onnx
    model = plain(model)
    if isinstance(model, bytes):
        model = onnx.load_model_from_string(model)
    elif not hasattr(model, "graph"):
        model = onnx.load(model, load_external_data=False)
    return sorted({node.op_type for node in model.graph.node})


def _by_type(rules: Mapping[str, Any], model: Any) -> Dict[str, Any]:
    """Rules by operator type; a pattern stands for every type in the model that it matches as a whole."""
    found: Dict[str, Any] = {}
    for key, rule in rules.items():
        for name in [key] if re.fullmatch(r"\w+", key) else [t for t in _types(model) if re.fullmatch(key, t)]:
            found[name] = dict(rule)
    return found


def _objective(criterion: TuningCriterion) -> Dict[str, Any]:
    objective = criterion.objective
    if isinstance(objective, str):
        return {"objective": objective}
    several = dict(objective) if isinstance(objective, Mapping) else {"objective": list(objective)}
    return {"multi_objectives": several}


def _strategy(conf: _Common) -> str:
    """quant_level "auto" is the default search, unless a strategy other than INC's default is named."""
    if conf.quant_level == 1 or conf.tuning_criterion.strategy != "basic":
        return conf.tuning_criterion.strategy
    return "conservative" if conf.quant_level == 0 else "auto"


def _tuning(conf: _Common) -> Dict[str, Any]:
    accuracy, criterion = conf.accuracy_criterion, conf.tuning_criterion
    target: Dict[str, Any] = {accuracy.criterion: accuracy.tolerable_loss}
    if accuracy.higher_is_better is not None:
        target["higher_is_better"] = accuracy.higher_is_better
    tree = {"strategy": {"name": _strategy(conf)}, "accuracy_criterion": target,
            "exit_policy": {"timeout": criterion.timeout, "max_trials": criterion.max_trials}, **_objective(criterion)}
    if _state.random_seed is not None:
        tree["random_seed"] = _state.random_seed
    return tree


def common_not_honoured(conf: Any) -> NotHonoured:
    """Of every configuration."""
    name = type(conf).__name__
    given = [("inputs", "an ONNX model names its inputs itself", conf.inputs),
             ("outputs", "an ONNX model names its outputs itself", conf.outputs),
             ("example_inputs", "nothing is traced", getattr(conf, "example_inputs", None) is not None),
             ("diagnosis", "use inc_cpp.compare and report.html", getattr(conf, "diagnosis", False)),
             ("model_name", "reports use the name of the model's file", getattr(conf, "model_name", ""))]
    if isinstance(conf, _Common):
        given.append(("tuning_criterion.strategy_kwargs", "no strategy takes any", conf.tuning_criterion.strategy_kwargs))
    return [(f"{name}.{argument}", why) for argument, why, value in given if value]


def of_quantization(conf: PostTrainingQuantConfig, model: Any) -> Tuple[Dict[str, Any], NotHonoured]:
    """(configuration, not honoured)."""
    dropped = common_not_honoured(conf)
    if conf.domain != "auto":
        dropped.append(("PostTrainingQuantConfig.domain", "operators are chosen by what they lose and save"))
    quantization: Dict[str, Any] = {
        "approach": APPROACHES[conf.approach], "calibration": {"sampling_size": conf.calibration_sampling_size},
        "recipes": conf.recipes, "op_wise": _names_only(conf.op_name_dict)}
    everywhere = conf.op_type_dict.get(".*")
    if everywhere is not None:
        quantization["model_wise"] = {key: dict(value) for key, value in everywhere.items()}
    quantization["optype_wise"] = _by_type({key: rule for key, rule in conf.op_type_dict.items() if key != ".*"}, model)
    if conf.reduce_range is not None:
        weight = quantization.setdefault("model_wise", {}).setdefault("weight", {})
        weight.update({"bit": [7.0]} if conf.reduce_range else {"bound": ["full"]})
    framework = FORMATS.get(conf.quant_format, "onnxrt_integerops" if conf.approach == "dynamic" else "onnxrt_qdq")
    return {"model": {"framework": framework}, "quantization": quantization, "tuning": _tuning(conf)}, dropped


def of_mixed_precision(conf: MixedPrecisionConfig, model: Any) -> Tuple[Dict[str, Any], NotHonoured]:
    """(configuration, not honoured)."""
    def dtypes(rule: Mapping[str, Any]) -> List[str]:
        return [dtype for part in rule.values() for dtype in part.get("dtype", [])]

    types = _by_type(conf.op_type_dict, model)
    lists = {"denylist": {"add": [name for name, rule in types.items() if dtypes(rule) and set(dtypes(rule)) <= {"fp32"}]},
             "allowlist": {"add": [name for name, rule in types.items() if "bf16" in dtypes(rule)]}}
    mixed = {"precisions": conf.precisions, "op_wise": _names_only(conf.op_name_dict), "format": "onnx", **lists}
    return {"mixed_precision": mixed, "tuning": _tuning(conf)}, common_not_honoured(conf)
