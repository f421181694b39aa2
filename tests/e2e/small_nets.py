"""Small models for tests of the command line, with random weights from fixed seeds and data to feed them."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

node = helper.make_node


def network(nodes, inputs, outputs, weights, opset=17, metadata=None):
    """`inputs`: name → (shape, numpy type); `outputs`: name → shape; `weights`: name → array."""
    tensor = helper.make_tensor_value_info
    info = [tensor(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape) for name, (shape, dtype) in inputs.items()]
    graph = helper.make_graph(nodes, "small", info, [tensor(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
                              [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def weights_of(seed, spread, **shapes):
    rng = np.random.default_rng(seed)
    return {name: (spread * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}


def convolutions(batch="N", opset=17):
    """Conv, depthwise Conv, pointwise Conv with a residual, pooling, Gemm; channels of unequal sizes."""
    w = weights_of(1, 0.4, w1=(8, 3, 3, 3), b1=(8,), w2=(8, 1, 3, 3), b2=(8,), w3=(8, 8, 1, 1), b3=(8,), w4=(5, 8), b4=(5,))
    w["w1"] *= np.float32([0.1, 0.2, 0.5, 1, 1, 2, 3, 4]).reshape(8, 1, 1, 1)
    w |= {"low": np.float32(0), "high": np.float32(6)}
    nodes = [node("Conv", ["x", "w1", "b1"], ["c1"], "first", pads=[1, 1, 1, 1]), node("Relu", ["c1"], ["r1"]),
             node("Conv", ["r1", "w2", "b2"], ["c2"], "depthwise", pads=[1, 1, 1, 1], group=8), node("Clip", ["c2", "low", "high"], ["r2"]),
             node("Conv", ["r2", "w3", "b3"], ["c3"], "pointwise"), node("Add", ["c3", "r1"], ["s3"]), node("Relu", ["s3"], ["r3"]),
             node("MaxPool", ["r3"], ["p3"], kernel_shape=[2, 2], strides=[2, 2]), node("GlobalAveragePool", ["p3"], ["g"]),
             node("Flatten", ["g"], ["f"]), node("Gemm", ["f", "w4", "b4"], ["y"], "last", transB=1)]
    return network(nodes, {"x": ([batch, 3, 8, 8], "float32")}, {"y": [batch, 5]}, w, opset)


def attention():
    """A transformer block: mask (1 - m) * -1e9 added to the scores, softmax, residuals, LayerNormalization, GELU."""
    w = weights_of(2, 0.3, wq=(16, 16), bq=(16,), wk=(16, 16), wv=(16, 16), wo=(16, 16), w1=(16, 32), b1=(32,), w2=(32, 16), b2=(16,), wy=(16, 4))
    w |= {"scale": np.linspace(0.2, 6, 16, dtype=np.float32), "shift": np.zeros(16, np.float32), "one": np.float32(1), "half": np.float32(0.5),
          "low": np.float32(-1e9), "root": np.float32(4), "sqrt2": np.float32(2**0.5), "axis": np.int64([1])}
    nodes = [node("Unsqueeze", ["mask", "axis"], ["m0"]), node("Sub", ["one", "m0"], ["m1"]), node("Mul", ["m1", "low"], ["m2"], "masking"),
             node("MatMul", ["x", "wq"], ["q0"], "query"), node("Add", ["q0", "bq"], ["q"]), node("MatMul", ["x", "wk"], ["k"], "key"),
             node("MatMul", ["x", "wv"], ["v"], "value"), node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
             node("MatMul", ["q", "kt"], ["a0"], "scores"), node("Div", ["a0", "root"], ["a1"]), node("Add", ["a1", "m2"], ["a2"], "masked"),
             node("Softmax", ["a2"], ["a"], "softmax", axis=-1), node("MatMul", ["a", "v"], ["o0"], "mix"),
             node("MatMul", ["o0", "wo"], ["o1"], "project"), node("Add", ["o1", "x"], ["o2"]),
             node("LayerNormalization", ["o2", "scale", "shift"], ["n"], "norm", axis=-1),
             node("MatMul", ["n", "w1"], ["u0"], "up"), node("Add", ["u0", "b1"], ["u"]), node("Div", ["u", "sqrt2"], ["e0"]),
             node("Erf", ["e0"], ["e1"]), node("Add", ["e1", "one"], ["e2"]), node("Mul", ["u", "e2"], ["e3"]), node("Mul", ["e3", "half"], ["e"]),
             node("MatMul", ["e", "w2"], ["d0"], "down"), node("Add", ["d0", "b2"], ["d1"]), node("Add", ["d1", "n"], ["d"]),
             node("ReduceMean", ["d"], ["p"], axes=[1], keepdims=0), node("MatMul", ["p", "wy"], ["y"], "head")]
    return network(nodes, {"x": (["N", 6, 16], "float32"), "mask": (["N", 6], "float32")}, {"y": ["N", 4]}, w)


def perceptron(opset=17):
    """MatMul and Gemm, one hidden channel with outliers."""
    w = weights_of(3, 0.3, w1=(12, 32), b1=(32,), w2=(32, 32), b2=(32,), w3=(32, 4), b3=(4,))
    w["w1"][:, 3] *= 20
    nodes = [node("Gemm", ["x", "w1", "b1"], ["h1"], "first"), node("Relu", ["h1"], ["r1"]), node("MatMul", ["r1", "w2"], ["m2"], "second"),
             node("Add", ["m2", "b2"], ["h2"]), node("Relu", ["h2"], ["r2"]), node("Gemm", ["r2", "w3", "b3"], ["y"], "last")]
    return network(nodes, {"x": (["N", 12], "float32")}, {"y": ["N", 4]}, w, opset)


def products():
    """MatMuls without biases."""
    w = weights_of(5, 0.3, w1=(12, 32), w2=(32, 32), w3=(32, 4))
    nodes = [node("MatMul", ["x", "w1"], ["h1"], "first"), node("Relu", ["h1"], ["r1"]), node("MatMul", ["r1", "w2"], ["h2"], "second"),
             node("MatMul", ["h2", "w3"], ["y"], "last")]
    return network(nodes, {"x": (["N", 12], "float32")}, {"y": ["N", 4]}, w)


def without_anchors():
    nodes = [node("Mul", ["x", "x"], ["s"], "square"), node("ReduceMean", ["s"], ["m"], axes=[1], keepdims=1), node("Sqrt", ["m"], ["r"]),
             node("Div", ["x", "r"], ["y"])]
    return network(nodes, {"x": (["N", 12], "float32")}, {"y": ["N", 12]}, {})


def halved(model):
    """The network in FP16: weights, inputs, outputs."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def samples(model, count=32, seed=4):
    """input name → array whose first axis counts samples."""
    rng, data = np.random.default_rng(seed), {}
    for value in model.graph.input:
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim][1:]
        kind = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        data[value.name] = rng.normal(size=[count, *shape]).astype(kind)
    if "mask" in data:
        data["mask"] = (np.arange(data["mask"].shape[1]) < rng.integers(2, 7, [count, 1])).astype(np.float32)
    return data
