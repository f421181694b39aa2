#!/usr/bin/env python3
"""Precisions as a user asks for them in YAML: methods, approaches, recipes, forms, BF16, import, targets, bad input.

Usage: precision_test.py INC_CPP EXAMPLES
"""
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections import Counter

SKIPPED = 77
try:
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import numpy_helper
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
except ImportError as missing:
    print(missing)
    sys.exit(SKIPPED)

import small_nets
from tool_case import main

TOOL, EXAMPLES = (os.path.abspath(a) for a in sys.argv[1:3])
SWITCHES = ("FORCE_BF16", "MIX_PRECISION_TEST", "INC_MAX_ISA")
PLAIN = {k: v for k, v in os.environ.items() if k not in SWITCHES and not k.startswith("INC_BF16_")} | {"OMP_NUM_THREADS": "1"}
AVX2 = {"INC_MAX_ISA": "avx2"}
BF16_ANYWHERE = {"FORCE_BF16": "1"}
METHODS = ("minmax", "moving_average", "percentile", "kl", "mse")
NETS = {"convolutions": small_nets.convolutions, "attention": small_nets.attention, "perceptron": small_nets.perceptron}
PLAIN_RECIPES = {"smooth_quant": False, "fast_bias_correction": False}
# Percentile cuts 0.0005 % off at each end: the inputs of MANY samples are 204 000 elements.
MANY = 17000
# A level of an output is about 1 % of its spread; sums of rounded values differ by few of them.
CLOSE = 1e-3
ort.set_default_logger_severity(4)
logging.disable(logging.WARNING)


def inc(*args, env=None):
    more = [] if args[0] == "inspect" else ["--threads", "1"]
    return subprocess.run([TOOL, *map(str, args), *more], capture_output=True, text=True, timeout=120, env=PLAIN | (env or {}))


def types_of(model):
    return Counter(n.op_type for n in model.graph.node)


def constants_of(model):
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def relative_error(actual, expected):
    return float(np.sum((actual - expected) ** 2) / np.sum(expected**2))


class Session(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="inc_precision_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, model, data=None, name="net.onnx"):
        """Writes the model and its data."""
        self.data = small_nets.samples(model) if data is None else data
        onnx.save(model, self.path(name))
        for key, value in self.data.items():
            np.save(self.path(f"{key}.npy"), value)

    def arrays(self, labels=None):
        inputs = {key: f"{key}.npy" for key in self.data}
        return {"batch_size": max(8, len(next(iter(self.data.values()))) // 16), "dataset": {"Arrays": {"inputs": inputs} | ({"labels": labels} if labels else {})}}

    def config(self, quantization, calibrated=True, samples=32, evaluation=None, framework="onnxrt_qdq", path="net.onnx", model=None, **sections):
        text = {"version": 1.0, "model": {"name": "net", "framework": framework, "path": path} | (model or {})} | sections
        text["tuning"] = sections.get("tuning", {}) | {"cost_model": {"keep_back": False}}  # small nets are often slower in INT8
        if quantization is not None:
            calibration = {"calibration": {"sampling_size": [samples], "dataloader": self.arrays()}} if calibrated else {}
            text["quantization"] = calibration | quantization
        if evaluation:
            text["evaluation"] = {"accuracy": {"metric": evaluation, "dataloader": self.arrays("labels.npy")}}
        with open(self.path("net.yaml"), "w") as f:
            json.dump(text, f)
        return self.path("net.yaml")

    def quantize(self, quantization, env=None, code=0, **more):
        """Runs quantize; keeps what it said, its report and its model. Returns the report, or of errors the message."""
        shutil.rmtree(self.path("out"), ignore_errors=True)
        done = inc("quantize", "--config", self.config(quantization, **more), "--output", self.path("out"), env=env)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        self.said, self.warned = done.stdout, done.stderr
        if code > 1:
            self.assertRegex(done.stderr, r"(?m)^error: ")
            return done.stderr
        with open(self.path("out/report.json")) as f:
            self.report = json.load(f)
        self.ops = {op["name"]: op for op in self.report["ops"]}
        self.written = onnx.load(self.path("out/model.onnx"))
        self.types = types_of(self.written)
        return self.report

    def onnxruntime(self, path, optimized=True):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        if not optimized:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, self.data)[0]

    def distance(self, expected, path, env=None):
        """Of our engine's outputs of a model from `expected`, relative."""
        np.save(self.path("labels.npy"), expected)
        done = inc("evaluate", "--config", self.config(None, path=path, evaluation={"MSE": {}}), "--json", env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["accuracy"] / float(np.mean(expected**2))

    def same_in_onnxruntime(self, limit=CLOSE, loss=0.05):
        """onnxruntime, optimizing or not, and our engine read the written model alike, and it is still the model it was."""
        path, exact = self.path("out/model.onnx"), self.onnxruntime(self.path("net.onnx"))
        plain, optimized = (self.onnxruntime(path, level) for level in (False, True))
        self.assertLess(relative_error(plain, exact), loss)
        self.assertLess(relative_error(optimized, plain), limit)
        self.assertLess(self.distance(plain, "out/model.onnx"), limit)

    def profile(self, path, env=None):
        done = inc("benchmark", "--model", path, "--iterations", 1, "--warmup", 0, "--profile", "--json", env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        ran = {}
        for op in json.loads(done.stdout)["ops"]:
            ran.setdefault(op["name"], op["precision"])  # steps that follow under the name are what is fused behind it
        return ran

    def precisions(self, *names):
        return [self.ops[name]["precision"] for name in names]


class Ranges(Session):
    def test_each_method_by_name_says_how_far_it_is_from_minmax(self):
        model = small_nets.perceptron()
        self.put(model, small_nets.samples(model, MANY))
        for method in METHODS:
            with self.subTest(method):
                self.quantize({"model_wise": {"activation": {"algorithm": [method]}}, "recipes": PLAIN_RECIPES}, samples=MANY)
                rows = {row["method"]: row for row in self.report["calibration"]["ranges"]}
                self.assertEqual(self.precisions("first", "second", "last"), ["int8"] * 3)
                if method != "minmax":
                    self.assertIn(f"Ranges of {method}:", self.said)
                    self.assertEqual(rows[method]["values"], 3)
                    self.assertGreater(rows[method]["changed"], 0, rows)
                    self.assertLessEqual(rows[method]["least_width"], rows[method]["median_width"])
                self.assertLessEqual(set(rows), {"minmax", method})

    def test_clipping_is_seen_in_the_scales_that_are_written(self):
        model = small_nets.perceptron()
        data = small_nets.samples(model, MANY)
        data["x"][3, 5] = 60.0
        self.put(model, data)
        scales = {}
        for method in METHODS:
            self.quantize({"model_wise": {"activation": {"algorithm": [method]}}, "recipes": PLAIN_RECIPES}, samples=MANY)
            first = next(n for n in self.written.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == "x")
            scales[method] = float(constants_of(self.written)[first.input[1]])
        whole = float(self.data["x"].max() - self.data["x"].min()) / 255
        self.assertAlmostEqual(scales["minmax"], whole, delta=1e-5 * whole)
        for method in ("moving_average", "percentile", "kl"):
            self.assertLess(scales[method], 0.9 * whole, scales)
        self.assertLess(scales["mse"], 0.995 * whole, scales)

    def test_a_list_of_methods_is_searched(self):
        self.put(small_nets.perceptron())
        np.save(self.path("labels.npy"), self.onnxruntime(self.path("net.onnx")))
        self.quantize({"model_wise": {"activation": {"algorithm": ["minmax", "kl", "mse"]}}}, evaluation={"MSE": {}}, code=1,
                      tuning={"strategy": {"name": "basic"}, "accuracy_criterion": {"absolute": 0}, "exit_policy": {"max_trials": 5}})
        self.assertEqual({row["method"] for row in self.report["calibration"]["ranges"]}, {"kl", "mse"})
        self.assertEqual(self.report["cost"]["trials"], 5)
        self.assertTrue(any(t["int8"] == 3 for t in self.report["trials"][1:]), self.report["trials"])

    def test_the_example_says_it_for_every_method(self):
        config = os.path.join(EXAMPLES, "01_quickstart", "quickstart.yaml")
        for method in METHODS[1:]:
            done = inc("quantize", "--config", config, "--output", self.path("out"), "--set", "tuning.exit_policy.performance_only=true",
                       "--set", f"quantization.model_wise={{activation: {{algorithm: {method}}}}}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, rf"Ranges of {method}: [1-9]\d* of \d+ tensors clipped; width [01]\.\d+ of min-max in the median, 0\.\d+ at least")


class Approaches(Session):
    def test_dynamic_needs_no_calibration_data(self):
        self.put(small_nets.perceptron())
        self.quantize({"approach": "post_training_dynamic_quant"}, calibrated=False)
        self.assertEqual(self.types["DynamicQuantizeLinear"], 3)
        self.assertEqual(self.types["QuantizeLinear"], 0)
        self.assertEqual(self.precisions("first", "second", "last"), ["int8"] * 3)
        self.same_in_onnxruntime()
        self.assertEqual(set(self.profile(self.path("out/model.onnx")).values()) & {"int8"}, {"int8"})

    def test_dynamic_attention(self):
        self.put(small_nets.attention())
        self.quantize({"approach": "post_training_dynamic_quant"})
        self.assertGreaterEqual(self.types["DynamicQuantizeLinear"], 4)
        self.assertEqual(self.precisions("scores", "mix"), ["fp32", "fp32"])
        self.same_in_onnxruntime()

    def test_integer_operators(self):
        self.put(small_nets.attention())
        self.quantize({"approach": "post_training_dynamic_quant"}, framework="onnxrt_integerops")
        self.assertEqual(self.types["MatMulInteger"], 7)
        self.assertEqual(self.types["MatMul"], 2)
        self.same_in_onnxruntime()
        ran = self.profile(self.path("out/model.onnx"))
        self.assertEqual({ran[f"{name}/product"] for name in ("query", "key", "value", "project", "up", "down", "head")}, {"int8"})

    def test_auto_offers_both_and_prefers_static(self):
        self.put(small_nets.attention())
        np.save(self.path("labels.npy"), self.onnxruntime(self.path("net.onnx")))
        self.quantize({"approach": "auto"}, evaluation={"MSE": {}}, code=1,
                      tuning={"strategy": {"name": "basic"}, "accuracy_criterion": {"absolute": 0}, "exit_policy": {"max_trials": 4}})
        self.assertTrue(any(t["int8"] == 7 for t in self.report["trials"][1:]), self.report["trials"])
        self.quantize({"approach": "auto"})
        self.assertGreater(self.types["QuantizeLinear"], 0)
        self.same_in_onnxruntime()

    def test_dynamic_convolutions(self):
        self.put(small_nets.convolutions())
        self.quantize({"approach": "post_training_dynamic_quant"}, framework="onnxrt_integerops")
        self.assertGreaterEqual(self.types["ConvInteger"] + self.types["MatMulInteger"], 1, self.types)
        self.assertEqual(self.precisions("last"), ["int8"])
        self.same_in_onnxruntime()


class Forms(Session):
    def test_qlinear_operators(self):
        for name, expected in (("convolutions", {"QLinearConv": 1}), ("products", {"QLinearMatMul": 2}), ("attention", {})):
            with self.subTest(name):
                self.put((NETS | {"products": small_nets.products})[name]())
                self.quantize({"recipes": {"fast_bias_correction": False}}, framework="onnxrt_qlinearops")
                for op, least in expected.items():
                    self.assertGreaterEqual(self.types[op], least, self.types)
                onnx.checker.check_model(self.written)
                self.same_in_onnxruntime()

    def test_qdq(self):
        for name, net in NETS.items():
            with self.subTest(name):
                self.put(net())
                self.quantize({})
                onnx.checker.check_model(self.written)
                self.same_in_onnxruntime()

    def test_the_mask_is_not_quantized(self):
        self.put(small_nets.attention())
        for recipe in ({}, {"channel_reordering": False}, {"smooth_quant": True}):
            self.quantize({"recipes": recipe})
            scales = [v for k, v in constants_of(self.written).items()
                      if any(n.op_type == "QuantizeLinear" and n.input[1] == k for n in self.written.graph.node)]
            self.assertTrue(scales)
            self.assertLess(max(float(np.max(s)) for s in scales), 1.0)
            self.same_in_onnxruntime()

    def test_quantizing_everywhere_can_be_asked_for(self):
        self.put(small_nets.attention())
        self.quantize({})
        usual = self.types["QuantizeLinear"]
        self.quantize({"recipes": {"placement": "everywhere"}})
        self.assertGreater(self.types["QuantizeLinear"], usual)
        onnx.checker.check_model(self.written)
        self.same_in_onnxruntime(loss=1.0)


class Recipes(Session):
    def test_first_and_last_stay_in_fp32_with_the_reason(self):
        for name, first, last in (("convolutions", ["first"], ["last"]), ("attention", ["query", "key", "value"], ["head"])):
            self.put(NETS[name]())
            for place, ops in (("first", first), ("last", last)):
                with self.subTest(f"{name} {place}"):
                    recipe = f"{place}_conv_or_matmul_quantization"
                    self.quantize({"recipes": {recipe: False}})
                    kept = [o for o in self.report["ops"] if recipe in o["reason"]]
                    self.assertEqual([o["precision"] for o in kept], ["fp32"])
                    self.assertIn(kept[0]["name"], ops)

    def test_bias_correction(self):
        self.put(small_nets.convolutions(), small_nets.samples(small_nets.convolutions(), 64))
        self.quantize({})
        self.assertIn("Bias correction", self.said)
        row = self.report["calibration"]["bias_correction"]
        self.assertEqual(row["anchors"], 4)
        self.assertLessEqual(row["divergence_after"], row["divergence_before"])
        self.quantize({"recipes": {"fast_bias_correction": False}})
        self.assertNotIn("Bias correction", self.said)
        self.assertNotIn("bias_correction", self.report["calibration"])

    def test_smooth_quant(self):
        self.put(small_nets.perceptron())
        found = {}
        for switch in (True, False, None):
            self.quantize({"recipes": {} if switch is None else {"smooth_quant": switch}})
            self.same_in_onnxruntime()
            found[switch] = relative_error(self.onnxruntime(self.path("out/model.onnx")), self.onnxruntime(self.path("net.onnx")))
            self.assertEqual("SmoothQuant takes" in self.said, switch is None)
        self.assertLess(found[True], found[False])
        self.assertLessEqual(found[None], found[False])

    def test_strengths_of_smoothing_are_options(self):
        self.put(small_nets.perceptron())
        np.save(self.path("labels.npy"), self.onnxruntime(self.path("net.onnx")))
        self.quantize({"recipes": {"smooth_quant": True, "smooth_quant_args": {"alpha": ["auto", 0.3, 0.7]}}}, evaluation={"MSE": {}}, code=1,
                      tuning={"strategy": {"name": "basic"}, "accuracy_criterion": {"absolute": 0}, "exit_policy": {"max_trials": 4}})
        self.assertTrue(any(t["int8"] == 3 for t in self.report["trials"][1:]), self.report["trials"])

    def test_depthwise_inputs_per_channel(self):
        self.put(small_nets.convolutions())
        self.quantize({})
        error = relative_error(self.onnxruntime(self.path("out/model.onnx")), self.onnxruntime(self.path("net.onnx")))
        self.assertEqual(self.precisions("first", "depthwise", "pointwise", "last"), ["int8"] * 4)
        self.quantize({"recipes": {"depthwise_per_channel": False}})
        self.assertEqual(self.precisions("depthwise"), ["int8"])
        self.assertLess(error, relative_error(self.onnxruntime(self.path("out/model.onnx")), self.onnxruntime(self.path("net.onnx"))))
        self.same_in_onnxruntime()

    def test_equalization(self):
        self.put(small_nets.convolutions())
        self.quantize({"recipes": {"cross_layer_equalization": True}})
        self.assertEqual(self.precisions("first", "depthwise", "pointwise"), ["int8"] * 3)
        self.same_in_onnxruntime()

    def test_propagation_and_reordering_can_be_switched_off(self):
        self.put(small_nets.convolutions())
        for recipe in ("scale_propagation_max_pooling", "scale_propagation_concat", "channel_reordering"):
            self.quantize({"recipes": {recipe: False}})
            self.same_in_onnxruntime()

    def test_what_is_not_honoured_is_said_by_name(self):
        self.put(small_nets.perceptron())
        for recipe, words in {"weight_correction": "fast_bias_correction", "layer_wise_quant": "memory-mapped", "gemm_to_matmul": "Gemm",
                              "dedicated_qdq_pair": "shared", "add_qdq_pair_to_weight": "INT8"}.items():
            self.quantize({"recipes": {recipe: True}})
            self.assertIn(f"recipes.{recipe} is not honoured", self.warned)
            self.assertIn(words, self.warned)
            self.quantize({"recipes": {recipe: False}})
            self.assertNotIn("not honoured", self.warned)
        self.assertIn("fast_bias_correction", self.quantize({"recipes": {"fast_bias_corection": True}}, code=2))
        self.assertIn("training", self.quantize({"approach": "quant_aware_training"}, code=2))
        self.assertIn("percentile", self.quantize({"model_wise": {"activation": {"algorithm": ["percentil"]}}}, code=2))


class Bf16(Session):
    BOTH = {"precisions": ["fp32", "bf16"]}

    def statistics(self, column):
        return {row["op_type"]: row[column] for row in self.report["statistics"]}

    def is_bf16(self, model):
        return any(v.type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16 for v in model.graph.value_info) or any(
            t.data_type == onnx.TensorProto.BFLOAT16 for t in model.graph.initializer)

    def test_mixed_precision_alone_needs_no_calibration(self):
        for name, ops in (("convolutions", ("first", "depthwise", "pointwise", "last")), ("attention", ("query", "scores", "mix", "up", "head"))):
            with self.subTest(name):
                self.put(NETS[name]())
                self.quantize(None, env=BF16_ANYWHERE, mixed_precision=self.BOTH)
                self.assertEqual(self.precisions(*ops), ["bf16"] * len(ops))
                self.assertEqual(sum(self.statistics("int8").values()), 0)
                self.assertGreaterEqual(sum(self.statistics("bf16").values()), len(ops))
                self.assertIsNone(self.report["result"]["latency_ms"])

    def test_what_stays_out_of_int8_goes_to_bf16(self):
        self.put(small_nets.attention())
        for env in (BF16_ANYWHERE, {"MIX_PRECISION_TEST": "1"}, AVX2 | BF16_ANYWHERE, AVX2 | {"MIX_PRECISION_TEST": "1"}):
            with self.subTest(str(env)):
                for attention in (False, True):
                    self.quantize({"recipes": {"last_conv_or_matmul_quantization": False, "attention_quantization": attention}}, env=env)
                    products = ["int8" if attention else "bf16"] * 2
                    self.assertEqual(self.precisions("query", "up", "scores", "mix", "head"), ["int8", "int8", *products, "bf16"])
                    self.assertIn("last_conv_or_matmul_quantization", self.ops["head"]["reason"])

    def test_an_attention_follows_rules_for_either_product(self):
        self.put(small_nets.attention())
        for name in ("scores", "mix"):
            rule = {name: {"activation": {"dtype": ["fp32"]}, "weight": {"dtype": ["fp32"]}}}
            self.quantize({"recipes": {"attention_quantization": True}, "op_wise": rule})
            self.assertEqual(self.precisions("query", "scores", "mix"), ["int8", "fp32", "fp32"])
        self.quantize({"recipes": {"attention_quantization": True}})
        self.assertEqual(self.precisions("query", "scores", "softmax", "mix"), ["int8", "int8", "fp32", "int8"])
        self.assertIn("attention", self.ops["scores"]["reason"])

    def test_without_the_instructions_bf16_is_not_used_unless_forced(self):
        self.put(small_nets.perceptron())
        self.quantize(None, env=AVX2, mixed_precision=self.BOTH)
        self.assertEqual(set(self.precisions("first", "second", "last")), {"fp32"})
        self.assertIn("BF16 is not used: ", self.said)
        self.assertEqual(self.ops["first"]["reason"], "the configuration has no quantization")
        for switch in ("FORCE_BF16", "MIX_PRECISION_TEST"):
            self.quantize(None, env=AVX2 | {switch: "1"}, mixed_precision=self.BOTH)
            self.assertEqual(set(self.precisions("first", "second", "last")), {"bf16"})
            self.quantize(None, env={switch: "0"}, mixed_precision=self.BOTH)
            self.assertIn("BF16 is not used: forbidden by the environment", self.said)
            self.assertEqual(set(self.precisions("first", "second", "last")), {"fp32"})
            self.assertIn(switch, self.quantize(None, env={switch: "yes"}, mixed_precision=self.BOTH, code=2))

    def test_lists(self):
        self.put(small_nets.convolutions())
        self.quantize(None, env=BF16_ANYWHERE | {"INC_BF16_ALLOWLIST_REMOVE": "Conv"}, mixed_precision=self.BOTH)
        self.assertEqual(self.precisions("first", "pointwise", "last"), ["fp32", "fp32", "bf16"])
        self.quantize(None, env=BF16_ANYWHERE, mixed_precision=self.BOTH | {"allowlist": {"remove": ["Conv"]}})
        self.assertEqual(self.precisions("first", "pointwise", "last"), ["fp32", "fp32", "bf16"])
        self.quantize(None, env=BF16_ANYWHERE | {"INC_BF16_DENYLIST_ADD": "Gemm"}, mixed_precision=self.BOTH)
        self.assertEqual(self.precisions("first", "pointwise", "last"), ["bf16", "bf16", "fp32"])
        self.quantize(None, env=BF16_ANYWHERE | {"INC_BF16_ALLOWLIST_ADD": "Conv"},
                      mixed_precision=self.BOTH | {"denylist": {"add": ["Conv", "Gemm"]}})
        self.assertEqual(self.precisions("first", "pointwise", "last"), ["bf16", "bf16", "fp32"])

    def test_unknown_operators_of_lists_are_refused_with_a_suggestion(self):
        self.put(small_nets.perceptron())
        said = self.quantize(None, env=BF16_ANYWHERE, mixed_precision=self.BOTH | {"allowlist": {"add": ["Matmul"]}}, code=2)
        self.assertIn("Matmul", said)
        self.assertIn("MatMul'", said)
        said = self.quantize(None, env=BF16_ANYWHERE | {"INC_BF16_DENYLIST_ADD": "Gem"}, mixed_precision=self.BOTH, code=2)
        self.assertIn("Gemm", said)

    def test_op_wise(self):
        self.put(small_nets.perceptron())
        rule = {"first": {"activation": {"dtype": ["fp32"]}, "weight": {"dtype": ["fp32"]}}}
        self.quantize(None, env=BF16_ANYWHERE, mixed_precision=self.BOTH | {"op_wise": rule})
        self.assertEqual(self.precisions("first", "second", "last"), ["fp32", "bf16", "bf16"])
        self.quantize({"op_wise": {"(first|last)": {"activation": {"dtype": ["bf16"]}, "weight": {"dtype": ["bf16"]}}}}, env=BF16_ANYWHERE)
        self.assertEqual(self.precisions("first", "second", "last"), ["bf16", "int8", "bf16"])
        self.put(small_nets.attention())
        for name in ("norm", "softmax", "scores"):
            self.quantize({"recipes": {"attention_quantization": False}}, env=BF16_ANYWHERE, mixed_precision={"precisions": ["bf16"], "op_wise": {name: {"activation": {"dtype": ["fp32"]}}}})
            self.assertEqual(self.precisions(name), ["fp32"])
            self.assertIn("kept in FP32 by the configuration", self.ops[name]["reason"])

    def test_both_forms_of_the_written_model(self):
        for name, net in NETS.items():
            for quantization in (None, {"recipes": {"first_conv_or_matmul_quantization": False}}):
                with self.subTest(f"{name} {quantization}"):
                    self.put(net())
                    self.quantize(quantization, env=BF16_ANYWHERE, mixed_precision=self.BOTH | {"format": "onnx"})
                    onnx.checker.check_model(self.written, full_check=True)
                    self.assertTrue(self.is_bf16(self.written))
                    self.assertIn("bf16", self.profile(self.path("out/model.onnx")).values())
                    self.assertLess(self.distance(self.onnxruntime(self.path("net.onnx")), "out/model.onnx"), 0.05)
                    self.quantize(quantization, env=BF16_ANYWHERE, mixed_precision=self.BOTH | {"format": "plan"})
                    onnx.checker.check_model(self.written, full_check=True)
                    self.assertFalse(self.is_bf16(self.written))
                    self.same_in_onnxruntime(limit=5e-3)
                    bf16 = {name for name, op in self.ops.items() if op["precision"] == "bf16"}
                    for env in ({}, AVX2):
                        ran = self.profile(self.path("out/model.onnx"), env)
                        self.assertLessEqual({"last", "head"} & bf16, {n for n, p in ran.items() if p == "bf16"})

    def test_our_engine_follows_the_plan(self):
        self.put(small_nets.perceptron())
        self.quantize(None, env=BF16_ANYWHERE, mixed_precision=self.BOTH)
        exact = self.onnxruntime(self.path("net.onnx"))
        self.assertLess(relative_error(self.onnxruntime(self.path("out/model.onnx")), exact), 1e-9)
        for env in ({}, AVX2):
            self.assertGreater(self.distance(exact, "out/model.onnx", env), 1e-8)

    def test_bf16_is_tuned(self):
        self.put(small_nets.perceptron())
        np.save(self.path("labels.npy"), self.onnxruntime(self.path("net.onnx")).argmax(1))
        self.quantize(None, env=BF16_ANYWHERE, mixed_precision=self.BOTH, evaluation={"topk": 1})
        self.assertTrue(self.report["result"]["met"])
        self.assertGreater(sum(self.statistics("bf16").values()), 0)

    def test_a_model_without_anchors(self):
        self.put(small_nets.without_anchors())
        self.quantize(None, env=BF16_ANYWHERE, mixed_precision=self.BOTH)
        self.assertEqual(set(op["precision"] for op in self.report["ops"]), {"fp32"})
        self.same_in_onnxruntime()
        self.quantize({}, env=BF16_ANYWHERE, mixed_precision=self.BOTH)
        self.same_in_onnxruntime()


class Samples(CalibrationDataReader):
    def __init__(self, data):
        count = len(next(iter(data.values())))
        self.batches = iter([{k: v[i:i + 8] for k, v in data.items()} for i in range(0, count, 8)])

    def get_next(self):
        return next(self.batches, None)


class Import(Session):
    def theirs(self, net, form):
        """The model as onnxruntime.quantization writes it, full 8 bits."""
        self.put(net())
        quantize_static(self.path("net.onnx"), self.path("theirs.onnx"), Samples(self.data), per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, quant_format=form)
        return self.path("theirs.onnx")

    def check(self, net, form, anchors):
        path = self.theirs(net, form)
        theirs = self.onnxruntime(path, optimized=False)
        self.assertLess(self.distance(theirs, "theirs.onnx"), CLOSE)
        self.assertGreaterEqual(list(self.profile(path).values()).count("int8"), anchors)
        self.quantize({}, path="theirs.onnx")
        kept = self.onnxruntime(self.path("out/model.onnx"), optimized=False)
        self.assertLess(relative_error(kept, theirs), CLOSE)
        self.assertGreaterEqual(sum(row["int8"] for row in self.report["statistics"] if row["op_type"] in ("Conv", "Gemm", "MatMul")), anchors)
        self.quantize({}, path="theirs.onnx", model={"quantized": "retune"})
        self.assertNotEqual(self.types["QuantizeLinear"], 0)
        retuned, exact = self.onnxruntime(self.path("out/model.onnx"), optimized=False), self.onnxruntime(self.path("net.onnx"))
        self.assertLess(relative_error(retuned, exact), 2 * relative_error(theirs, exact))

    def test_qdq_convolutions(self):
        self.check(small_nets.convolutions, QuantFormat.QDQ, 3)

    def test_qoperator_convolutions(self):
        self.check(small_nets.convolutions, QuantFormat.QOperator, 3)

    def test_qdq_perceptron(self):
        self.check(small_nets.perceptron, QuantFormat.QDQ, 3)

    def test_qdq_attention_with_quantized_products_of_activations(self):
        self.check(small_nets.attention, QuantFormat.QDQ, 7)

    def test_ranges_at_run_time(self):
        for name, anchors in (("perceptron", 1), ("attention", 7)):
            self.put(NETS[name]())
            quantize_dynamic(self.path("net.onnx"), self.path("theirs.onnx"), weight_type=QuantType.QInt8, per_channel=True)
            theirs = self.onnxruntime(self.path("theirs.onnx"), optimized=False)
            self.assertLess(self.distance(theirs, "theirs.onnx"), CLOSE)
            self.quantize({}, path="theirs.onnx")
            self.assertLess(relative_error(self.onnxruntime(self.path("out/model.onnx")), theirs), CLOSE)
            self.quantize({}, path="theirs.onnx", model={"quantized": "retune"})
            self.assertEqual(self.types["DynamicQuantizeLinear"], 0)
            self.assertGreaterEqual(self.types["QuantizeLinear"], anchors // 2)

    def test_kept_int8_beside_bf16(self):
        self.theirs(small_nets.perceptron, QuantFormat.QDQ)
        self.quantize(None, path="theirs.onnx", env=BF16_ANYWHERE, mixed_precision={"precisions": ["bf16"]})
        self.assertEqual(self.precisions("first", "second", "last"), ["int8"] * 3)

    def test_qoperator_perceptron(self):
        self.check(small_nets.perceptron, QuantFormat.QOperator, 3)

    def test_retune_to_fp32_brings_the_anchors_back(self):
        self.theirs(small_nets.perceptron, QuantFormat.QDQ)
        said = self.quantize({"model_wise": {"weight": {"dtype": ["fp32"]}, "activation": {"dtype": ["fp32"]}}}, path="theirs.onnx",
                             model={"quantized": "retune"})
        self.assertEqual({op["precision"] for op in said["ops"]}, {"fp32"})
        self.assertEqual(self.types["QuantizeLinear"] + self.types["DequantizeLinear"], 0)

    def test_inspect_names_what_would_saturate_without_vnni(self):
        for form in (QuantFormat.QDQ, QuantFormat.QOperator):
            path = self.theirs(small_nets.perceptron, form)
            self.assertRegex(inc("inspect", path).stdout, r"[123] of 3 INT8 operators can saturate on a CPU without VNNI: '\w+")
            rows = json.loads(inc("inspect", path, "--json").stdout)["saturation"]
            self.assertEqual(len(rows), 3)
            self.assertGreater(max(row["worst_sum"] for row in rows), 32767)
        self.quantize({})
        self.assertIn("none of 3 INT8 operators can saturate", inc("inspect", self.path("out/model.onnx")).stdout)


class Targets(Session):
    def largest_pair(self):
        """The largest sum of two neighbours of one sign over the 8-bit weights of matrices [K, N], pairs from even K."""
        found = 0
        for value in constants_of(self.written).values():
            if value.dtype == np.int8 and value.ndim == 2:
                k = value.astype(int)[: len(value) // 2 * 2].reshape(-1, 2, value.shape[1])
                found = max(found, k.clip(0).sum(1).max(), (-k).clip(0).sum(1).max())
        return found

    def test_weights_are_bounded_where_pairs_could_saturate(self):
        self.put(small_nets.perceptron())
        for isa in (None, "any", "avx2", "avx512_core"):
            self.quantize({}, **({"target": {"isa": isa}} if isa else {}))
            self.assertLessEqual(self.largest_pair(), 128, isa)
            self.assertNotIn("can saturate", self.said)
        for isa in ("avx512_core_vnni", "avx512_core_bf16", "avx512_core_amx"):
            self.quantize({}, target={"isa": isa})
            self.assertGreater(self.largest_pair(), 128, isa)
            self.assertIn("can saturate on a CPU without VNNI", self.said)

    def test_host_is_the_cpu_at_hand(self):
        self.put(small_nets.perceptron())
        self.quantize({}, target={"isa": "host"})
        self.assertEqual(self.largest_pair() > 128, any(word in self.report["machine"]["isa"] for word in ("vnni", "bf16", "amx")))
        self.quantize({}, env=AVX2, target={"isa": "host"})
        self.assertLessEqual(self.largest_pair(), 128)

    def test_bounds_by_name(self):
        self.put(small_nets.perceptron())
        largest = {}
        for bound in ("pair_bounded", "7bit", "full"):
            self.quantize({"model_wise": {"weight": {"bound": [bound]}}})
            largest[bound] = max(int(np.abs(v.astype(int)).max()) for v in constants_of(self.written).values() if v.dtype == np.int8)
            self.assertEqual(self.largest_pair() > 128, bound == "full")
        self.assertLessEqual(largest["7bit"], 64)
        self.assertEqual(largest["full"], 127)
        self.assertGreater(largest["pair_bounded"], 64)

    def test_convolution_weights_obey_the_bound(self):
        self.put(small_nets.convolutions())
        self.quantize({})
        for value in constants_of(self.written).values():
            if value.dtype == np.int8 and value.ndim == 4 and value.shape[1] > 1:
                for order in (value, value.transpose(0, 2, 3, 1)):
                    flat = order.reshape(len(value), -1).astype(int)
                    pairs = flat[:, : flat.shape[1] // 2 * 2].reshape(len(flat), -1, 2)
                    self.assertLessEqual(max(pairs.clip(0).sum(2).max(), (-pairs).clip(0).sum(2).max()), 128)
        self.assertIn("none of 4", inc("inspect", self.path("out/model.onnx")).stdout)


class Inputs(Session):
    def test_strengths_out_of_range(self):
        self.put(small_nets.perceptron())
        for alpha in (1.5, -0.1, "much"):
            said = self.quantize({"recipes": {"smooth_quant": True, "smooth_quant_args": {"alpha": [alpha]}}}, code=2)
            self.assertIn("alpha", said)
            self.assertIn(str(alpha), said)

    def test_nan_in_calibration_data(self):
        for method in METHODS:
            model = small_nets.perceptron()
            data = small_nets.samples(model)
            data["x"][5, 2] = np.nan
            self.put(model, data)
            said = self.quantize({"model_wise": {"activation": {"algorithm": [method]}}}, code=4)
            self.assertRegex(said, r"\b5\b")

    def test_degenerate_data_for_every_method(self):
        for name, net in NETS.items():
            model = net()
            for what, count, value in (("one sample", 1, None), ("constant", 16, 0.5), ("zeros", 16, 0.0)):
                data = small_nets.samples(model, count)
                if value is not None:
                    data["x"][:] = value
                self.put(model, data)
                for method in METHODS if name == "perceptron" else ("kl",):
                    with self.subTest(f"{name} {what} {method}"):
                        self.quantize({"model_wise": {"activation": {"algorithm": [method]}}})
                        onnx.checker.check_model(self.written)
                        self.assertTrue(np.isfinite(self.onnxruntime(self.path("out/model.onnx"))).all())

    def test_samples_with_infinities_do_not_crash(self):
        model = small_nets.perceptron()
        data = small_nets.samples(model)
        data["x"][5, 2] = np.inf
        self.put(model, data)
        self.quantize({"model_wise": {"activation": {"algorithm": ["kl"]}}}, code=4)

    def test_old_opsets(self):
        for opset in (11, 12):
            self.put(small_nets.convolutions(opset=opset))
            self.quantize({})
            self.assertEqual(self.precisions("first", "depthwise", "pointwise", "last"), ["int8"] * 4)
            self.assertGreaterEqual(self.written.opset_import[0].version, 13)
            self.same_in_onnxruntime()

    def test_models_in_fp16_become_int8_behind_the_same_inputs_and_outputs(self):
        self.put(small_nets.halved(small_nets.convolutions()))
        self.quantize({})
        kinds = [v.type.tensor_type.elem_type for v in [*self.written.graph.input, *self.written.graph.output]]
        self.assertEqual(kinds, [onnx.TensorProto.FLOAT16] * 2)
        self.assertEqual({self.ops[name]["precision"] for name in ("first", "depthwise", "pointwise", "last")}, {"int8"})
        # An output is rounded to FP16, onnxruntime's model in FP16 after every operator.
        self.same_in_onnxruntime()

    def test_a_fixed_batch_with_bias_correction(self):
        model = small_nets.convolutions(batch=8)
        self.put(model, small_nets.samples(model, 64))
        self.quantize({})
        self.assertEqual(self.report["calibration"]["bias_correction"]["anchors"], 4)
        self.data = {key: value[:8] for key, value in self.data.items()}
        self.assertLess(relative_error(self.onnxruntime(self.path("out/model.onnx")), self.onnxruntime(self.path("net.onnx"))), 0.05)

    def test_no_quantizable_operator(self):
        self.put(small_nets.without_anchors())
        self.quantize({})
        self.assertEqual({op["precision"] for op in self.report["ops"]}, {"fp32"})
        self.same_in_onnxruntime()


if __name__ == "__main__":
    sys.exit(main())
