"""Writes VGG19 with random weights: make_vgg19.py MODEL.onnx. Input `image` [N, 3, 224, 224], output `scores` [N, 1000].

Sixteen convolutions of 3 x 3 and three dense layers, as in Simonyan and Zisserman, "Very Deep Convolutional Networks for
Large-Scale Image Recognition" (2014), configuration E. Weights are scaled so that values keep their size.
"""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # convolutions, channels; a maximum of 2 x 2 after each
DENSE = (4096, 4096, 1000)


def make_vgg19(seed: int = 1) -> onnx.ModelProto:
    rng = np.random.default_rng(seed)
    nodes, weights, x, channels = [], [], "image", 3

    def layer(op, name, shape, relu, **attributes):
        w = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        weights.append(numpy_helper.from_array(w, name + "_w"))
        weights.append(numpy_helper.from_array(np.zeros(shape[0], np.float32), name + "_b"))
        y = name if relu else "scores"
        nodes.append(helper.make_node(op, [x, name + "_w", name + "_b"], [y], name, **attributes))
        if not relu:
            return y
        nodes.append(helper.make_node("Relu", [name], [name + "_relu"], name + "_relu"))
        return name + "_relu"

    for block, (count, kernels) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            x = layer("Conv", f"conv{block}_{number}", (kernels, channels, 3, 3), True, pads=[1] * 4)
            channels = kernels
        nodes.append(helper.make_node("MaxPool", [x], [f"pool{block}"], f"pool{block}", kernel_shape=[2, 2], strides=[2, 2]))
        x = f"pool{block}"
    nodes.append(helper.make_node("Flatten", [x], ["flat"], "flat"))
    x, size = "flat", channels * 7 * 7
    for number, width in enumerate(DENSE, 1):
        x = layer("Gemm", f"fc{number}", (width, size), number < len(DENSE), transB=1)
        size = width
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 224, 224])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", DENSE[-1]])
    graph = helper.make_graph(nodes, "vgg19", [image], [scores], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    onnx.save(make_vgg19(), sys.argv[1])
