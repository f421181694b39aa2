#!/usr/bin/env python3
"""What people bring from Intel Neural Compressor: files, scripts, names. Usage: from_inc_test.py INC_CPP SOURCE

INC_UPDATE_GOLDEN=1 rewrites the counts and reasons of docs/from-inc.md, and tests/golden/from_inc."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from tool_case import main

TOOL, SOURCE = (os.path.abspath(a) for a in sys.argv[1:3])
EXAMPLES, PAGE = os.path.join(SOURCE, "examples"), os.path.join(SOURCE, "docs", "from-inc.md")
GOLDEN = os.path.join(SOURCE, "tests", "golden", "from_inc")
UPDATE = os.environ.get("INC_UPDATE_GOLDEN")
FILES = ("ptq", "resnet50", "mobilenet_v2", "vgg16", "bert", "ssd")
STATUSES = ("same", "different", "absent", "error")
ROW = re.compile(r"^\| `(.+)` \| (\w+) \| ?(.*?) ?\|$")
PREFIXES = {"*.dataloader.": "evaluation.accuracy.dataloader.", "*.weight.": "quantization.model_wise.weight.",
            "*.activation.": "quantization.model_wise.activation."}
LISTS = {"Strategies": "strategies", "Data sets": "datasets", "Transforms": "transforms", "Postprocess": "postprocess",
         "Metrics": "metrics"}


def run(*command, more_environment={}, **more):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300,
                          env=os.environ | {"OMP_NUM_THREADS": "1", "INC_CPP": TOOL} | more_environment, **more)


def golden(path, text):
    if UPDATE:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    with open(path) as f:
        return f.read()


def sections(page):
    """{heading: [(name, status, explanation)]} of the tables with a status."""
    tables, heading = {}, None
    for line in page.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif (row := ROW.match(line)) and row[2] in STATUSES:
            tables.setdefault(heading, []).append(row.groups())
    return tables


def properties():
    """{key path: schema} of every key in `inc-cpp schema`."""
    found = {}

    def walk(schema, path):
        for key, value in schema.get("properties", {}).items():
            found[path + key] = value
            walk(value, path + key + ".")
    walk(json.loads(run(TOOL, "schema").stdout), "")
    return found


def fact(schema):
    """(status or None where the key is honoured, reason)."""
    text = schema.get("description", "")
    for start, status in (("Not honoured: ", "absent"), ("Refused: ", "error")):
        if text.startswith(start):
            return status, text[len(start):]
    return None, ""


def full(name):
    return next((path + name[len(short):] for short, path in PREFIXES.items() if name.startswith(short)), name)


class Page(unittest.TestCase):
    """docs/from-inc.md says of every key, value and name what the program does."""

    @classmethod
    def setUpClass(cls):
        with open(PAGE) as f:
            cls.page = f.read()
        cls.tables, cls.schema = sections(cls.page), properties()

    def values(self):
        """{"key: value": (status, reason)} of the values that are not simply accepted."""
        return {f"{path}: {value}": ({"not_honoured": "absent", "refused": "error"}.get(kind, "same"), reason)
                for path, schema in self.schema.items() for kind, list_ in schema.get("x-values", {}).items()
                for value, reason in list_.items()}

    def facts(self, heading, name):
        """(status or None where several are right, reason) in the program."""
        if heading == "Keys":
            return fact(self.schema[full(name)])
        if heading == "Values":
            return self.values()[full(name)]
        if heading == "Strategies":
            return self.values().get("tuning.strategy.name: " + name, (None, ""))
        return ("error", "") if name not in self.listed(LISTS[heading]) else (None, "")

    def listed(self, what):
        return [line.split()[0] for line in run(TOOL, "list", what).stdout.splitlines() if line[:1].strip()]

    def test_every_row_is_what_the_program_does(self):
        for heading in ("Keys", "Values", *LISTS):
            for name, status, _ in self.tables[heading]:
                status_there, _ = self.facts(heading, name)
                with self.subTest(heading=heading, name=name):
                    self.assertIn(status, (status_there,) if status_there else ("same", "different"))

    def test_a_name_that_is_refused_has_the_reason_of_the_page(self):
        keys = {"Data sets": "dataloader={dataset: {NAME: }}",
                "Transforms": "dataloader={dataset: {dummy: {shape: [2]}}, transform: {NAME: }}",
                "Metrics": "metric=NAME", "Postprocess": "postprocess={transform: {NAME: }}"}
        base = ("evaluate", "--config", os.path.join(EXAMPLES, "01_quickstart", "quickstart.yaml"), "--set")
        for heading, key in keys.items():
            for name, status, why in self.tables[heading]:
                if status == "error":
                    done = run(TOOL, *base, "evaluation.accuracy." + key.replace("NAME", name))
                    self.assertEqual(done.returncode, 2)
                    self.assertIn(f"'{name}' found ({why.replace('`', '')})", done.stderr)

    def test_everything_that_is_not_honoured_is_on_the_page(self):
        named = {full(name) for name, *_ in self.tables["Keys"]}
        api_2 = ("quantization.recipes.", "model.quant_format")
        elsewhere = re.compile(r"graph_optimization\.|evaluation\.performance\.dataloader|.*activation\.bit$"
                               r"|quantization\.(calibration\.dataloader|optype_wise|op_wise)")
        for path, schema in self.schema.items():
            if fact(schema)[0] and not path.startswith(api_2) and not elsewhere.match(path):
                self.assertIn(path, named)
        values = {full(name) for name, *_ in self.tables["Values"]} | {
            "tuning.strategy.name: " + name for name, *_ in self.tables["Strategies"]}
        self.assertLessEqual({v for v in self.values() if not v.startswith("graph_optimization.")}, values)

    def test_reasons_and_counts_are_the_programs(self):
        heading, lines, counts = None, [], {}
        for line in self.page.splitlines():
            if line.startswith("## "):
                heading = line[3:]
            row = ROW.match(line)
            if row and row[2] in STATUSES:
                counts.setdefault(heading, dict.fromkeys(STATUSES, 0))[row[2]] += 1
                if heading in ("Keys", "Values", "Strategies") and (reason := self.facts(heading, row[1])[1]):
                    line = f"| `{row[1]}` | {row[2]} | {'as `' + reason + '`' if row[2] == 'same' else reason} |"
            lines.append(line)
        table = ["| of INC 1.14 | same | different | absent | error |", "|---|---|---|---|---|",
                 *(f"| {name.lower()} | " + " | ".join(str(c[s]) for s in STATUSES) + " |" for name, c in counts.items())]
        text = "\n".join(lines) + "\n"
        start = text.index(table[0])
        end = text.index("\n\n", start)
        text = text[:start] + "\n".join(table) + text[end:]
        self.assertEqual(golden(PAGE, text), text, "run again with INC_UPDATE_GOLDEN=1 and review the difference")


def keys_of(path):
    """Key paths of a file in block style."""
    keys, open_ = set(), []
    with open(path) as f:
        for line in f:
            if not (found := re.match(r"^( *)([\w.-]+):(?: |$)", line)):
                continue
            while open_ and open_[-1][0] >= len(found[1]):
                open_.pop()
            open_.append((len(found[1]), found[2]))
            keys.add(".".join(key for _, key in open_))
    return keys


class Files(unittest.TestCase):
    def test_each_loads_and_lists_what_is_not_honoured(self):
        for name in FILES:
            with self.subTest(name=name):
                command = (TOOL, "evaluate", "--config", f"{name}/{name}.yaml", "--model", "none.onnx")
                done = run(*command, "--strict", cwd=EXAMPLES)
                text = "all is honoured\n" if done.returncode == 3 else done.stderr
                self.assertIn(done.returncode, (2, 3), done.stderr)
                self.assertTrue(done.returncode == 3 or "not honoured:\n" in text, text)
                self.assertEqual(text, golden(os.path.join(GOLDEN, name + ".txt"), text))
                done = run(*command, cwd=EXAMPLES)
                self.assertIn("cannot open 'none.onnx'", done.stderr.replace(EXAMPLES + "/", ""))

    def test_together_they_use_every_key(self):
        used = set()
        for name in FILES:
            for key in keys_of(os.path.join(EXAMPLES, name, name + ".yaml")):
                key = re.sub(r"^.*\.dataloader\.", "*.dataloader.", key)
                used.add(re.sub(r"^quantization\.(?:model_wise|o\w+_wise\.\w+)\.(weight|activation)\.", r"*.\1.", key))
        with open(PAGE) as f:
            rows = sections(f.read())["Keys"]
        wanted = [name for name, status, _ in rows if status != "error" and name != "graph_optimization"]
        self.assertEqual([name for name in wanted if name not in used], [])


class Scripts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="from_inc_")
        self.addCleanup(shutil.rmtree, self.folder)
        self.example = os.path.join(EXAMPLES, "01_quickstart")
        self.config, self.model = (os.path.join(self.example, n) for n in ("quickstart.yaml", "shapes.onnx"))

    def script(self, name, *arguments):
        return run(os.path.join(self.example, name), *arguments, cwd=self.folder)

    def lines(self, mode, model):
        done = self.script("run_benchmark.sh", f"--config={self.config}", f"--input_model={model}", f"--mode={mode}",
                           *(("--", "--iterations", "10") if mode == "performance" else ()))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_tune_then_benchmark(self):
        done = self.script("run_tuning.sh", "--config", self.config, "--input_model", self.model,
                           "--output_model=tuned.onnx", "--", "--set", "tuning.cost_model.keep_back=False")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "The model is saved to tuned.onnx")
        self.assertRegex(self.lines("performance", "tuned.onnx"),
                         r"Batch size = 1\nLatency: \d+\.\d+ ms\nThroughput: \d+\.\d+ images/sec\n$")
        accuracy = [float(re.search(r"Batch size = 50\nAccuracy is (0\.\d{4})\n$", self.lines("accuracy", m))[1])
                    for m in (self.model, "tuned.onnx")]
        self.assertAlmostEqual(*accuracy, delta=0.01)
        self.assertGreater(accuracy[0], 0.9)

    def test_a_missed_target_is_exit_code_1_and_leaves_a_model(self):
        done = self.script("run_tuning.sh", f"--input_model={self.model}", "--output_model=missed.onnx", "--", "--set",
                           "tuning.accuracy_criterion={absolute: 0}", "--set", "tuning.exit_policy.max_trials=1", "--set",
                           "tuning.cost_model.keep_back=False", "--set", "quantization.recipes.fast_bias_correction=False")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertTrue(os.path.exists(os.path.join(self.folder, "missed.onnx")))

    def test_wrong_arguments_are_usage(self):
        for arguments in (("--input_mode=x",), ("--mode=speed", f"--input_model={self.model}"), (), ("--input_model",)):
            done = self.script("run_benchmark.sh", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("usage: run_benchmark.sh --config=", done.stderr)
        done = self.script("run_tuning.sh", f"--input_model={self.model}", "--output_model=x.pb")
        self.assertEqual(done.returncode, 2)

    def test_the_tools_error_is_the_scripts(self):
        done = self.script("run_tuning.sh", "--input_model=none.onnx")
        self.assertEqual(done.returncode, 3)
        self.assertIn("none.onnx", done.stderr)


class Sample(unittest.TestCase):
    """examples/vgg19, the small model."""

    def test_trains_quantizes_measures_and_draws(self):
        folder = tempfile.mkdtemp(prefix="vgg19_")
        self.addCleanup(shutil.rmtree, folder)
        done = run(os.path.join(EXAMPLES, "vgg19", "run_sample.sh"), "--fast", "--output", folder, more_environment=dict(
            PYTHON=sys.executable, PYTHONDONTWRITEBYTECODE="1", OPENBLAS_NUM_THREADS="1"))
        self.assertEqual(done.returncode, 0, done.stderr)
        results = []
        for name in ("32.json", "8.json"):
            with open(os.path.join(folder, "small", name)) as f:
                results.append(json.load(f))
        for result in results:
            self.assertEqual(set(result), {"throughput", "latency", "accuracy"})
            self.assertAlmostEqual(result["throughput"] * result["latency"], 1000, places=6)
        fp32, int8 = (result["accuracy"] for result in results)
        self.assertGreater(fp32, 2 / 8)  # twice what guessing among eight classes gives
        self.assertGreaterEqual(int8, 0.99 * fp32)
        for name in ("fp32_int8_absolute.png", "fp32_int8_times.png"):
            with open(os.path.join(folder, "small", name), "rb") as f:
                self.assertEqual(f.read(8), b"\x89PNG\r\n\x1a\n")
        self.assertFalse(os.path.exists(os.path.join(folder, "vgg19")))


if __name__ == "__main__":
    sys.exit(main())
