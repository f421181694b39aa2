#!/usr/bin/env python3
"""Runs pairs of models in onnxruntime on the same random inputs and demands bitwise equal outputs.

    compare_outputs.py A.onnx B.onnx [A2.onnx B2.onnx]... [--seed N] [--high N] [--size N]

Integer inputs lie in [0, high); dimensions that are not numbers become SIZE. Exit status 0: equal, with and without
graph optimizations; 1: not, with the difference on standard output.
"""
import argparse
import sys

import numpy as np
import onnxruntime

TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(bool)": np.bool_,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8,
}


def session(path, optimized):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def random_feeds(model, seed, high, size):
    rng = np.random.default_rng(seed)
    feeds = {}
    for value in model.get_inputs():
        shape = [d if isinstance(d, int) else size for d in value.shape]
        dtype = TYPES[value.type]
        if np.issubdtype(dtype, np.floating):
            feeds[value.name] = rng.standard_normal(shape).astype(dtype)
        else:
            feeds[value.name] = rng.integers(0, high, shape).astype(dtype)
    return feeds


def differences(a, b, feeds):
    names = [value.name for value in a.get_outputs()]
    if names != [value.name for value in b.get_outputs()]:
        yield f"outputs {names} and {[v.name for v in b.get_outputs()]}"
        return
    for name, x, y in zip(names, a.run(None, feeds), b.run(None, feeds)):
        if x.dtype != y.dtype or x.shape != y.shape:
            yield f"{name}: {x.dtype}{x.shape} and {y.dtype}{y.shape}"
        elif x.tobytes() != y.tobytes():
            yield f"{name}: at most {np.abs(x.astype(np.float64) - y.astype(np.float64)).max()} apart"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--high", type=int, default=200)
    parser.add_argument("--size", type=int, default=2)
    args = parser.parse_args()
    if len(args.models) % 2:
        parser.error("an even number of models expected")
    found = []
    for first, second in zip(args.models[::2], args.models[1::2]):
        for optimized in (False, True):
            a, b = session(first, optimized), session(second, optimized)
            feeds = random_feeds(a, args.seed, args.high, args.size)
            found += [f"{first}, optimized={optimized}: {d}" for d in differences(a, b, feeds)]
    print("\n".join(found) or "equal")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
