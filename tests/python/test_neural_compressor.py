"""The interface of Intel Neural Compressor 2.6: its documented examples, with another import."""
import inspect
import json
import os
import pathlib
import re
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest

import inc_cpp
from inc_cpp import neural_compressor as nc
from inc_cpp.neural_compressor import (METRICS, AccuracyCriterion, Metric, MixedPrecisionConfig, PostTrainingQuantConfig,
                                       TuningCriterion, mix_precision, quantization)
from inc_cpp.neural_compressor.config import BenchmarkConfig
from inc_cpp.neural_compressor.data import DataLoader, Datasets
from inc_cpp.neural_compressor.utils.constant import FP32

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAST = dict(recipes={"fast_bias_correction": False}, calibration_sampling_size=[32])


class Samples:
    def __init__(self, x, labels):
        self.x, self.labels = x, labels

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index], self.labels[index]


@pytest.fixture
def loader(data):
    return DataLoader(framework="onnxruntime", dataset=Samples(*data), batch_size=32)


@pytest.fixture
def evaluate(loader):
    top1 = METRICS("onnxrt_qdq")["topk"]()

    def evaluate(model):
        assert isinstance(model, onnx.ModelProto)
        top1.reset()
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        for x, labels in loader:
            top1.update(session.run(None, {name: x}), labels)
        return top1.result()
    return evaluate


def precisions(q_model):
    """{op type: (int8, bf16, fp32)}."""
    return {row["op_type"]: (row["int8"], row["bf16"], row["fp32"]) for row in q_model.result.report["statistics"]}


def matmuls(q_model):
    return [row["precision"] for row in q_model.result.report["ops"] if row["op_type"] == "MatMul"]


@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="checked kernels of ours are slower than FP32, which stays")
def test_static_quantization_with_eval_func(model, loader, evaluate, tmp_path):
    conf = PostTrainingQuantConfig(approach="static", accuracy_criterion=AccuracyCriterion(tolerable_loss=0.02), **FAST)
    q_model = quantization.fit(model=model, conf=conf, calib_dataloader=loader, eval_func=evaluate)
    q_model.save(str(tmp_path / "int8.onnx"))
    assert q_model.result.met and "int8" in matmuls(q_model)
    written = onnx.load(tmp_path / "int8.onnx")
    assert any(node.op_type == "QuantizeLinear" for node in written.graph.node)
    assert evaluate(written) == pytest.approx(q_model.result.accuracy, abs=1e-9)
    assert evaluate(q_model.model) >= 0.98 * evaluate(model)


@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="checked kernels of ours are slower than FP32, which stays")
def test_without_evaluation_everything_is_quantized(model, loader, tmp_path):
    onnx.save(model, tmp_path / "model.onnx")
    q_model = quantization.fit(str(tmp_path / "model.onnx"), PostTrainingQuantConfig(**FAST), calib_dataloader=loader)
    assert "int8" in matmuls(q_model)
    q_model.save(tmp_path)
    assert (tmp_path / "model.onnx").read_bytes() == q_model.SerializeToString()


def test_evaluation_by_dataloader_and_metric(model, loader, data, monkeypatch):
    class Hits:
        def __init__(self):
            self.reset()

        def reset(self):
            self.right = self.seen = 0

        def update(self, preds, labels):
            self.right += int((preds.argmax(1) == labels).sum())
            self.seen += len(labels)

        def result(self):
            return self.right / self.seen

    def untimed(*given):  # measured times would decide which operators stay in FP32, and differ from fit to fit
        config, dropped = settings(*given)
        return {**config, "tuning": {**config["tuning"], "cost_model": {"keep_back": False}}}, dropped

    settings = quantization.fit.__globals__["of_quantization"]
    monkeypatch.setitem(quantization.fit.__globals__, "of_quantization", untimed)
    found = [quantization.fit(model, PostTrainingQuantConfig(**FAST), calib_dataloader=loader, eval_dataloader=loader,
                              eval_metric=metric).result.accuracy
             for metric in ({"topk": 1}, Metric(name="topk", k=1), METRICS("onnxrt_qdq")["topk"](), Metric(Hits, "hits"))]
    assert found == pytest.approx([found[0]] * 4, abs=1e-9)


def test_dynamic_quantization_needs_no_samples(model):
    q_model = quantization.fit(model, PostTrainingQuantConfig(approach="dynamic"))
    assert any(node.op_type in ("MatMulInteger", "DynamicQuantizeLinear") for node in q_model.nodes())


def test_rules_by_operator_type_and_by_name(model, loader):
    for op in model.graph.node:
        op.name = f"{op.op_type}_{op.output[0]}"
    everywhere = PostTrainingQuantConfig(op_type_dict={"MatM.*": FP32}, **FAST)
    assert set(matmuls(quantization.fit(model, everywhere, calib_dataloader=loader))) == {"fp32"}
    one = PostTrainingQuantConfig(op_name_dict={"MatMul_c": FP32}, **FAST)
    ops = quantization.fit(model, one, calib_dataloader=loader).result.report["ops"]
    assert {row["name"]: row["precision"] for row in ops}["MatMul_c"] == "fp32"


def test_a_missed_target_returns_the_best_and_says_so(model, loader):
    scores = iter([1.0] + [0.5] * 100)
    conf = PostTrainingQuantConfig(tuning_criterion=TuningCriterion(max_trials=1), **FAST)
    with pytest.warns(UserWarning, match="no configuration met the target"):
        q_model = quantization.fit(model, conf, calib_dataloader=loader, eval_func=lambda _: next(scores))
    assert q_model is not None and not q_model.result.met


def test_the_direction_of_the_metric_is_the_criterions(model, loader):
    conf = PostTrainingQuantConfig(accuracy_criterion=AccuracyCriterion(higher_is_better=False), **FAST)
    assert quantization.fit(model, conf, calib_dataloader=loader, eval_func=lambda _: 1.0).result.met


@pytest.mark.parametrize("conf,named", [
    (dict(domain="nlp"), "PostTrainingQuantConfig.domain"), (dict(inputs=["x"]), "PostTrainingQuantConfig.inputs"),
    (dict(diagnosis=True), "PostTrainingQuantConfig.diagnosis"),
    (dict(tuning_criterion=TuningCriterion(strategy_kwargs={"a": 1})), "strategy_kwargs"),
    (dict(tuning_criterion=TuningCriterion(strategy="mse_v2")), "tuning.strategy.name: mse_v2"),
    (dict(quant_level=0), "conservative"), (dict(recipes={"gemm_to_matmul": True}), "recipes.gemm_to_matmul"),
])
def test_what_is_not_honoured_is_a_warning_with_its_name(model, loader, conf, named):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quantization.fit(model, PostTrainingQuantConfig(**conf), calib_dataloader=loader)
    said = [str(w.message) for w in caught if "is not honoured: " in str(w.message)]
    assert len(said) == 1 and named in said[0]


@pytest.mark.parametrize("make,named", [
    (lambda: PostTrainingQuantConfig(device="gpu"), "inc_cpp is for CPUs"),
    (lambda: PostTrainingQuantConfig(backend="onnxrt_cuda_ep"), "own engine"),
    (lambda: PostTrainingQuantConfig(approach="weight_only"), "weight_only"),
    (lambda: PostTrainingQuantConfig(excluded_precisions=["int8"]), "MixedPrecisionConfig"),
    (lambda: PostTrainingQuantConfig(quant_format="qdq"), "quant_format"),
    (lambda: MixedPrecisionConfig(precisions="fp16"), "fp16"),
    (lambda: MixedPrecisionConfig(excluded_precisions=["bf16"]), "excluded"),
    (lambda: AccuracyCriterion(criterion="both"), "criterion"),
    (lambda: BenchmarkConfig(num_of_instance=0), "num_of_instance"),
    (lambda: DataLoader("onnxruntime", [1], last_batch="keep"), "last_batch"),
    (lambda: Datasets("tensorflow"), "tensorflow"), (lambda: Datasets("onnxrt_qdq")["COCORaw"], "COCORaw"),
    (lambda: METRICS("onnxrt_qdq")["mAP"], "mAP"), (lambda: nc.set_resume_from("/nonexistent"), "journal.jsonl"),
    (lambda: quantization.fit("m.onnx", PostTrainingQuantConfig()), "calib_dataloader"),
    (lambda: quantization.fit("m.onnx", PostTrainingQuantConfig(), calib_func=print), "calib_func"),
    (lambda: quantization.fit("m.onnx", MixedPrecisionConfig()), "PostTrainingQuantConfig"),
    (lambda: quantization.fit("m.onnx", PostTrainingQuantConfig(approach="dynamic"), eval_metric={"topk": 1}), "together"),
])
def test_what_would_give_another_result_is_refused_by_name(make, named):
    with pytest.raises(inc_cpp.ConfigError, match=named):
        make()


def test_training_is_refused_at_import():
    with pytest.raises(ImportError, match="needs training"):
        from inc_cpp.neural_compressor import QuantizationAwareTrainingConfig  # noqa: F401


def test_criteria_can_be_set_as_attributes():
    criterion = AccuracyCriterion()
    criterion.absolute = 2.0
    assert (criterion.criterion, criterion.tolerable_loss, criterion.relative) == ("absolute", 2.0, None)
    criterion.relative = 0.02
    assert (criterion.criterion, criterion.tolerable_loss) == ("relative", 0.02)


def test_mixed_precision_converts(model, monkeypatch, tmp_path):
    monkeypatch.setenv("FORCE_BF16", "1")
    converted = mix_precision.fit(model, conf=MixedPrecisionConfig(precision="bf16"))
    assert precisions(converted)["MatMul"] == (0, 3, 0)
    converted.save(tmp_path / "bf16.onnx")
    types = {t.data_type for t in onnx.load(tmp_path / "bf16.onnx").graph.initializer}
    assert onnx.TensorProto.BFLOAT16 in types
    with pytest.warns(UserWarning, match="no operator became BF16"):
        kept = mix_precision.fit(model, conf=MixedPrecisionConfig(op_type_dict={"MatMul": FP32}))
    assert precisions(kept)["MatMul"] == (0, 0, 3)


def test_mixed_precision_with_a_metric_is_tuned(model, loader, monkeypatch):
    monkeypatch.setenv("FORCE_BF16", "1")
    converted = mix_precision.fit(model, config=MixedPrecisionConfig(), eval_dataloader=loader, eval_metric={"topk": 1})
    assert converted.result.met and converted.result.accuracy > 0.9


def test_benchmark_prints_what_inc_prints(model, capfd):
    dataset = Datasets("onnxrt_qdq")["dummy"](shape=(64, 64), low=0.0, high=1.0, dtype="float32", label=True)
    loader = DataLoader(framework="onnxrt_qdq", dataset=dataset, batch_size=8)
    result = nc.benchmark.fit(model, BenchmarkConfig(warmup=2, iteration=20, cores_per_instance=1, num_of_instance=1),
                              b_dataloader=loader)
    lines = capfd.readouterr().out.splitlines()
    assert lines == ["Batch size = 8", f"Latency: {result['latency']:.3f} ms",
                     f"Throughput: {result['throughput']:.3f} images/sec"]
    assert result["throughput"] * result["latency"] == pytest.approx(1000)
    with pytest.raises(inc_cpp.ConfigError, match="100000 instances"):
        nc.benchmark.fit(model, BenchmarkConfig(num_of_instance=100000), b_dataloader=loader)


def test_benchmark_calls_the_function_of_the_user(model):
    seen = []
    assert nc.benchmark.fit(model, BenchmarkConfig(), b_func=lambda m: seen.append(type(m))) is None
    assert seen == [onnx.ModelProto]


def test_loaders_give_batches_of_what_data_sets_hold():
    dataset = Datasets("onnxruntime")["dummy"](shape=[(5, 2), (5, 3)], dtype=["float32", "int64"], label=True)
    (a, b), labels = next(iter(DataLoader("onnxruntime", dataset, batch_size=2)))
    assert (a.shape, b.shape, a.dtype, b.dtype, labels.shape) == ((2, 2), (2, 3), "float32", "int64", (2,))
    assert [len(batch[1]) for batch in DataLoader("onnxruntime", dataset, 2)] == [2, 2, 1]
    discarding = DataLoader("onnxruntime", dataset, 2, last_batch="discard")
    assert len(list(discarding)) == len(discarding) == 2
    x, y = Datasets("onnxruntime")["dummy_v2"](input_shape=(3, 4), label_shape=(1,))[0]
    assert (x.shape, y.shape) == ((3, 4), (1,))


def test_metrics_agree_with_their_definitions():
    scores, labels = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]]), np.array([1, 1, 1, 0])
    expected = {"topk": 0.75, "Accuracy": 0.75, "F1": 0.8}
    for name, value in expected.items():
        metric = METRICS("onnxrt_qdq")[name]()
        metric.update(scores[:3], labels[:3])
        metric.update([scores[3:]], labels[3:])
        assert metric.result() == pytest.approx(value)
    for name, value in {"MSE": 2.5, "RMSE": 2.5 ** 0.5, "MAE": 1.5}.items():
        metric = METRICS("onnxrt_qdq")[name]()
        metric.update(np.array([1.0, 2.0]), np.array([2.0, 0.0]))
        assert metric.result() == pytest.approx(value) and not metric.higher_is_better


def test_the_workspace_holds_the_run_and_resumes_it(model, loader, evaluate, tmp_path, monkeypatch):
    from inc_cpp.neural_compressor import _state
    for name in ("workspace", "resume", "random_seed"):
        monkeypatch.setattr(_state, name, getattr(_state, name))
    nc.set_workspace(tmp_path / "run")
    nc.set_random_seed(7)
    calls = []

    def counted(m):
        calls.append(m)
        return evaluate(m)

    first = quantization.fit(model, PostTrainingQuantConfig(**FAST), calib_dataloader=loader, eval_func=counted)
    before = len(calls)
    assert json.loads((tmp_path / "run" / "report.json").read_text())["result"]["met"]
    nc.set_resume_from(tmp_path / "run")
    second = quantization.fit(model, PostTrainingQuantConfig(**FAST), calib_dataloader=loader, eval_func=counted)
    assert second.result.accuracy == first.result.accuracy
    assert len(calls) - before < before


def test_every_argument_is_on_the_page(model):
    page = (ROOT / "docs" / "from-inc.md").read_text()
    named = set(re.findall(r"\b(\w+)`", page)) | set(re.findall(r"[.`](\w+)`", page))
    for made in (PostTrainingQuantConfig, TuningCriterion):
        for argument in set(inspect.signature(made.__init__).parameters) - {"self", "accuracy_criterion", "tuning_criterion",
                                                                           "ni_workload_name"}:
            assert argument in named, f"{made.__name__}.{argument}"


def test_what_a_file_asks_for_in_vain_can_be_asked():
    found = inc_cpp.not_honoured(ROOT / "examples" / "ssd" / "ssd.yaml")
    assert [row["path"] for row in found] == ["quantization.calibration.dataloader.filter", "evaluation.accuracy.configs",
                                              "tuning.strategy.latency_weight"]
    assert all(row["where"].startswith(str(ROOT)) and row["why"] for row in found)
    assert inc_cpp.not_honoured({"tuning": {}}, {"tuning.tensorboard": True})[0]["path"] == "tuning.tensorboard"
    assert inc_cpp.not_honoured({"tuning": {"tensorboard": False}}) == []
