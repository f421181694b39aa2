#!/usr/bin/env python3
"""`inc-cpp compare`: finds a broken operator, in our models and in onnxruntime's. Usage: compare_test.py INC_CPP EXAMPLES"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "support"))
from broken import break_weight_scale  # noqa: E402
from page import Page  # noqa: E402

TOOL, EXAMPLES = (os.path.abspath(a) for a in sys.argv[1:3])
QUICKSTART = os.path.join(EXAMPLES, "01_quickstart")
MODEL, CONFIG = os.path.join(QUICKSTART, "shapes.onnx"), os.path.join(QUICKSTART, "quickstart.yaml")


def run(*args):
    return subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True, timeout=240,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))


def transformer(path):
    """x[N,6,16] -> products of two projections, softmax, a third projection, sum -> y: equal operators side by side."""
    rng = np.random.default_rng(3)
    weights = [numpy_helper.from_array(rng.normal(0, 0.3, (16, 16)).astype(np.float32), n) for n in ("wq", "wk", "wv", "wo")]
    nodes = [helper.make_node("MatMul", ["x", "wq"], ["q"], name="query"), helper.make_node("MatMul", ["x", "wk"], ["k"], name="key"),
             helper.make_node("MatMul", ["x", "wv"], ["v"], name="value"), helper.make_node("Transpose", ["k"], ["t"], name="turn", perm=[0, 2, 1]),
             helper.make_node("MatMul", ["q", "t"], ["s"], name="scores"), helper.make_node("Softmax", ["s"], ["p"], name="softmax", axis=-1),
             helper.make_node("MatMul", ["p", "v"], ["c"], name="context"), helper.make_node("MatMul", ["c", "wo"], ["o"], name="out"),
             helper.make_node("Add", ["o", "x"], ["y"], name="sum")]
    sides = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 6, 16]) for n in "xy"]
    onnx.save(helper.make_model(helper.make_graph(nodes, "small", sides[:1], sides[1:], weights),
                                opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def residual(path):
    """x[N,4,8,8] -> two branches of convolutions whose sum goes through a Relu -> a third convolution -> y."""
    rng = np.random.default_rng(5)
    shapes = {"w1": (6, 4, 3, 3), "w2": (8, 6, 1, 1), "w3": (8, 4, 1, 1), "w4": (4, 8, 1, 1)}
    weights = [numpy_helper.from_array(rng.normal(0, 0.4, s).astype(np.float32), n) for n, s in shapes.items()]
    nodes = [helper.make_node("Conv", ["x", "w1"], ["a"], name="first", pads=[1, 1, 1, 1]), helper.make_node("Relu", ["a"], ["b"], name="relu"),
             helper.make_node("Conv", ["b", "w2"], ["c"], name="second"), helper.make_node("Conv", ["x", "w3"], ["d"], name="shortcut"),
             helper.make_node("Add", ["c", "d"], ["e"], name="sum"), helper.make_node("Relu", ["e"], ["f"], name="relu2"),
             helper.make_node("Conv", ["f", "w4"], ["y"], name="last")]
    sides = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4, 8, 8]) for n in "xy"]
    onnx.save(helper.make_model(helper.make_graph(nodes, "small", sides[:1], sides[1:], weights),
                                opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


class Compare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.directory = cls.temporary.name
        done = run("quantize", "--config", CONFIG, "--output", cls.directory, "--quiet", "--set", "tuning.cost_model.keep_back=false")
        assert done.returncode == 0, done.stderr
        cls.quantized = os.path.join(cls.directory, "model.onnx")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def path(self, name):
        return os.path.join(self.directory, name)

    def compared(self, a, b, *more):
        done = run("compare", a, b, "--json", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_a_sound_model_is_matched_whole(self):
        found = self.compared(MODEL, self.quantized, "--config", CONFIG)
        self.assertEqual(found["matched"], found["operators"])
        self.assertEqual(found["unmatched"], [])
        self.assertEqual(found["samples"], 16)
        self.assertGreater(found["outputs"][0]["sqnr_db"], 20)
        for op in found["ops"]:
            self.assertLess(op["own"]["relative"], 0.05, op["name"])
        self.assertEqual(found["ops"], sorted(found["ops"], key=lambda op: -op["effect"]["relative"]))

    def test_every_broken_weight_is_found(self):
        for index in (1, 4, 8):
            broken = self.path(f"broken{index}.onnx")
            name = break_weight_scale(self.quantized, broken, index, 1.5)
            found = self.compared(MODEL, broken, "--config", CONFIG)
            self.assertEqual(found["ops"][0]["b_name"], name)
            self.assertGreater(found["ops"][0]["effect"]["relative"], 3 * found["ops"][1]["effect"]["relative"])
            self.assertGreater(found["ops"][0]["own"]["relative"], 3 * found["ops"][1]["own"]["relative"])

    def test_a_page_and_a_table_for_people(self):
        broken, page = self.path("broken.onnx"), self.path("page.html")
        name = break_weight_scale(self.quantized, broken, 2, 2)
        done = run("compare", MODEL, broken, "--top", 3, "--html", page, "--quiet")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertIn(" more (--top ", done.stdout)
        self.assertLess(done.stdout.index(name), done.stdout.index("weights") + 400)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(name, text)
        parsed = Page(text)
        self.assertEqual(parsed.faults, [])
        self.assertNotIn("script", parsed.tags)

    def test_models_of_onnxruntime(self):
        try:
            from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
        except ImportError:
            self.skipTest("no onnxruntime")

        class Samples(CalibrationDataReader):
            def __init__(self, shape):
                rng = np.random.default_rng(1)
                self.batches = iter([{"x": rng.random(shape, dtype=np.float32)} for _ in range(4)])

            def get_next(self):
                return next(self.batches, None)

        for make, shape in ((transformer, (8, 6, 16)), (residual, (8, 4, 8, 8))):
            model = self.path("float.onnx")
            make(model)
            for form in (QuantFormat.QDQ, QuantFormat.QOperator):
                quantized, broken = self.path("ort.onnx"), self.path("ort_broken.onnx")
                quantize_static(model, quantized, Samples(shape), quant_format=form)
                found = self.compared(model, quantized)
                self.assertEqual(found["matched"], found["operators"], found["unmatched"])
                self.assertLess(found["ops"][0]["own"]["relative"], 0.1)
                if form == QuantFormat.QDQ:
                    name = break_weight_scale(quantized, broken, 1, 2)
                    self.assertEqual(self.compared(model, broken)["ops"][0]["b_name"], name)

    def test_exit_codes(self):
        self.assertEqual(run("compare", MODEL).returncode, 2)
        self.assertEqual(run("compare", MODEL, self.path("none.onnx")).returncode, 3)
        self.assertEqual(run("compare", MODEL, MODEL, "--shape", "nonsense").returncode, 2)
        self.assertEqual(run("compare", MODEL, MODEL, "--config", self.path("none.yaml")).returncode, 2)
        other = self.path("other.onnx")
        transformer(other)
        done = run("compare", MODEL, other)
        self.assertEqual(done.returncode, 3)
        self.assertIn("expected", done.stderr)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
