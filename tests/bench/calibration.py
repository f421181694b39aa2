#!/usr/bin/env python3
"""Time and peak memory of calibration, in multiples of FP32 inference of the same samples.

    calibration.py INC_CPP [--perfmodels MAKE_PERF_MODELS_PY] [--models DIR] [--samples 32 320] [--methods minmax all]

The models are made in a temporary directory unless --models has them.

For each model and range method, and for all methods in one run, `inc-cpp quantize` without tuning and, unless
--correct-bias, without bias correction, in multiples of the same number of FP32 inferences at the same batch size:
`process` has everything from import to the written model and the report, the timing of FP32 and INT8 for it (a second or
more) included, in CPU time, which other work on the machine disturbs least; `calibrate` is the report's own wall time of
the pass and its ranges. Peak memory is the largest resident set of the process.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
METHODS = ["minmax", "moving_average", "percentile", "kl", "mse"]
MARKS = {"resnet50": 440, "bert_base": 890}
MODELS = {
    "resnet50": ("[{n}, 3, 224, 224]", "low: -2.0, high: 2.0, dtype: float32", []),
    "bert_base": ("[[{n}, 128], [{n}, 128], [{n}, 128]]", "low: [0, 1, 0], high: [30000, 1, 1], dtype: int64",
                  ["input_ids=1x128", "attention_mask=1x128", "token_type_ids=1x128"]),
}
CONFIG = """version: 1.0
model: {{name: {name}, framework: onnxrt_qdq}}
quantization:
  recipes: {{fast_bias_correction: {correct}}}
  approach: post_training_static_quant
  calibration:
    sampling_size: {samples}
    dataloader:
      batch_size: 1
      dataset: {{dummy: {{shape: {shape}, {values}, label: false}}}}
  model_wise:
    activation: {{algorithm: [{methods}]}}
tuning:
  exit_policy: {{performance_only: true}}
  cost_model: {{keep_back: false}}
"""


def run(command):
    """(CPU seconds, peak MB, standard output)"""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True)
        errors = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit status {process.returncode}\n{errors}")
        out.seek(0)
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.read()


def inference(binary, model, shapes, threads):
    """CPU and wall seconds of 32 FP32 inferences, and peak MB."""
    command = [binary, "benchmark", "--model", model, "--threads", str(threads), "--warmup", "0", "--json"]
    command += [word for shape in shapes for word in ("--shape", shape)]
    few, _, _ = run(command + ["--iterations", "2"])
    many, peak, out = run(command + ["--iterations", "34"])
    return many - few, 32e-3 * json.loads(out)["latency_ms"]["p50"], peak


def calibration(args, name, model, samples, methods, folder):
    shape, values, _ = MODELS[name]
    config = os.path.join(folder, "config.yaml")
    with open(config, "w") as f:
        f.write(CONFIG.format(name=name, samples=samples, shape=shape.format(n=samples), values=values, methods=", ".join(methods),
                              correct=str(args.correct_bias).lower()))
    cpu, peak, out = run([args.binary, "quantize", "--config", config, "--model", model, "--output", os.path.join(folder, "out"),
                          "--threads", str(args.threads), "--json"])
    return cpu, peak, json.loads(out)["cost"]["calibration_seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--perfmodels", default=os.path.join(os.environ.get("INC_SHARED", os.path.join(ROOT, "..", "shared")),
                                                             "perfmodels", "make_perf_models.py"))
    parser.add_argument("--models", help="where the models are, or are to be made")
    parser.add_argument("--only", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--samples", nargs="+", type=int, default=[32, 320])
    parser.add_argument("--methods", nargs="+", default=METHODS + ["all"], choices=METHODS + ["all"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--correct-bias", action="store_true")
    args = parser.parse_args()
    print("| model | methods | samples | process | calibrate | peak MB | mark |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        models = args.models or folder
        missing = [name for name in args.only if not os.path.exists(os.path.join(models, name + ".onnx"))]
        if missing:
            subprocess.run([sys.executable, args.perfmodels, models, "--models", ",".join(missing)], check=True, stdout=subprocess.DEVNULL)
        for name in args.only:
            model = os.path.join(models, name + ".onnx")
            cpu, wall, peak = inference(args.binary, model, MODELS[name][2], args.threads)
            print(f"| {name} | FP32 inference ({cpu:.1f} s) | 32 | 1.00 | | {peak:.0f} | |", flush=True)
            for methods in args.methods:
                for samples in args.samples:
                    used, peak, took = calibration(args, name, model, samples, METHODS if methods == "all" else [methods], folder)
                    share, mark = samples / 32, f"{1.8 if methods == 'minmax' else 2.6} ×, {MARKS[name]} MB"
                    print(f"| {name} | {methods} | {samples} | {used / cpu / share:.2f} × | {took / wall / share:.2f} × | {peak:.0f} | {mark} |",
                          flush=True)


if __name__ == "__main__":
    main()
