#!/usr/bin/env python3
"""The command line as a user meets it: results, exit codes, messages, interruption. Usage: cli_test.py INC_CPP EXAMPLES"""
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "support"))
from page import Page  # noqa: E402
from tool_case import ToolCase, main  # noqa: E402

TOOL, EXAMPLES = (os.path.abspath(a) for a in sys.argv[1:3])
QUICKSTART = os.path.join(EXAMPLES, "01_quickstart")
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1")
WHATEVER_THE_SPEED = ("--set", "tuning.cost_model.keep_back=false")  # small nets are often slower in INT8


def run(*args, env_more={}, **more):
    return subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, timeout=240, env=ENVIRONMENT | env_more, **more)


def small_model(path, op="Relu", classes=4):
    """x[N,6] -> Gemm -> op -> Gemm -> y[N,4], weights from a fixed seed."""
    rng = np.random.default_rng(1)
    weights = [numpy_helper.from_array(rng.normal(size=s).astype(np.float32), n)
               for n, s in (("w1", (6, 8)), ("b1", (8,)), ("w2", (8, classes)), ("b2", (classes,)))]
    nodes = [helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], name="first"), helper.make_node(op, ["h"], ["r"], name="middle"),
             helper.make_node("Gemm", ["r", "w2", "b2"], ["y"], name="last")]
    graph = helper.make_graph(nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", classes])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


CONFIG = """
version: 1.0
model: {{name: small, framework: onnxrt_qdq, path: {model}}}
quantization:
  approach: post_training_static_quant
  calibration:
    sampling_size: [16]
    dataloader: {{batch_size: 4, dataset: {{Arrays: {{inputs: {{x: x.npy}}, count: {calibration}}}}}}}
tuning:
  strategy: {{name: {strategy}}}
  accuracy_criterion: {{relative: {target}}}
  exit_policy: {{max_trials: {trials}}}
  cost_model: {{keep_back: {keep_back}}}
evaluation:
  accuracy:
    metric: {{topk: 1}}
    dataloader: {{batch_size: 8, dataset: {{Arrays: {{inputs: {{x: x.npy}}, labels: {labels}}}}}}}
"""


class Workspace(ToolCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inc_cli_")
        self.addCleanup(shutil.rmtree, self.folder)
        small_model(self.path("small.onnx"))
        rng = np.random.default_rng(2)
        self.x = rng.normal(size=(64, 6)).astype(np.float32)
        np.save(self.path("x.npy"), self.x)
        np.save(self.path("y.npy"), rng.integers(0, 4, 64))

    def path(self, name):
        return os.path.join(self.folder, name)

    @staticmethod
    def text(**changes):
        return CONFIG.format(**dict(model="small.onnx", calibration=16, strategy="basic", target=0.05, trials=20, labels="y.npy",
                                    keep_back=False) | changes)

    def config(self, text=None, **changes):
        with open(self.path("c.yaml"), "w") as f:
            f.write(self.text(**changes) if text is None else text)
        return self.path("c.yaml")

    def quantize(self, *more, **changes):
        return run("quantize", "--config", self.config(**changes), "--output", self.path("out"), *more)


class Results(Workspace):
    def test_quantize_writes_everything_and_says_so(self):
        done = self.quantize()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Mixed Precision Statistics", done.stdout)
        for name in ("model.onnx", "report.json", "report.html", "journal.jsonl"):
            self.assertTrue(os.path.getsize(self.path(f"out/{name}")) > 0)
        report = json.load(open(self.path("out/report.json")))
        self.assertTrue(report["result"]["met"])
        self.assertTrue(all(op["precision"] and op["reason"] for op in report["ops"]))
        onnx.checker.check_model(self.path("out/model.onnx"))

    def test_the_exported_model_runs_in_onnxruntime_like_the_report_says(self):
        import onnxruntime
        self.assertEqual(self.quantize().returncode, 0)
        report = json.load(open(self.path("out/report.json")))
        labels = np.load(self.path("y.npy"))
        for level in (onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL):
            options = onnxruntime.SessionOptions()
            options.graph_optimization_level = level
            options.log_severity_level = 4
            session = onnxruntime.InferenceSession(self.path("out/model.onnx"), options)
            accuracy = (session.run(None, {"x": self.x})[0].argmax(1) == labels).mean()
            self.assertAlmostEqual(accuracy, report["result"]["accuracy"], delta=1.5 / 64)

    def test_json_prints_one_object_and_nothing_else(self):
        done = self.quantize("--json")
        self.assertEqual(json.loads(done.stdout)["model"], "small")
        done = run("evaluate", "--config", self.config(), "--json")
        self.assertEqual(json.loads(done.stdout)["samples"], 64)
        done = run("benchmark", "--model", self.path("small.onnx"), "--iterations", 5, "--profile", "--json")
        self.assertEqual({op["name"] for op in json.loads(done.stdout)["ops"]} & {"first", "last"}, {"first", "last"})
        done = run("inspect", self.path("small.onnx"), "--json")
        self.assertEqual(json.loads(done.stdout)["nodes"], 3)

    def test_a_file_name_may_have_any_bytes(self):
        odd = os.fsdecode(os.fsencode(self.path("odd_")) + b"\xff.onnx")
        os.rename(self.path("small.onnx"), odd)
        for more in ((), ("--instances", 1)):
            done = run("benchmark", "--model", odd, "--iterations", 1, "--json", *more)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(json.loads(done.stdout)["model"], "odd_\ufffd")

    def test_the_quantized_model_benchmarks_in_int8(self):
        self.assertEqual(self.quantize().returncode, 0)
        done = run("benchmark", "--model", self.path("out/model.onnx"), "--iterations", 5, "--profile", "--json")
        ops = {op["name"]: op["precision"] for op in json.loads(done.stdout)["ops"]}
        self.assertEqual((ops["first"], ops["last"]), ("int8", "int8"))

    def test_a_missed_target_still_writes_the_best_model(self):
        done = run("quantize", "--config", os.path.join(QUICKSTART, "quickstart.yaml"), "--output", self.path("out"), "--threads", 1,
                   "--set", "tuning.exit_policy.max_trials=1", *WHATEVER_THE_SPEED)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("MISSED", done.stdout)
        self.assertFalse(json.load(open(self.path("out/report.json")))["result"]["met"])
        onnx.checker.check_model(self.path("out/model.onnx"))

    def test_set_overrides_the_file(self):
        done = self.quantize("--set", "tuning.strategy.name=random", "--json")
        self.assertEqual(json.loads(done.stdout)["strategy"], "random")

    def test_the_objective_chooses_among_what_meets_the_target(self):
        cost = {"modelsize": ("model_bytes", 0.5), "accuracy": ("relative_loss", 1e-9)}  # bytes are rounded
        for objective, (figure, rounding) in cost.items():
            report = json.loads(self.quantize("--set", f"tuning.objective={objective}", "--set", "tuning.exit_policy.timeout=60", "--json",
                                              strategy="exhaustive", target=1).stdout)
            self.assertEqual((report["objective"], len(report["trials"])), (objective, 4))
            for trial in report["trials"]:
                self.assertTrue(trial["met"])
                self.assertAlmostEqual(trial["cost"], trial[figure], delta=rounding)
            chosen = min(report["trials"], key=lambda trial: trial["cost"])
            self.assertEqual(report["result"]["accuracy"], chosen["accuracy"])
        done = self.quantize("--set", "tuning.multi_objectives.objective=[performance, modelsize]", "--json")
        self.assertEqual(json.loads(done.stdout)["objective"], "0.5 performance + 0.5 modelsize, each over FP32's")

    def test_performance_only_needs_no_labels(self):
        done = self.quantize("--set", "tuning.exit_policy.performance_only=true", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["cost"]["trials"], 0)

    def test_lists_and_schema_print(self):
        for what in ("strategies", "metrics", "datasets", "transforms", "postprocess", "operators", "kernels"):
            self.assertIn("\n", run("list", what).stdout)
        json.loads(run("schema").stdout)
        self.assertIn("max_trials", run("schema", "--markdown").stdout)


class Operators(unittest.TestCase):
    def test_how_an_operator_runs_is_found_out_by_running_it(self):
        done = run("list", "operators")
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)
        rows = {words[0]: words[1:4] for words in map(str.split, done.stdout.splitlines()[4:])}
        for op in ("Conv", "MatMul", "Gemm", "inc.Conv", "Add", "Relu", "MaxPool"):
            self.assertEqual((rows[op][0], rows[op][2]), ("native", "native"), op)
        self.assertEqual(rows["Softmax"][0], "native")
        self.assertEqual(rows["Det"][0], "scalar")
        self.assertEqual(rows["Det"][2], "scalar")
        self.assertNotIn("scalar", rows["Reshape"])
        self.assertEqual(rows["And"][1:], ["-", "-"])
        without = run("list", "operators", env_more={"INC_MAX_ISA": "avx2"}).stdout
        bf16 = {words[0]: words[2] for words in map(str.split, without.splitlines()[4:])}
        self.assertEqual(bf16["Conv"], "converted")

    def test_kernels_are_listed_with_their_variants(self):
        rows = {words[0]: words[1:] for words in map(str.split, run("list", "kernels").stdout.splitlines()[2:])}
        self.assertEqual(rows["quantize"], ["scalar", "avx2", "avx512_core"])
        self.assertEqual(rows["move"], ["scalar"])


class Benchmark(Workspace):
    def benchmark(self, *more, model="small.onnx", code=0):
        done = run("benchmark", "--model", self.path(model), "--json", *more)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def test_one_model_has_the_promised_fields(self):
        result = self.benchmark("--iterations", 20, "--batch", 3)
        for field in ("model", "precision", "isa", "batch", "threads", "instances", "latency_ms", "throughput", "iterations"):
            self.assertIn(field, result)
        latency = result["latency_ms"]
        low, high = latency["p50_interval"]
        self.assertTrue(0 < latency["min"] <= low <= latency["p50"] <= high <= latency["p99"])
        self.assertGreaterEqual(latency["p50_confidence"], 0.95)
        self.assertEqual((result["batch"], result["threads"], result["iterations"]), (3, 1, 20))
        self.assertGreater(result["prepare_ms"], 0)
        self.assertGreater(result["peak_rss_bytes"], 1 << 20)
        self.assertEqual(result["macs"], 3 * (6 * 8 + 8 * 4))
        self.assertAlmostEqual(result["gops"], 2e-6 * result["macs"] / latency["p50"])

    def test_precisions_take_turns(self):
        result = self.benchmark("--compare", "fp32,int8,bf16,int8+bf16", "--iterations", 9, "--profile")
        self.assertEqual([v["label"] for v in result["variants"]], ["fp32", "int8", "bf16", "int8+bf16"])
        for variant in result["variants"]:
            self.assertEqual(variant["iterations"], 9)
            low, high = variant["ratio_interval"]
            self.assertTrue(low <= variant["ratio"] <= high)
            self.assertEqual(variant["macs"], 6 * 8 + 8 * 4)
        self.assertEqual(result["variants"][0]["ratio"], 1)
        self.assertEqual(result["variants"][1]["precision"], "int8")
        ops = {op["name"]: op for op in result["variants"][1]["ops"]}
        self.assertEqual((ops["first"]["precision"], ops["last"]["precision"]), ("int8", "int8"))
        self.assertTrue(all(ops[name]["gops"] > 0 and ops[name]["ceiling_share"] > 0 for name in ("first", "last")))

    def test_a_precision_without_instructions_has_no_ceiling(self):
        done = run("benchmark", "--model", self.path("small.onnx"), "--compare", "fp32,bf16", "--iterations", 1, "--json", "--isa", "avx2")
        fp32, bf16 = json.loads(done.stdout)["variants"]
        self.assertGreater(fp32["ceiling_gops"], 1)
        self.assertNotIn("ceiling_gops", bf16)

    def test_no_runs_are_refused(self):
        self.assertEqual(run("benchmark", "--model", self.path("small.onnx"), "--iterations", 0).returncode, 2)

    def test_models_take_turns(self):
        small_model(self.path("other.onnx"), op="Tanh")
        result = self.benchmark("--compare-model", self.path("other.onnx"), "--iterations", 6)
        self.assertEqual([v["label"] for v in result["variants"]], ["small", "other"])

    def test_people_get_a_table_that_fits(self):
        done = run("benchmark", "--model", self.path("small.onnx"), "--compare", "fp32,int8", "--iterations", 6)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100, done.stdout)
        for word in ("95 % interval", "ratio", "GOP/s", "of ceiling", "peak memory"):
            self.assertIn(word, done.stdout)

    def test_inputs_can_be_the_data_of_the_configuration(self):
        done = run("benchmark", "--config", self.config(), "--inputs", "data", "--batch", 16, "--iterations", 6, "--json")
        self.assertEqual(json.loads(done.stdout)["batch"], 16, done.stderr)
        self.refused(run("benchmark", "--model", self.path("small.onnx"), "--inputs", "data"), 2, "--config")
        self.refused(run("benchmark", "--config", self.config(), "--inputs", "data", "--batch", 1000), 4, "1000", "16")

    def test_the_performance_section_says_what_options_do_not(self):
        config = self.config()
        with open(config, "a") as f:
            f.write("  performance:\n    warmup: 1\n    iteration: 7\n    configs: {num_of_instance: 1, cores_per_instance: 1}\n"
                    "    dataloader: {batch_size: 4, dataset: {Arrays: {inputs: {x: x.npy}, labels: y.npy}}}\n")
        result = self.benchmark("--config", config)
        self.assertEqual([result[k] for k in ("batch", "instances", "threads", "iterations")], [4, 1, 1, 7])
        result = self.benchmark("--config", config, "--batch", 2, "--iterations", 5, "--threads", 1)
        self.assertEqual([result["batch"], result["iterations"]], [2, 5])
        self.assertNotIn("per_instance", result)
        os.remove(self.path("x.npy"))
        self.assertEqual(run("benchmark", "--config", config, "--threads", 1).returncode, 4)

    def test_more_cores_in_the_file_than_there_are_are_a_warning(self):
        config = self.config()
        with open(config, "a") as f:
            f.write("  performance: {iteration: 3, configs: {num_of_instance: 7, cores_per_instance: 4000}}\n")
        done = run("benchmark", "--config", config, "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["instances"]), (0, 1), done.stderr)
        self.assertIn("num_of_instance 7, cores_per_instance 4000", done.stderr)

    def test_accuracy_mode_is_evaluate(self):
        done = run("benchmark", "--config", self.config(), "--mode", "accuracy", "--json")
        self.assertEqual(json.loads(done.stdout)["accuracy"], json.loads(run("evaluate", "--config", self.config(), "--json").stdout)["accuracy"])
        self.refused(run("benchmark", "--model", self.path("small.onnx"), "--mode", "accuracy"), 2, "--config")

    def test_instances_run_at_the_same_time_on_cores_of_their_own(self):
        cores = len(os.sched_getaffinity(0))
        result = self.benchmark("--instances", cores, "--cores-per-instance", 1, "--iterations", 20, "--batch", 2)
        self.assertEqual((result["instances"], result["threads"], result["batch"]), (cores, 1, 2))
        each = result["per_instance"]
        self.assertEqual(len({cpu for instance in each for cpu in instance["cpus"]}), cores)
        self.assertAlmostEqual(result["throughput"], sum(instance["throughput"] for instance in each))
        self.assertTrue(all(instance["iterations"] == 20 and instance["latency_ms"]["p50"] > 0 for instance in each))

    def test_more_cores_than_there_are_are_refused(self):
        small = self.path("small.onnx")
        self.refused(run("benchmark", "--model", small, "--instances", 4096, "--cores-per-instance", 2), 2, "8192 cores", "may use")
        self.refused(run("benchmark", "--model", small, "--cores-per-instance", 1), 2, "--instances")
        self.refused(run("benchmark", "--model", small, "--instances", 1, "--threads", 1), 2, "--cores-per-instance")

    def test_an_instance_that_fails_says_why(self):
        done = run("benchmark", "--model", self.path("none.onnx"), "--instances", 1)
        self.refused(done, 5, "none.onnx", "instance 0")

    def test_more_threads_than_cpus_are_a_warning(self):
        done = run("benchmark", "--model", self.path("small.onnx"), "--iterations", 1, "--threads", len(os.sched_getaffinity(0)) + 1)
        self.assertEqual(done.returncode, 0)
        self.assertIn("affinity mask", done.stderr)

    def test_peers_run_beside_or_say_why_not(self):
        ENVIRONMENT["INC_CPP_PYTHON"] = sys.executable
        self.addCleanup(ENVIRONMENT.pop, "INC_CPP_PYTHON")
        for precision in ("fp32", "int8"):
            ours, *peers = self.benchmark("--peers", "--duration", 0.2, "--precision", precision)["variants"]
            self.assertEqual((ours["label"], ours["precision"]), ("inc-cpp", precision))
            self.assertEqual([peer["label"] for peer in peers], ["onnxruntime", "openvino"])
            self.assertGreater(peers[0]["latency_ms"]["p50"], 0)
            self.assertTrue(peers[0]["version"] and peers[0]["peak_rss_bytes"] and peers[0]["ratio"] > 0)
            self.assertTrue("latency_ms" in peers[1] or "openvino" in peers[1]["why_absent"])
        absent = self.benchmark("--peers", "--duration", 0.1, "--precision", "bf16")["variants"][1]
        self.assertIn("BF16", absent["why_absent"])

    def test_another_precision_of_a_quantized_model_is_refused(self):
        self.assertEqual(self.quantize().returncode, 0)
        self.refused(run("benchmark", "--model", self.path("out/model.onnx"), "--precision", "fp32"), 2, "int8 already")


class Speed(Workspace):
    """Decisions by speed. Times are made up: what is measured is read, changed and given back."""

    def profile(self, **milliseconds):
        """costs.json in which operators take that long: name → (INT8, FP32)."""
        self.assertIn(self.quantize(keep_back=True).returncode, (0, 1))
        with open(self.path("out/costs.json")) as f:
            costs = json.load(f)
        names = [op["name"] for op in costs["operators"]]
        for sample in costs["samples"]:
            sample["site_ms"] = [milliseconds[site][sample["classes"][names.index(site)]] if site in names else 0.0 for site in costs["sites"]]
            sample["run_ms"] = sum(sample["site_ms"])
        return costs | {"checks": [], "noise": 0.0}

    def put(self, costs, name="costs.json"):
        with open(self.path(name), "w") as f:
            json.dump(costs, f)
        return self.path(name)

    def decided(self, *more, folder="out"):
        done = self.quantize(*more, keep_back=True)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.said = done.stdout
        with open(self.path("out/report.json")) as f:
            report = json.load(f)
        return report, {op["name"]: op for op in report["ops"]}

    def test_an_operator_that_is_slower_in_int8_stays_in_fp32(self):
        path = self.put(self.profile(first=(3.0, 1.0), last=(1.0, 4.0)))
        report, ops = self.decided("--profile-from", path)
        self.assertEqual((ops["first"]["precision"], ops["last"]["precision"]), ("fp32", "int8"))
        self.assertRegex(ops["first"]["reason"], r"INT8\S* would make the graph \d+\.\d µs slower \(measured\)")
        self.assertEqual([row["name"] for row in report["cost_model"]["kept_back"]], ["first"])
        self.assertAlmostEqual(report["cost_model"]["kept_back"][0]["microseconds"], 2000, delta=100)
        self.assertIn("first", next(line for line in self.said.splitlines() if line.startswith("Kept back")))

    def test_the_same_profile_gives_the_same_model(self):
        path = self.put(self.profile(first=(3.0, 1.0), last=(1.0, 4.0)))
        models = []
        for _ in range(2):
            self.decided("--profile-from", path)
            with open(self.path("out/model.onnx"), "rb") as f:
                models.append(f.read())
        self.assertEqual(*models)

    def test_times_of_another_machine_are_called_an_estimate(self):
        costs = self.profile(first=(1.0, 3.0), last=(1.0, 4.0))
        costs["machine"]["cpu"] = "another processor"
        report, ops = self.decided("--profile-from", self.put(costs))
        self.assertIn("estimated, profile of another processor", report["cost_model"]["source"])
        self.assertEqual((ops["first"]["precision"], ops["last"]["precision"]), ("int8", "int8"))

    def test_a_resumed_run_keeps_its_decisions(self):
        self.profile(first=(1.0, 3.0), last=(1.0, 4.0))
        with open(self.path("out/costs.json"), "rb") as f:
            before = f.read()
        self.decided("--resume")
        with open(self.path("out/costs.json"), "rb") as f:
            self.assertEqual(f.read(), before)

    def test_a_profile_that_does_not_fit_is_refused(self):
        costs = self.profile(first=(1.0, 3.0), last=(1.0, 4.0))
        again = lambda path: self.quantize("--profile-from", path, keep_back=True)
        self.refused(again(self.put(costs | {"model": "0123456789abcdef"})), 2, "another model")
        self.refused(again(self.put([1, 2])), 4, "not a cost profile")
        self.refused(again(self.path("none.json")), 4, "none.json")


class Reports(Workspace):
    def report(self, *more, metric="topk: 1", **changes):
        self.config(**changes)
        text = open(self.path("c.yaml")).read().replace("metric: {topk: 1}", f"metric: {{{metric}}}")
        done = run("quantize", "--config", self.config(text), "--output", self.path("out"), *more)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        with open(self.path("out/report.html"), encoding="utf-8") as file:
            self.html = file.read()
        page = Page(self.html)
        self.assertEqual(page.faults, [])
        self.assertNotIn("script", page.tags)
        return json.load(open(self.path("out/report.json")))

    def test_operators_have_times_and_what_the_search_has_learned_of_them(self):
        report = self.report(*WHATEVER_THE_SPEED, metric="agreement: {kind: cosine}", strategy="auto", target=0)  # nothing is equal
        gemms = [op for op in report["ops"] if op["op_type"] == "Gemm"]
        self.assertEqual(len(gemms), 2)
        for op in gemms:
            self.assertGreater(op["ms"], 0)
            self.assertGreater(op["fp32_ms"], 0)
            self.assertGreater(op["sensitivity"], 0)
            self.assertGreater(op["own_error"], 0)
        self.assertIn("Most sensitive", self.html)

    def test_what_was_not_measured_is_null_and_has_no_column(self):
        report = self.report(*WHATEVER_THE_SPEED, strategy="basic")
        self.assertTrue(all(op["sensitivity"] is None for op in report["ops"]))
        self.assertNotIn("Most sensitive", self.html)

    def test_several_metrics_have_a_row_each(self):
        self.config()
        text = open(self.path("c.yaml")).read().replace("metric: {topk: 1}", "multi_metrics: {topk: 1, agreement: {kind: cosine}}")
        done = run("quantize", "--config", self.config(text), "--output", self.path("out"))
        self.assertIn(done.returncode, (0, 1), done.stderr)
        report = json.load(open(self.path("out/report.json")))
        names = [metric["name"] for metric in report["metrics"]]
        self.assertEqual(names, ["top1", "agreement cosine"])
        self.assertEqual(report["metrics"][0]["result"], report["result"]["accuracy"])
        self.assertAlmostEqual(report["metrics"][1]["baseline"], 1, places=6)
        self.assertGreater(report["metrics"][1]["result"], 0.9)
        self.assertIn("Accuracy (agreement cosine)", done.stdout)

    def test_trials_say_where_their_accuracy_lies(self):
        for trial in self.report(*WHATEVER_THE_SPEED)["trials"]:
            self.assertLessEqual(trial["accuracy_low"], trial["accuracy"])
            self.assertGreaterEqual(trial["accuracy_high"], trial["accuracy"])


class Evaluation(Workspace):
    def tuned(self, metric, *more, **changes):
        self.config(**changes)
        text = open(self.path("c.yaml")).read().replace("metric: {topk: 1}", metric)
        return run("quantize", "--config", self.config(text), "--output", self.path("out"), *more)

    def trials(self):
        events = [json.loads(line)["event"] for line in open(self.path("out/journal.jsonl"))]
        return [event for event in events if event["kind"] == "trial"]

    def test_each_of_several_metrics_has_to_meet_the_target(self):
        done = self.tuned("multi_metrics: {topk: 1, agreement: {kind: cosine}, weight: [1, 1]}", trials=1)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        done = self.tuned("multi_metrics: {topk: 1, agreement: {kind: kl}}", target=0.0, trials=1)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("trial 1: accuracy", done.stderr)
        found = json.loads(run("evaluate", "--config", self.path("c.yaml"), "--json").stdout)
        self.assertEqual(found["metrics"], {"top1": found["accuracy"], "agreement kl": 0})
        self.refused(self.tuned("multi_metrics: {topk: 1, agreement: {kind: kl}, weight: [1, 1]}"), 2, "c.yaml:", "cannot be summed")
        self.refused(self.tuned("metric: {topk: 1}\n    multi_metrics: {Accuracy: {}}"), 2, "found both")

    def test_a_candidate_that_misses_leaves_an_interval_and_its_share(self):
        np.save(self.path("x.npy"), np.random.default_rng(3).normal(size=(4000, 6)).astype(np.float32))
        done = self.tuned("metric: {agreement: {kind: top1}}", strategy="random", target=0.0, trials=2, labels="x.npy")
        self.assertEqual(done.returncode, 1, done.stderr)
        for trial in self.trials():
            self.assertFalse(trial["met"])
            self.assertLess(trial["full_evaluations"], 0.5)
            self.assertLess(trial["accuracy_low"], trial["accuracy_high"])
            self.assertLess(trial["accuracy_high"], 1)
        self.assertRegex(done.stderr, r"trial 1: accuracy \S+ \(\S+ to \S+\) on \d+ % of the samples, target missed")

    def test_the_time_limit_ends_a_trial_within_it(self):
        np.save(self.path("x.npy"), np.random.default_rng(3).normal(size=(40000, 6)).astype(np.float32))
        done = self.tuned("metric: {agreement: {kind: top1}}", "--set", "tuning.exit_policy.timeout=0.02", labels="x.npy")
        self.assertEqual(done.returncode, 1, done.stderr)
        report = json.load(open(self.path("out/report.json")))
        self.assertEqual((report["stopped"], self.trials()), ("timeout reached", []))


class Resume(Workspace):
    def journal(self):
        with open(self.path("out/journal.jsonl"), "rb") as f:
            return f.read()

    def test_nothing_is_evaluated_twice(self):
        self.assertEqual(self.quantize(strategy="random", target=0.0, trials=4).returncode in (0, 1), True)
        before = self.journal()
        self.quantize("--resume", strategy="random", target=0.0, trials=4)
        self.assertEqual(self.journal(), before)

    def test_messages_stay_out_of_it_when_a_stream_is_closed(self):
        command = [TOOL, "quantize", "--config", self.config(), "--output", self.path("out")]
        for closed in ("0<&-", "2>&-", "0<&- 1>&- 2>&-"):
            subprocess.run(f"{shlex.join(command)} >/dev/null {closed}", shell=True, timeout=240, env=ENVIRONMENT)
            with open(self.path("out/journal.jsonl")) as f:
                self.assertGreaterEqual(len([json.loads(line) for line in f]), 2, closed)

    def test_a_torn_line_is_dropped(self):
        self.quantize(strategy="random", target=0.0, trials=3)
        whole = self.journal()
        with open(self.path("out/journal.jsonl"), "wb") as f:
            f.write(whole[:-7])
        done = self.quantize("--resume", strategy="random", target=0.0, trials=3)
        self.assertIn("torn", done.stderr)
        self.assertEqual(self.journal().count(b"\n"), whole.count(b"\n"))

    def test_another_models_journal_is_refused(self):
        self.quantize()
        small_model(self.path("small.onnx"), op="Tanh")
        self.refused(self.quantize("--resume"), 2, "model_hash")

    def test_kill_9_loses_no_finished_trial(self):
        command = [TOOL, "quantize", "--config", os.path.join(QUICKSTART, "quickstart.yaml"), "--output", self.path("q"), "--threads", "1",
                   *WHATEVER_THE_SPEED]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
        for _ in range(600):
            time.sleep(0.1)
            if os.path.exists(self.path("q/journal.jsonl")) and open(self.path("q/journal.jsonl")).read().count("\n") >= 3:
                break
        process.kill()
        process.wait()
        lines = open(self.path("q/journal.jsonl")).readlines()
        self.assertGreaterEqual(len(lines), 3)
        done = subprocess.run(command + ["--resume", "--json"], capture_output=True, text=True, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = open(self.path("q/journal.jsonl")).readlines()
        kept = [line for line in lines if line.endswith("\n")]
        self.assertEqual(after[:len(kept)], kept)

    def test_sigint_writes_the_best_so_far(self):
        command = [TOOL, "quantize", "--config", os.path.join(QUICKSTART, "quickstart.yaml"), "--output", self.path("q"), "--threads", "1",
                   "--set", "tuning.accuracy_criterion.relative=0.0", *WHATEVER_THE_SPEED]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
        for _ in range(600):
            time.sleep(0.1)
            if os.path.exists(self.path("q/journal.jsonl")) and open(self.path("q/journal.jsonl")).read().count("\n") >= 2:
                break
        process.send_signal(signal.SIGINT)
        self.assertIn(process.wait(timeout=60), (0, 1))
        self.assertTrue(os.path.exists(self.path("q/model.onnx")))
        self.assertIn(json.load(open(self.path("q/report.json")))["stopped"], ("interrupted", "target met"))


class BadInput(Workspace):
    def test_truncated_model(self):
        data = open(self.path("small.onnx"), "rb").read()
        open(self.path("small.onnx"), "wb").write(data[:len(data) // 2])
        self.refused(self.quantize(), 3, "small.onnx")

    def test_missing_model(self):
        self.refused(self.quantize(model="nothing.onnx"), 3, "nothing.onnx")

    def test_something_that_is_no_model(self):
        open(self.path("small.onnx"), "w").write("hello")
        self.refused(self.quantize(), 3, "small.onnx")

    def test_unsupported_operator_names_node_and_type(self):
        small_model(self.path("small.onnx"))
        model = onnx.load(self.path("small.onnx"))
        model.graph.node[1].op_type = "Frobnicate"
        model.graph.node[1].domain = "my.domain"
        model.opset_import.append(helper.make_opsetid("my.domain", 1))
        onnx.save(model, self.path("small.onnx"))
        self.refused(self.quantize(), 3, "middle", "Frobnicate")

    def test_unknown_key_has_its_place_and_a_suggestion(self):
        text = CONFIG.format(model="small.onnx", calibration=16, strategy="basic", target=0.05, trials=3, labels="y.npy", keep_back=False)
        self.refused(run("quantize", "--config", self.config(text.replace("max_trials", "max_trial"))), 2, "c.yaml:", "max_trial", "max_trials")

    def test_what_is_not_honoured_is_said_first_and_strict_makes_all_of_it_an_error(self):
        config = self.config(self.text().replace("tuning:\n", "tuning:\n  tensorboard: True\n  diagnosis: {op_list: [a]}\n"))
        quoted = [r":\d+:3: tuning.tensorboard", r":\d+:3: tuning.diagnosis"]
        for command in (("quantize", "--output", self.path("out")), ("evaluate",), ("benchmark", "--iterations", 3, "--mode", "performance")):
            done = run(*command, "--config", config)
            self.assertEqual(done.returncode, 0, done.stderr)
            said = [line for line in done.stderr.splitlines() if "is not honoured: " in line]
            for line, pattern in zip(said, quoted, strict=True):
                self.assertRegex(line, pattern)
            self.assertEqual(done.stderr.splitlines()[:2], said)
            done = run(*command, "--config", config, "--strict")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            for pattern in quoted:
                self.assertRegex(done.stderr, pattern)
        with open(self.path("out/report.json")) as f:
            self.assertEqual(sum("is not honoured" in note for note in json.load(f)["calibration"]["notes"]), 2)

    def test_the_direction_that_is_given_must_be_the_metrics(self):
        wrong = ("--set", "tuning.accuracy_criterion.higher_is_better=False")
        done = run("evaluate", "--config", self.config(), *wrong)
        self.assertEqual(done.returncode, 2)
        self.assertIn("higher_is_better: False found, True expected for top1", done.stderr)
        self.assertEqual(run("evaluate", "--config", self.config(), *wrong, "--set", "evaluation.accuracy.metric={Loss: }").returncode, 0)

    def test_wrong_type_and_range(self):
        self.refused(self.quantize(trials="many"), 2, "many")
        self.refused(self.quantize(trials=-3), 2, "-3")
        self.refused(self.quantize(strategy="basik"), 2, "basik", "basic")

    def test_yaml_that_does_not_parse(self):
        self.refused(run("quantize", "--config", self.config("a: [1, 2\nb: }")), 2, "c.yaml:")

    def test_missing_configuration_file(self):
        self.refused(run("quantize", "--config", self.path("none.yaml")), 2, "none.yaml")

    def test_names_and_files_are_looked_at_before_any_work(self):
        for change in (("Arrays: {{inputs: {{x: x.npy}}, labels", "Arrayz: {{inputs: {{x: x.npy}}, labels"), ("topk: 1", "topq: 1"),
                       ("labels: {labels}", "labels: none.npy")):
            done = run("quantize", "--config", self.config(CONFIG.replace(*change).format(
                model="small.onnx", calibration=16, strategy="basic", target=0.05, trials=20, labels="y.npy", keep_back=True)))
            self.assertIn(done.returncode, (2, 4))
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_missing_label_file(self):
        self.refused(self.quantize(labels="none.npy"), 4, "none.npy")

    def test_too_few_labels(self):
        np.save(self.path("few.npy"), np.zeros(3, np.int64))
        self.refused(self.quantize(labels="few.npy"), 4, "few.npy")

    def test_empty_calibration_set(self):
        self.refused(self.quantize(calibration=0), 4 if self.quantize(calibration=0).returncode == 4 else 2)

    def test_nan_in_the_data_names_the_sample(self):
        self.x[5, 2] = np.nan
        np.save(self.path("x.npy"), self.x)
        self.refused(self.quantize(), 4, "5")

    def test_data_of_the_wrong_shape(self):
        np.save(self.path("x.npy"), np.zeros((64, 7), np.float32))
        self.refused(self.quantize(), 4, "x")

    def test_truncated_data(self):
        data = open(self.path("x.npy"), "rb").read()
        open(self.path("x.npy"), "wb").write(data[:200])
        self.refused(self.quantize(), 4, "x.npy")

    def test_output_that_cannot_be_written(self):
        open(self.path("file"), "w").write("in the way")
        self.refused(run("quantize", "--config", self.config(), "--output", self.path("file/out")), 5, "file")

    def test_full_disk(self):
        if os.geteuid() != 0 or shutil.which("mount") is None:
            self.skipTest("needs root to mount a small file system")
        os.mkdir(self.path("tiny"))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", self.path("tiny")], capture_output=True).returncode != 0:
            self.skipTest("cannot mount a small file system here")
        try:
            done = run("quantize", "--config", self.config(), "--output", self.path("tiny/out"))
            self.refused(done, 5, "No space left on device")
        finally:
            subprocess.run(["umount", self.path("tiny")])

    def test_a_number_out_of_range_is_told_with_the_range(self):
        for option, value in (("--batch", 0), ("--iterations", -1), ("--warmup", -1), ("--duration", 0), ("--instances", "x")):
            done = run("benchmark", "--model", self.path("small.onnx"), option, value)
            self.refused(done, 2, option, f"Value {value} not in range")
            self.assertLess(len(done.stderr), 200)

    def test_a_model_without_a_name_is_refused(self):
        self.refused(run("benchmark", "--model", ""), 2, "--model")
        self.refused(run("benchmark", "--model", self.path("small.onnx"), "--compare-model", "", "--iterations", 1), 3)

    def test_a_result_that_cannot_be_printed_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([TOOL, "inspect", self.path("small.onnx")], stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.refused(done, 5, "standard output", "No space left on device")

    def test_wrong_usage(self):
        self.assertEqual(run().returncode, 2)
        self.assertEqual(run("quantise").returncode, 2)
        self.assertEqual(run("quantize").returncode, 2)
        self.assertEqual(run("--help").returncode, 0)


if __name__ == "__main__":
    sys.exit(main())
