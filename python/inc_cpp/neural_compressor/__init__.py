"""The Python interface of Intel Neural Compressor 2.6 for ONNX models, on inc-cpp:

    from inc_cpp.neural_compressor import PostTrainingQuantConfig, quantization
    q_model = quantization.fit(model, PostTrainingQuantConfig(), calib_dataloader=loader, eval_func=accuracy)
    q_model.save("int8.onnx")

What an argument asks for and is not done is a warning that names it, with the reason, before any work starts; it is a
ConfigError where the result would be another than was asked for. Where no configuration meets the target the best one is
returned, with a warning. docs/from-inc.md lists the differences.
"""
from . import benchmark, config, data, metric, mix_precision, model, quantization
from ._state import set_random_seed, set_resume_from, set_tensorboard, set_workspace
from .config import (AccuracyCriterion, BenchmarkConfig, MixedPrecisionConfig, PostTrainingQuantConfig, TuningCriterion)
from .metric import METRICS, Metric

__all__ = [
    "AccuracyCriterion", "BenchmarkConfig", "METRICS", "Metric", "MixedPrecisionConfig", "PostTrainingQuantConfig",
    "TuningCriterion", "benchmark", "config", "data", "metric", "mix_precision", "model", "quantization", "set_random_seed",
    "set_resume_from", "set_tensorboard", "set_workspace"
]

_NO_TRAINING = "it needs training, which inc_cpp does not do"
_NOT_HERE = {
    "DistillationConfig": _NO_TRAINING, "QuantizationAwareTrainingConfig": _NO_TRAINING, "WeightPruningConfig": _NO_TRAINING,
    "training": _NO_TRAINING, "NASConfig": _NO_TRAINING, "HPOConfig": _NO_TRAINING
}


def __getattr__(name: str):
    if name in _NOT_HERE:
        raise ImportError(f"{name} is not supported: {_NOT_HERE[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
