#!/usr/bin/env python3
"""Renders the shapes data set, trains the quickstart model and writes both beside this script.

    pip install torch numpy onnx
    python3 make_model.py            # about two minutes on two cores; the same seed gives the same images

Images are 28 x 28 grey, as from a sensor that encodes light logarithmically: one of ten shapes, drawn at a random place,
size, angle, contrast and polarity over a lighting gradient, clutter and noise. The network decodes to linear light,
divides by a learned surround (so that shade and sun look alike) and goes on as a small separable ResNet whose
second-order blocks read features beside their squares. Linear light spans a factor of a hundred: a single 8-bit scale
cannot serve the surround's input, and the squares are fragile too, so there is something for tuning to find.
"""
import argparse
import gzip
import os
import struct

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SIZE = 28
NAMES = ["disc", "square", "triangle", "cross", "ring", "star", "bars", "crescent", "diamond", "arrow"]


def rotate(x, y, angle):
    c, s = np.cos(angle), np.sin(angle)
    return c * x + s * y, -s * x + c * y


def polygon(x, y, corners):
    """Inside test by winding number; corners in order, coordinates in units of the shape's radius."""
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0 + 1e-12) + x0)
    return inside


def star_corners(points, inner):
    corners = []
    for i in range(2 * points):
        r, a = (1.0 if i % 2 == 0 else inner), np.pi * i / points
        corners.append((r * np.sin(a), -r * np.cos(a)))
    return corners


def shape_mask(kind, x, y):
    r = np.hypot(x, y)
    if kind == 0:
        return r < 0.85
    if kind == 1:
        return np.maximum(abs(x), abs(y)) < 0.75
    if kind == 2:
        return polygon(x, y, star_corners(3, 0.5))
    if kind == 3:
        return ((abs(x) < 0.27) | (abs(y) < 0.27)) & (np.maximum(abs(x), abs(y)) < 0.9)
    if kind == 4:
        return (r < 0.9) & (r > 0.5)
    if kind == 5:
        return polygon(x, y, star_corners(5, 0.42))
    if kind == 6:
        return (np.maximum(abs(x), abs(y)) < 0.85) & (np.floor((y + 0.85) / 0.34).astype(int) % 2 == 0)
    if kind == 7:
        return (r < 0.9) & (np.hypot(x - 0.42, y) > 0.72)
    if kind == 8:
        return abs(x) / 0.6 + abs(y) < 0.95
    return polygon(x, y, [(-0.25, 0.9), (-0.25, -0.05), (-0.7, -0.05), (0, -0.95), (0.7, -0.05), (0.25, -0.05), (0.25, 0.9)])


def render(kind, rng, oversample=3):
    n = SIZE * oversample
    ys, xs = np.mgrid[0:n, 0:n] / oversample
    radius = rng.uniform(5.0, 10.5)
    cx, cy = rng.uniform(radius * 0.8, SIZE - radius * 0.8, 2)
    x, y = rotate((xs - cx) / radius, (ys - cy) / radius, rng.uniform(-0.45, 0.45))
    mask = shape_mask(kind, x * rng.uniform(0.9, 1.15), y).reshape(SIZE, oversample, SIZE, oversample).mean((1, 3))
    level = rng.uniform(40, 215)
    contrast = rng.uniform(24, 80) * rng.choice([-1, 1])
    ramp = rng.uniform(-1.6, 1.6, 2)
    grid = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2
    image = level + ramp[0] * grid[0] + ramp[1] * grid[1] + contrast * mask
    for _ in range(rng.integers(0, 3)):
        a, b = rng.integers(0, SIZE - 5, 2)
        h, w = rng.integers(2, 6, 2)
        image[a:a + h, b:b + w] += rng.uniform(-30, 30)
    return np.clip(np.rint(image + rng.normal(0, rng.uniform(4, 14), image.shape)), 0, 255).astype(np.uint8)


def make_set(count, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % len(NAMES)).astype(np.uint8)
    return np.stack([render(int(k), rng) for k in labels]), labels


def write_idx(folder, stem, images, labels):
    def write(path, header, data):
        with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
            f.write(header + data.tobytes())
    write(os.path.join(folder, f"{stem}-images-idx3-ubyte.gz"), struct.pack(">IIII", 2051, *images.shape), images)
    write(os.path.join(folder, f"{stem}-labels-idx1-ubyte.gz"), struct.pack(">II", 2049, len(labels)), labels)


class Separable(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.depthwise = nn.Conv2d(cin, cin, 3, stride, 1, groups=cin, bias=False)
        self.norm1 = nn.BatchNorm2d(cin)
        self.pointwise = nn.Conv2d(cin, cout, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(cout)

    def forward(self, x):
        x = F.relu6(self.norm1(self.depthwise(x)))
        return F.relu6(self.norm2(self.pointwise(x)))


class SecondOrder(nn.Module):
    """A block that reads its features and their squares side by side."""

    def __init__(self, cin, cout):
        super().__init__()
        self.expand = nn.Conv2d(cin, cout, 1)
        nn.init.normal_(self.expand.weight, 0, 6 / cin ** 0.5)
        self.mix = nn.Conv2d(2 * cout, cout, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(cout)

    def forward(self, x):
        x = self.expand(x)
        return F.relu(self.norm(self.mix(torch.cat([x, x * x], 1))))


class Adapt(nn.Module):
    """Linear light over its learned surround, after the divisive normalization of retinas."""

    def __init__(self, stops=6.5):
        super().__init__()
        self.stops = stops
        self.surround = nn.Conv2d(1, 1, 7, 1, 3, padding_mode="zeros")
        nn.init.constant_(self.surround.weight, 1 / 49)
        nn.init.constant_(self.surround.bias, 0.002)

    def forward(self, x):
        light = torch.exp(self.stops * (x - 1))
        return torch.clamp(light / (F.relu(self.surround(light)) + 0.002), 0, 6)


class Shapes(nn.Module):
    def __init__(self):
        super().__init__()
        self.adapt = Adapt()
        self.stem = nn.Conv2d(1, 24, 3, 1, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(24)
        self.block1 = Separable(24, 40, 2)
        self.block2 = Separable(40, 40)
        self.second1 = SecondOrder(40, 32)
        self.block3 = Separable(32, 64, 2)
        self.block4 = Separable(64, 64)
        self.second2 = SecondOrder(64, 48)
        self.block5 = Separable(48, 96)
        self.classify = nn.Linear(96, len(NAMES))

    def forward(self, x):
        x = F.relu6(self.stem_norm(self.stem(self.adapt(x))))
        x = self.block1(x)
        x = x + self.block2(x)
        x = self.second1(x)
        x = self.block3(x)
        x = x + self.block4(x)
        x = self.second2(x)
        x = self.block5(x)
        return self.classify(x.mean((2, 3)))


def to_input(images):
    return torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        predicted = torch.cat([model(to_input(images[i:i + 250])).argmax(1) for i in range(0, len(images), 250)])
    return float((predicted.numpy() == labels).mean())


def train(epochs, train_count, seed):
    torch.manual_seed(seed)
    images, labels = make_set(train_count, seed)
    target = torch.from_numpy(labels.astype(np.int64))
    model = Shapes()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    steps = epochs * (train_count // 100)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(train_count, generator=generator)
        for i in range(0, train_count - 99, 100):
            batch = order[i:i + 100]
            loss = F.cross_entropy(model(to_input(images[batch.numpy()])), target[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}", flush=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--train", type=int, default=16000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    test_images, test_labels = make_set(1000, args.seed + 1)
    calib_images, calib_labels = make_set(100, args.seed + 2)
    model = train(args.epochs, args.train, args.seed)
    print(f"accuracy {accuracy(model, test_images, test_labels):.4f} on {len(test_labels)} images")
    write_idx(args.out, "test", test_images, test_labels)
    write_idx(args.out, "calib", calib_images, calib_labels)
    model.eval()
    torch.onnx.export(model, (torch.zeros(1, 1, SIZE, SIZE),), os.path.join(args.out, "shapes.onnx"), opset_version=17,
                      input_names=["image"], output_names=["logits"], dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
                      do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE, dynamo=False)


if __name__ == "__main__":
    main()
