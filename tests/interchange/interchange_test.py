#!/usr/bin/env python3
"""Quantized models between onnxruntime and us, both ways. Usage: interchange_test.py INTERCHANGE

Models that onnxruntime.quantization wrote give our engine the outputs that onnxruntime computes; models that we write
in each form give onnxruntime, optimized or as written, the outputs of their source.
"""
import os
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
try:
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
except ImportError as missing:
    print(missing)
    sys.exit(SKIPPED)

TOOL = os.path.abspath(sys.argv[1])
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1")
ort.set_default_logger_severity(4)


def network(nodes, inputs, output, weights, opset=13, contrib=False):
    """A model; inputs are (name, shape) or (name, shape, type)."""
    info = [helper.make_tensor_value_info(i[0], i[2] if len(i) > 2 else TensorProto.FLOAT, i[1]) for i in inputs]
    graph = helper.make_graph(nodes, "g", info, [output], [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()])
    domains = [helper.make_opsetid("", opset)] + ([helper.make_opsetid("com.microsoft", 1)] if contrib else [])
    return helper.make_model(graph, opset_imports=domains, ir_version=8)


def real(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def convolutions():
    rng = np.random.default_rng(1)
    w = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (8, 1, 3, 3), "b2": (8,), "w3": (8, 8, 1, 1), "b3": (8,), "w4": (5, 8), "b4": (5,)}
    w = {k: rng.normal(0, 0.4, s).astype(np.float32) for k, s in w.items()}
    w |= {"low": np.float32(0), "high": np.float32(6)}
    n = helper.make_node
    nodes = [n("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]), n("Relu", ["c1"], ["r1"]),
             n("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
             n("Conv", ["p1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1], group=8), n("Clip", ["c2", "low", "high"], ["r2"]),
             n("Conv", ["r2", "w3", "b3"], ["c3"]), n("Add", ["c3", "p1"], ["s3"]), n("Relu", ["s3"], ["r3"]),
             n("GlobalAveragePool", ["r3"], ["g"]), n("Flatten", ["g"], ["f"]), n("Gemm", ["f", "w4", "b4"], ["y"], transB=1)]
    return network(nodes, [("x", [2, 3, 8, 8])], real("y", [2, 5]), w)


def attention():
    rng = np.random.default_rng(2)
    w = {"wq": (16, 16), "wk": (16, 16), "wv": (16, 16), "bq": (16,), "w1": (16, 32), "b1": (32,), "w2": (32, 16)}
    w = {k: rng.normal(0, 0.3, s).astype(np.float32) for k, s in w.items()}
    n = helper.make_node
    nodes = [n("MatMul", ["x", "wq"], ["q0"]), n("Add", ["q0", "bq"], ["q"]), n("MatMul", ["x", "wk"], ["k"]),
             n("Transpose", ["k"], ["kt"], perm=[0, 2, 1]), n("MatMul", ["q", "kt"], ["a"]), n("Softmax", ["a"], ["p"], axis=-1),
             n("MatMul", ["x", "wv"], ["v"]), n("MatMul", ["p", "v"], ["o"]), n("Add", ["o", "x"], ["h"]),
             n("MatMul", ["h", "w1"], ["m0"]), n("Add", ["m0", "b1"], ["m"]), n("Sigmoid", ["m"], ["s"]), n("Mul", ["m", "s"], ["g"]),
             n("MatMul", ["g", "w2"], ["d"]), n("LeakyRelu", ["d"], ["l"], alpha=0.1), n("Concat", ["l", "h"], ["y"], axis=2)]
    return network(nodes, [("x", [2, 6, 16])], real("y", [2, 6, 32]), w)


NETWORKS = {"convolutions": convolutions, "attention": attention}


class Samples(CalibrationDataReader):
    def __init__(self, shape):
        rng = np.random.default_rng(3)
        self.batches = iter([{"x": rng.normal(size=shape).astype(np.float32)} for _ in range(8)])

    def get_next(self):
        return next(self.batches, None)


def session(path, optimized=True):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Workspace(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="inc_interchange_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def tool(self, *args):
        done = subprocess.run([TOOL, *args], capture_output=True, text=True, timeout=120, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split("\n")[:-1]

    def quantized(self, name, form):
        """The network as onnxruntime.quantization writes it."""
        source, path = self.path("source.onnx"), self.path(f"{form}.onnx")
        model = NETWORKS[name]()
        onnx.save(model, source)
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        if form == "dynamic":
            quantize_dynamic(source, path, weight_type=QuantType.QInt8, per_channel=True)
        else:
            quantize_static(source, path, Samples(shape), per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                            quant_format=QuantFormat.QOperator if form == "qoperator" else QuantFormat.QDQ)
        return path, {"x": np.random.default_rng(4).normal(size=shape).astype(np.float32)}

    def ours(self, path, feed, like):
        files = []
        for i, x in enumerate(feed.values()):
            files.append(self.path(f"in{i}.bin"))
            x.tofile(files[-1])
        self.steps = self.tool("run", path, self.path("out.bin"), *files)
        return np.fromfile(self.path("out.bin"), like.dtype).reshape(like.shape)

    def near(self, actual, expected, level, share=0.02):
        """Within one level; more than half a level off in a few places only."""
        off = np.abs(actual.astype(np.float64) - expected.astype(np.float64)) / level
        self.assertLessEqual(off.max(), 1.001)
        self.assertLessEqual(np.mean(off > 0.5), share)


def output_level(model):
    """The scale of the last QuantizeLinear, or of the operator that writes 8-bit data."""
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    last = [n for n in model.graph.node if n.op_type == "DequantizeLinear" and n.output[0] == model.graph.output[0].name]
    return float(constants[last[0].input[1]]) if last else None


def relative_error(actual, expected):
    return float(np.sum((actual - expected) ** 2) / np.sum(expected**2))


# Sums of many levels, each rounded another way when it lies on the edge between two.
STATIC_ERROR = 5e-4
DYNAMIC_ERROR = 1e-9


class Import(Workspace):
    def check(self, name, form, limit, int8):
        path, feed = self.quantized(name, form)
        expected = session(path).run(None, feed)[0]
        actual = self.ours(path, feed, expected)
        self.assertLess(relative_error(actual, expected), limit)
        self.assertGreaterEqual(sum(s.endswith("int8") for s in self.steps), int8, self.steps)

    def test_convolutions_in_integer_operators_run_in_int8(self):
        self.check("convolutions", "qoperator", STATIC_ERROR, 4)

    def test_convolutions_in_qdq_run_in_int8(self):
        self.check("convolutions", "qdq", STATIC_ERROR, 4)

    def test_convolutions_with_levels_taken_at_run_time(self):
        self.check("convolutions", "dynamic", DYNAMIC_ERROR, 0)

    def test_attention_in_integer_operators_runs_in_int8(self):
        self.check("attention", "qoperator", STATIC_ERROR, 5)

    def test_attention_in_qdq_runs_in_int8(self):
        self.check("attention", "qdq", STATIC_ERROR, 5)

    def test_attention_with_levels_taken_at_run_time(self):
        self.check("attention", "dynamic", DYNAMIC_ERROR, 0)


class Export(Workspace):
    def check(self, name, source_form, form, limit, **operators):
        source, feed = self.quantized(name, source_form)
        expected = session(source).run(None, feed)[0]
        out = self.path("written.onnx")
        count = dict(line.split() for line in self.tool(form, source, out))
        for op, times in operators.items():
            self.assertEqual(int(count.get(op, 0)), times, count)
        for optimized in (True, False):
            self.assertLess(relative_error(session(out, optimized).run(None, feed)[0], expected), limit)
        self.assertLess(relative_error(self.ours(out, feed, expected), expected), limit)

    def test_qdq_of_convolutions(self):
        self.check("convolutions", "qoperator", "qdq", STATIC_ERROR, QLinearConv=0)

    def test_integer_operators_for_convolutions(self):
        self.check("convolutions", "qdq", "qlinear", STATIC_ERROR, QLinearConv=3, Conv=0)

    def test_qdq_of_attention(self):
        self.check("attention", "qoperator", "qdq", STATIC_ERROR, QLinearMatMul=0)

    def test_integer_operators_for_attention(self):
        self.check("attention", "qdq", "qlinear", STATIC_ERROR, QLinearMatMul=7, MatMul=0)

    def test_convolutions_with_levels_taken_at_run_time(self):
        self.check("convolutions", "dynamic", "integer", DYNAMIC_ERROR, ConvInteger=3, MatMulInteger=1, Conv=0)
        self.check("convolutions", "dynamic", "qdq", DYNAMIC_ERROR, ConvInteger=0, MatMulInteger=0)

    def test_attention_with_levels_taken_at_run_time(self):
        self.check("attention", "dynamic", "integer", DYNAMIC_ERROR, MatMulInteger=5, MatMul=2)

    def test_static_groups_stay_as_they_are_among_integer_operators(self):
        self.check("convolutions", "qdq", "integer", STATIC_ERROR, ConvInteger=0, Conv=3)


class Strip(Workspace):
    def check(self, name, form):
        """What is left of the difference to FP32 is the rounding of the weights."""
        source, feed = self.quantized(name, form)
        exact = session(self.path("source.onnx")).run(None, feed)[0]
        count = dict(line.split() for line in self.tool("fp32", source, self.path("fp32.onnx")))
        self.assertFalse([op for op in count if "uantize" in op or "Integer" in op or "QLinear" in op], count)
        stripped = session(self.path("fp32.onnx")).run(None, feed)[0]
        self.assertLess(relative_error(stripped, exact), 2e-3)

    def test_integer_operators(self):
        self.check("convolutions", "qoperator")
        self.check("attention", "qoperator")

    def test_qdq(self):
        self.check("convolutions", "qdq")
        self.check("attention", "qdq")

    def test_dynamic(self):
        self.check("convolutions", "dynamic")
        self.check("attention", "dynamic")


class Contrib(Workspace):
    """One com.microsoft operator after another, against onnxruntime's."""

    def check(self, op, inputs, weights, result=TensorProto.UINT8, level=1.0, share=0.02, **attributes):
        names = list(inputs) + list(weights)
        order = attributes.pop("order", names)
        node = helper.make_node(op, order, ["y"], domain="com.microsoft", **attributes)
        kinds = [(k, v.shape, helper.np_dtype_to_tensor_dtype(v.dtype)) for k, v in inputs.items()]
        model = network([node], kinds, helper.make_tensor_value_info("y", result, None), weights, contrib=True)
        onnx.save(model, self.path("m.onnx"))
        expected = session(self.path("m.onnx")).run(None, inputs)[0]
        self.near(self.ours(self.path("m.onnx"), inputs, expected), expected, level, share)

    def bytes_of(self, *shape, dtype=np.uint8, seed=5):
        info = np.iinfo(dtype)
        return np.random.default_rng(seed).integers(info.min, info.max + 1, shape).astype(dtype)

    @staticmethod
    def levels(name, scale, zero, dtype=np.uint8):
        return {name + "s": np.float32(scale), name + "z": dtype(zero)}

    def test_add_and_mul(self):
        for dtype, zero in ((np.uint8, 128), (np.int8, 3)):
            a, b = self.bytes_of(2, 3, 4, dtype=dtype), self.bytes_of(3, 1, dtype=dtype, seed=6)
            w = self.levels("a", 0.02, zero, dtype) | self.levels("b", 0.03, zero, dtype) | self.levels("y", 0.05, zero, dtype)
            order = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
            for op in ("QLinearAdd", "QLinearMul"):
                self.check(op, {"a": a, "b": b}, w, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), order=order)

    def test_activations_and_pools(self):
        x = {"x": self.bytes_of(2, 3, 6, 6)}
        w = self.levels("x", 0.05, 120) | self.levels("y", 0.04, 100)
        p = self.levels("x", 0.05, 120) | self.levels("y", 1 / 256, 0)
        self.check("QLinearSigmoid", x, p)
        self.check("QLinearLeakyRelu", x, w, alpha=0.2)
        self.check("QLinearGlobalAveragePool", x, w)
        self.check("QLinearAveragePool", x, w, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], count_include_pad=1)
        self.check("QLinearSoftmax", x, p, axis=-1, opset=13)

    def test_concat_and_where(self):
        a, b = self.bytes_of(2, 3), self.bytes_of(2, 4, seed=6)
        w = self.levels("a", 0.02, 120) | self.levels("b", 0.03, 100) | self.levels("y", 0.04, 128)
        self.check("QLinearConcat", {"a": a, "b": b}, w, order=["ys", "yz", "a", "as", "az", "b", "bs", "bz"], axis=1)
        condition = np.array([True, False, True])
        self.check("QLinearWhere", {"c": condition, "a": a, "b": self.bytes_of(2, 3, seed=7)}, w,
                   order=["c", "a", "as", "az", "b", "bs", "bz", "ys", "yz"])

    def test_gemm(self):
        x = {"x": self.bytes_of(4, 8)}
        w = self.levels("x", 0.02, 120) | {"b": self.bytes_of(5, 8, dtype=np.int8), "bs": np.linspace(0.01, 0.02, 5, dtype=np.float32),
                                           "bz": np.zeros(5, np.int8), "c": np.arange(-400, 600, 200, dtype=np.int32)}
        order = ["x", "xs", "xz", "b", "bs", "bz", "c"]
        self.check("QGemm", x, w | self.levels("y", 0.2, 128), order=order + ["ys", "yz"], transB=1)
        self.check("QGemm", x, w, TensorProto.FLOAT, 1e-4, order=order, transB=1, alpha=0.5)

    def test_integer_products(self):
        x = np.random.default_rng(8).normal(size=(4, 8)).astype(np.float32)
        w = {"b": self.bytes_of(8, 5, dtype=np.int8), "bs": np.linspace(0.01, 0.02, 5, dtype=np.float32), "bias": np.ones(5, np.float32)}
        self.check("DynamicQuantizeMatMul", {"x": x}, w, TensorProto.FLOAT, 1e-3, order=["x", "b", "bs", "", "bias"])
        self.check("MatMulIntegerToFloat", {"x": self.bytes_of(4, 8)}, w | {"xs": np.float32(0.02), "xz": np.uint8(120)}, TensorProto.FLOAT,
                   1e-3, order=["x", "b", "xs", "bs", "xz", "", "bias"])

    def test_their_quantize_and_dequantize(self):
        x = np.random.default_rng(9).normal(size=(4, 3)).astype(np.float32)
        w = {"s": np.float32([0.02, 0.03, 0.04]), "z": np.uint8([0, 128, 3])}
        self.check("QuantizeLinear", {"x": x}, w, axis=1)
        self.check("DequantizeLinear", {"x": self.bytes_of(4, 3)}, w, TensorProto.FLOAT, 1e-4, axis=1)


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1] + sys.argv[2:], exit=False, verbosity=1).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
