#!/usr/bin/env python3
"""Latency of models here and in onnxruntime, taking turns in one run, same threads, random inputs of the same shape.

    compare_onnxruntime.py INC_CPP MODEL... [--batch N] [--shape name=1x2] [--threads N] [--rounds N] [--seconds S]

Prints a Markdown table: p50 of each (the best round), and the ratio. State the machine when you quote it.
"""
import argparse
import json
import subprocess
import time

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


def ours(binary, model, args):
    command = [binary, "benchmark", "--model", model, "--batch", args.batch, "--threads", args.threads, "--duration", args.seconds, "--json"]
    command += [word for shape in args.shape for word in ("--shape", shape)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    return result["latency_ms"]["p50"], result["precision"], result["isa"]


class Peer:
    def __init__(self, model, args):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = args.threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        given = dict(text.split("=") for text in args.shape)
        rng = np.random.default_rng(1)
        self.feeds = {}
        for value in self.session.get_inputs():
            shape = [d if isinstance(d, int) else args.batch for d in value.shape]
            if value.name in given:
                shape = [int(d) for d in given[value.name].split("x")]
            dtype = TYPES[value.type]
            self.feeds[value.name] = rng.random(shape).astype(dtype) if dtype == np.float32 else rng.integers(0, 2, shape).astype(dtype)

    def p50(self, seconds):
        for _ in range(3):
            self.session.run(None, self.feeds)
        times, start = [], time.perf_counter()
        while len(times) < 10 or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            self.session.run(None, self.feeds)
            times.append(1e3 * (time.perf_counter() - before))
        return float(np.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--shape", action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    args = parser.parse_args()
    print("| model | precision | ISA | batch | threads | inc-cpp ms | onnxruntime ms | ratio |\n|---|---|---|---|---|---|---|---|")
    for model in args.models:
        peer, mine, theirs = Peer(model, args), [], []
        for _ in range(args.rounds):
            latency, precision, isa = ours(args.binary, model, args)
            mine.append(latency)
            theirs.append(peer.p50(args.seconds))
        name = "/".join(model.split("/")[-2:])
        print(f"| {name} | {precision} | {isa} | {args.batch} | {args.threads} | {min(mine):.3f} | {min(theirs):.3f} | {min(mine) / min(theirs):.2f} |", flush=True)


if __name__ == "__main__":
    main()
