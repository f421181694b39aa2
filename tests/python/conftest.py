"""Small models and data, made here."""
import os
import pathlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("INC_SHARED", ROOT.parent / "shared"))
SAMPLES, FEATURES, CLASSES = 256, 64, 10


def model_of(nodes, inputs, outputs, weights):
    values = [helper.make_tensor_value_info(name, dtype, shape) for name, dtype, shape in inputs]
    results = [helper.make_tensor_value_info(name, dtype, shape) for name, dtype, shape in outputs]
    for node in nodes:
        node.name = f"{node.op_type}_{node.output[0]}"
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "net", values, results, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def mlp(width=512):
    """float[N, 64] -> float[N, 10], large enough for INT8 to pay."""
    rng = np.random.default_rng(1)
    sizes = [FEATURES, width, width, CLASSES]
    weights = {f"w{i}": (rng.normal(size=(sizes[i], sizes[i + 1])) / np.sqrt(sizes[i])).astype("f4") for i in range(3)}
    nodes = [helper.make_node("MatMul", ["x", "w0"], ["a"]), helper.make_node("Relu", ["a"], ["b"]),
             helper.make_node("MatMul", ["b", "w1"], ["c"]), helper.make_node("Relu", ["c"], ["d"]),
             helper.make_node("MatMul", ["d", "w2"], ["y"])]
    return model_of(nodes, [("x", TensorProto.FLOAT, ["N", FEATURES])], [("y", TensorProto.FLOAT, ["N", CLASSES])], weights)


def two_inputs():
    """a + b and a * b."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])]
    kinds = [("a", TensorProto.FLOAT, ["N", 3]), ("b", TensorProto.FLOAT, ["N", 3])]
    return model_of(nodes, kinds, [("sum", TensorProto.FLOAT, ["N", 3]), ("product", TensorProto.FLOAT, ["N", 3])], {})


@pytest.fixture(scope="session")
def model():
    return mlp()


@pytest.fixture(scope="session")
def data(model):
    """(inputs, labels): what the FP32 model says."""
    import inc_cpp
    x = np.random.default_rng(2).normal(size=(SAMPLES, FEATURES)).astype("f4")
    return x, inc_cpp.Session(model).run(None, {"x": x})[0].argmax(axis=1)


@pytest.fixture
def accuracy(data):
    x, labels = data

    def accuracy(session):
        return float((session.run(None, {"x": x})[0].argmax(axis=1) == labels).mean())

    return accuracy


@pytest.fixture
def shared():
    if not SHARED.is_dir():
        pytest.skip(f"no realdata below {SHARED}")
    return SHARED / "realdata"
