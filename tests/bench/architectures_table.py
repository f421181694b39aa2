#!/usr/bin/env python3
"""Other architectures beside performance_table.py's: this engine, onnxruntime and OpenVINO in FP32 and INT8, in turn.

    architectures_table.py INC_CPP FOLDER --work DIR [--names NAME...] [--threads 1] [--rounds 3] [--seconds 0.3] [--core N] [--out FILE]

FOLDER has the models of export_architectures.py, or any others whose inputs have fixed shapes. INT8: ours with ranges of the
benchmark's own inputs, onnxruntime's static QDQ u8s8 per channel and NNCF's default preset, each calibrated with random samples; the
faster file counts for OpenVINO. An engine that ends without an answer (a model it cannot take, a crash) has an empty cell.
"""
import argparse
import json
import os
import pathlib
import sys

import performance_peers as peers
from performance_table import ROOT, Engine, best, number, parsed


def shapes_of(path):
    import onnx
    model = onnx.load(path, load_external_data=False)
    constants = {i.name for i in model.graph.initializer}
    return {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input if i.name not in constants}


def rivals(args, path):
    shapes = shapes_of(path)
    for engine, kinds in (("onnxruntime", ("fp32", "qdq_u8s8")), ("openvino", ("fp32", "qdq_u8s8", "nncf"))):
        for kind in kinds:
            try:
                file = peers.file_of(kind, path.stem, path, args.work, shapes)
            except RuntimeError as error:
                print(f"{path.stem}: {engine} {kind}: {error}", file=sys.stderr)
                continue
            yield Engine(f"{engine} {kind}", [sys.executable, ROOT / "app" / "cli" / "peers.py", engine, file, "--threads", args.threads], args.cores[:args.threads])


def measure(args, path):
    ours = [Engine(f"inc-cpp {precision}", [args.binary, "benchmark", "--worker", "--model", path, "--threads", args.threads, "--warmup", 2,
                                            "--precision", precision], args.cores[:args.threads]) for precision in ("fp32", "int8")]
    engines = ours + list(rivals(args, path))
    for _ in range(args.rounds):
        for engine in engines:
            if engine.absent():
                continue
            try:
                engine.run(args.seconds)
            except (BrokenPipeError, json.JSONDecodeError):
                engine.facts["absent"] = "ended"
    results = [engine.result() | {"label": engine.label} for engine in engines]
    for engine in engines:
        engine.close()
    return results


def line_of(name, results):
    fp32 = [r for r in results if r["label"].endswith(" fp32")]
    int8 = [r for r in results if r not in fp32]
    cells = []
    for of in (fp32, int8):
        ours, ort, ov = (best(of, engine) for engine in ("inc-cpp", "onnxruntime", "openvino"))
        others = [r["p50_ms"] for r in (ort, ov) if r]
        cells += [number(r["p50_ms"]) if r else "–" for r in (ours, ort, ov)]
        if ov and not ov["label"].endswith("fp32"):
            cells[-1] += " n" if ov["label"].endswith("nncf") else " q"
        cells.append(f"{ours['p50_ms'] / min(others):.2f}" if ours and others else "–")
    return f"| {name} | {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--core", type=int, help="the first core to use (default: the last ones)")
    parser.add_argument("--prepare", action="store_true", help="make the others' INT8 models and end")
    parser.add_argument("--out", type=pathlib.Path)
    args = parsed(parser)
    args.work.mkdir(parents=True, exist_ok=True)
    lines = ["| model | FP32 inc-cpp | onnxruntime | OpenVINO | ratio | INT8 inc-cpp | onnxruntime | OpenVINO | ratio |", "|---" * 9 + "|"]
    for path in sorted(args.folder.glob("*.onnx")):
        if args.names and path.stem not in args.names:
            continue
        if args.prepare:
            for engine in rivals(args, path):
                engine.close()
            continue
        lines.append(line_of(path.stem, measure(args, path)))
        print(lines[-1], flush=True)
    if args.out:
        args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
