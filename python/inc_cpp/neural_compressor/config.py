"""Configurations of Intel Neural Compressor 2.6, with its arguments and defaults."""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from .._core import ConfigError

Rules = Optional[Mapping[str, Mapping[str, Any]]]


def _one_of(name: str, value: Any, accepted: Sequence[Any], refused: Mapping[Any, str] = {}) -> Any:
    if value in refused:
        raise ConfigError(f"{name}: {value!r} is not supported: {refused[value]}")
    if value not in accepted:
        raise ConfigError(f"{name}: {value!r} found, expected one of {', '.join(map(repr, accepted))}")
    return value


_CPU_ONLY = {device: "inc_cpp is for CPUs" for device in ("gpu", "npu", "xpu", "cuda")}
_OWN_ENGINE = {
    name: "models are executed by inc_cpp's own engine"
    for name in ("onnxrt_dnnl_ep", "onnxrt_cuda_ep", "onnxrt_trt_ep", "onnxrt_dml_ep")
}
_OTHER_FRAMEWORK = {name: "only ONNX models are read" for name in ("itex", "ipex")}


class AccuracyCriterion:
    """The accuracy that may be lost: `relative` (to FP32) or `absolute`, in the metric's unit."""

    def __init__(self, higher_is_better: Optional[bool] = None, criterion: str = "relative", tolerable_loss: float = 0.01):
        self.higher_is_better = higher_is_better
        self.criterion = _one_of("AccuracyCriterion.criterion", criterion, ("relative", "absolute"))
        self.tolerable_loss = tolerable_loss

    @property
    def relative(self) -> Optional[float]:
        return self.tolerable_loss if self.criterion == "relative" else None

    @relative.setter
    def relative(self, loss: float) -> None:
        self.criterion, self.tolerable_loss = "relative", loss

    @property
    def absolute(self) -> Optional[float]:
        return self.tolerable_loss if self.criterion == "absolute" else None

    @absolute.setter
    def absolute(self, loss: float) -> None:
        self.criterion, self.tolerable_loss = "absolute", loss


class TuningCriterion:
    """How to search. objective: a name, or {"objective": [names], "weight": [numbers]}."""

    def __init__(self, strategy: str = "basic", strategy_kwargs: Optional[Mapping[str, Any]] = None, timeout: float = 0,
                 max_trials: int = 100, objective: Union[str, Sequence[str], Mapping[str, Any]] = "performance"):
        self.strategy, self.strategy_kwargs = strategy, strategy_kwargs
        self.timeout, self.max_trials, self.objective = timeout, max_trials, objective


class _Common:
    """What the configurations of quantization and of mixed precision share."""

    def __init__(self, device: str, backend: str, inputs: Sequence[str], outputs: Sequence[str],
                 quant_level: Union[str, int], accuracy_criterion: Optional[AccuracyCriterion],
                 tuning_criterion: Optional[TuningCriterion], excluded_precisions: Sequence[str],
                 op_type_dict: Rules, op_name_dict: Rules):
        name = type(self).__name__
        self.device = _one_of(f"{name}.device", device, ("cpu",), _CPU_ONLY)
        self.backend = _one_of(f"{name}.backend", backend, ("default",), {**_OWN_ENGINE, **_OTHER_FRAMEWORK})
        self.quant_level = _one_of(f"{name}.quant_level", quant_level, ("auto", 0, 1))
        self.inputs, self.outputs = inputs, outputs
        self.accuracy_criterion = accuracy_criterion or AccuracyCriterion()
        self.tuning_criterion = tuning_criterion or TuningCriterion()
        self.excluded_precisions = list(excluded_precisions)
        self.op_type_dict: Dict[str, Any] = dict(op_type_dict or {})
        self.op_name_dict: Dict[str, Any] = dict(op_name_dict or {})


class PostTrainingQuantConfig(_Common):
    """Quantization to INT8.

    approach: "static", "dynamic" or "auto".  quant_format: "default" (QDQ; dynamic: integer operators), "QDQ", "QOperator".
    op_type_dict: rules by operator type, or a regular expression of types.  op_name_dict: by a regular expression of node
    names.  reduce_range: True: 7-bit weights; False: full 8-bit weights; None: weights that cannot saturate on any CPU.
    """

    def __init__(self, device: str = "cpu", backend: str = "default", domain: str = "auto", recipes: Mapping[str, Any] = {},
                 quant_format: str = "default", inputs: Sequence[str] = (), outputs: Sequence[str] = (),
                 approach: str = "static", calibration_sampling_size: Union[int, Sequence[int]] = (100,),
                 op_type_dict: Rules = None, op_name_dict: Rules = None, reduce_range: Optional[bool] = None,
                 example_inputs: Any = None, excluded_precisions: Sequence[str] = (), quant_level: Union[str, int] = "auto",
                 accuracy_criterion: Optional[AccuracyCriterion] = None, tuning_criterion: Optional[TuningCriterion] = None,
                 diagnosis: bool = False, ni_workload_name: str = "quantization"):
        super().__init__(device, backend, inputs, outputs, quant_level, accuracy_criterion, tuning_criterion,
                         excluded_precisions, op_type_dict, op_name_dict)
        name = type(self).__name__
        self.approach = _one_of(f"{name}.approach", approach, ("static", "dynamic", "auto"),
                                {"weight_only": "weights are quantized together with activations"})
        self.quant_format = _one_of(f"{name}.quant_format", quant_format, ("default", "QDQ", "QOperator"))
        self.domain = _one_of(f"{name}.domain", domain,
                              ("auto", "cv", "object_detection", "nlp", "recommendation_system"))
        sizes = [calibration_sampling_size] if isinstance(calibration_sampling_size, int) else calibration_sampling_size
        self.calibration_sampling_size: List[int] = list(sizes)
        self.recipes, self.reduce_range, self.example_inputs = dict(recipes), reduce_range, example_inputs
        self.diagnosis, self.ni_workload_name = diagnosis, ni_workload_name
        if "int8" in self.excluded_precisions:
            raise ConfigError(f"{name}.excluded_precisions: 'int8' is not supported: nothing would be left to quantize; "
                              "use MixedPrecisionConfig")


class MixedPrecisionConfig(_Common):
    """Conversion to BF16, tuned where accuracy is measured. `precision` is another name for precisions."""

    def __init__(self, device: str = "cpu", backend: str = "default", precisions: Union[str, Sequence[str]] = "bf16",
                 model_name: str = "", inputs: Sequence[str] = (), outputs: Sequence[str] = (),
                 quant_level: Union[str, int] = "auto", tuning_criterion: Optional[TuningCriterion] = None,
                 accuracy_criterion: Optional[AccuracyCriterion] = None, excluded_precisions: Sequence[str] = (),
                 op_name_dict: Rules = None, op_type_dict: Rules = None, example_inputs: Any = None,
                 precision: Union[None, str, Sequence[str]] = None):
        super().__init__(device, backend, inputs, outputs, quant_level, accuracy_criterion, tuning_criterion,
                         excluded_precisions, op_type_dict, op_name_dict)
        wanted = precisions if precision is None else precision
        wanted = [part.strip() for part in wanted.split(",")] if isinstance(wanted, str) else list(wanted)
        refused = {"fp16": "not a precision of inc_cpp", "int8": "use PostTrainingQuantConfig"}
        for one in wanted:
            _one_of("MixedPrecisionConfig.precisions", one, ("bf16", "fp32"), refused)
        self.precisions = [one for one in wanted if one not in self.excluded_precisions]
        if not self.precisions:
            raise ConfigError("MixedPrecisionConfig: all precisions are excluded: expected one that is not")
        self.model_name, self.example_inputs = model_name, example_inputs


class BenchmarkConfig:
    """Speed. iteration -1: every batch of the loader, once. Without cores_per_instance the instances share all cores."""

    def __init__(self, inputs: Sequence[str] = (), outputs: Sequence[str] = (), backend: str = "default",
                 device: str = "cpu", warmup: int = 5, iteration: int = -1, model_name: str = "",
                 cores_per_instance: Optional[int] = None, num_of_instance: int = 1,
                 inter_num_of_threads: Optional[int] = None,
                 intra_num_of_threads: Optional[int] = None, diagnosis: bool = False, ni_workload_name: str = "profiling"):
        self.device = _one_of("BenchmarkConfig.device", device, ("cpu",), _CPU_ONLY)
        self.backend = _one_of("BenchmarkConfig.backend", backend, ("default",), {**_OWN_ENGINE, **_OTHER_FRAMEWORK})
        for name, value, least in (("warmup", warmup, 0), ("iteration", iteration, -1),
                                   ("num_of_instance", num_of_instance, 1),
                                   ("cores_per_instance", 1 if cores_per_instance is None else cores_per_instance, 1)):
            if value < least:
                raise ConfigError(f"BenchmarkConfig.{name}: {value} found, expected at least {least}")
        self.inputs, self.outputs, self.model_name = inputs, outputs, model_name
        self.warmup, self.iteration = warmup, iteration
        self.cores_per_instance, self.num_of_instance = cores_per_instance, num_of_instance
        self.inter_num_of_threads, self.intra_num_of_threads = inter_num_of_threads, intra_num_of_threads
        self.diagnosis, self.ni_workload_name = diagnosis, ni_workload_name
