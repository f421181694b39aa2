"""Trains a small VGG on rendered pictures and writes what the walk-through reads: train.py FOLDER [--fast]

FOLDER gets model.onnx (input `image` [N, 3, 24, 24], output `scores` [N, 8]) and, for calibration and evaluation,
{calibration,evaluation}_{images,labels}.npy. Layers are trained in NumPy; nothing is downloaded.
"""
import argparse
import os
import time

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper

from images import CLASSES, SIDE, render

MEAN, STD = 0.5, 0.25


class Conv:
    """3 x 3, padding 1, and ReLU. Images are [N, H, W, C]; weight [9 C, K]."""

    def __init__(self, rng, channels, kernels):
        self.weight = rng.normal(0, np.sqrt(2 / (9 * channels)), (9 * channels, kernels)).astype(np.float32)
        self.bias = np.zeros(kernels, np.float32)

    @staticmethod
    def patches(x):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return sliding_window_view(padded, (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9 * x.shape[3])

    def forward(self, x):
        self.columns = self.patches(x)
        self.y = np.maximum(self.columns @ self.weight + self.bias, 0).reshape(*x.shape[:3], -1)
        return self.y

    def backward(self, g):
        g = g * (self.y > 0)
        flat = g.reshape(-1, g.shape[3])
        self.grads = [self.columns.T @ flat, flat.sum(0)]
        channels = len(self.weight) // 9
        turned = self.weight.reshape(3, 3, channels, -1)[::-1, ::-1].transpose(0, 1, 3, 2).reshape(-1, channels)
        return (self.patches(g) @ turned).reshape(*g.shape[:3], channels)


class Pool:
    """Maximum of 2 x 2."""

    def forward(self, x):
        n, h, w, c = x.shape
        tiles = x.reshape(n, h // 2, 2, w // 2, 2, c)
        y = tiles.max((2, 4))
        self.where = tiles == y[:, :, None, :, None]
        return y

    def backward(self, g):
        n, h, w, c = g.shape
        return (self.where * g[:, :, None, :, None]).reshape(n, 2 * h, 2 * w, c)


class Dense:
    """[N, …] to [N, K], with ReLU unless it is the last."""

    def __init__(self, rng, inputs, outputs, relu):
        self.weight = rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32)
        self.bias, self.relu = np.zeros(outputs, np.float32), relu

    def forward(self, x):
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        self.y = self.x @ self.weight + self.bias
        if self.relu:
            self.y = np.maximum(self.y, 0)
        return self.y

    def backward(self, g):
        if self.relu:
            g = g * (self.y > 0)
        self.grads = [self.x.T @ g, g.sum(0)]
        return (g @ self.weight.T).reshape(self.shape)


def make_layers(rng):
    widths, layers, channels = ((16, 16), (32, 32), (64, 64)), [], 3
    for block in widths:
        for kernels in block:
            layers.append(Conv(rng, channels, kernels))
            channels = kernels
        layers.append(Pool())
    side = SIDE // 2 ** len(widths)
    return layers + [Dense(rng, side * side * channels, 96, True), Dense(rng, 96, len(CLASSES), False)]


def scores_of(layers, images):
    x = ((images.astype(np.float32) / 255) - MEAN) / STD
    for layer in layers:
        x = layer.forward(x)
    return x


def train(layers, images, labels, epochs, rng, batch=25, rate=2e-3):
    """Adam on the cross-entropy; the rate falls linearly to 0."""
    params = [(layer, i, p, np.zeros_like(p), np.zeros_like(p))
              for layer in layers if hasattr(layer, "weight") for i, p in enumerate((layer.weight, layer.bias))]
    steps, step = epochs * (len(images) // batch), 0
    for epoch in range(epochs):
        order, total = rng.permutation(len(images)), 0.0
        for first in range(0, len(images) - batch + 1, batch):
            chosen, step = order[first:first + batch], step + 1
            scores = scores_of(layers, images[chosen])
            shares = np.exp(scores - scores.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            total -= np.log(shares[np.arange(batch), labels[chosen]] + 1e-9).mean()
            g = (shares - np.eye(len(CLASSES), dtype=np.float32)[labels[chosen]]) / batch
            for layer in reversed(layers):
                g = layer.backward(g)
            for layer, i, p, m, v in params:
                grad = layer.grads[i]
                m += 0.1 * (grad - m)
                v += 0.001 * (grad * grad - v)
                scale = rate * (1 - step / (steps + 1)) * np.sqrt(1 - 0.999 ** step) / (1 - 0.9 ** step)
                p -= scale * m / (np.sqrt(v) + 1e-8)
        print(f"epoch {epoch + 1} of {epochs}: loss {total / (len(images) // batch):.3f}", flush=True)


def to_onnx(layers):
    """The layers as an ONNX model; images are channels first there."""
    nodes, weights, x, side, channels = [], [], "image", SIDE, 3

    def constant(name, array):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    for number, layer in enumerate(layers):
        name = f"{type(layer).__name__.lower()}{number}"
        if isinstance(layer, Conv):
            w = constant(name + "_w", layer.weight.reshape(3, 3, channels, -1).transpose(3, 2, 0, 1))
            nodes.append(helper.make_node("Conv", [x, w, constant(name + "_b", layer.bias)], [name], name, pads=[1] * 4))
            nodes.append(helper.make_node("Relu", [name], [name + "_relu"], name + "_relu"))
            x, channels = name + "_relu", layer.weight.shape[1]
        elif isinstance(layer, Pool):
            nodes.append(helper.make_node("MaxPool", [x], [name], name, kernel_shape=[2, 2], strides=[2, 2]))
            x, side = name, side // 2
        else:
            w = layer.weight
            if layer.relu:
                nodes.append(helper.make_node("Flatten", [x], [name + "_flat"], name + "_flat"))
                x, w = name + "_flat", w.reshape(side, side, channels, -1).transpose(2, 0, 1, 3).reshape(len(w), -1)
            y = name if layer.relu else "scores"
            inputs = [x, constant(name + "_w", w), constant(name + "_b", layer.bias)]
            nodes.append(helper.make_node("Gemm", inputs, [y], name))
            x = y
            if layer.relu:
                nodes.append(helper.make_node("Relu", [x], [name + "_relu"], name + "_relu"))
                x = name + "_relu"
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", len(CLASSES)])
    graph = helper.make_graph(nodes, "small_vgg", [image], [scores], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--fast", action="store_true", help="fewer pictures, for a smoke test")
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    rng = np.random.default_rng(1)
    begin = time.perf_counter()
    images, labels = render(1500 if arguments.fast else 4000, seed=2)
    layers = make_layers(rng)
    train(layers, images, labels, 3 if arguments.fast else 4, rng)
    sets = {"calibration": (images[:200], labels[:200]), "evaluation": render(500 if arguments.fast else 2000, seed=3)}
    for name, (pictures, classes) in sets.items():
        np.save(os.path.join(arguments.folder, name + "_images.npy"), pictures)
        np.save(os.path.join(arguments.folder, name + "_labels.npy"), classes)
    onnx.save(to_onnx(layers), os.path.join(arguments.folder, "model.onnx"))
    pictures, classes = sets["evaluation"]
    found = [scores_of(layers, pictures[i:i + 100]).argmax(1) for i in range(0, len(pictures), 100)]
    right = np.concatenate(found) == classes
    print(f"trained in {time.perf_counter() - begin:.1f} s; {right.mean():.4f} of {len(classes)} other pictures are right")


if __name__ == "__main__":
    main()
