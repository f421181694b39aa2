#!/usr/bin/env python3
"""What each precision and each default does to accuracy, on the shared models.

    precision_table.py INC_CPP [--json FILE] [--threads N] [--variant NAME]... [TASK]...

One row per variant, one column per task: the metric (top-1 in %, nll per token for stories, mAP in % for coco) and the
operators in INT8 / BF16 / FP32 among Conv, MatMul and Gemm. The metric is the engine's own; for coco it is that of the
written model in onnxruntime, for BF16 the cosine with FP32. Prints Markdown. Without the shared models: exit status 77.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
REALDATA = HERE.parent / "realdata"
SHARED = pathlib.Path(os.environ.get("INC_SHARED", HERE.parents[1].parent / "shared"))
TASKS = {
    "cifar10": "cifar10", "imagenet": "imagenet", "mnist": "mnist", "speech-dscnn": "speech_dscnn", "speech-kwt": "speech_kwt",
    "stories": "stories", "coco": "coco", "magika": "magika",
}
RECIPE, WISE = "quantization.recipes", "quantization.model_wise"
BF16 = {"mixed_precision.precisions": "bf16"}
# Variant: settings on top of the task's configuration. None: FP32.
VARIANTS = {
    "FP32": None,
    "BF16": BF16 | {f"{WISE}.activation.dtype": "bf16", f"{WISE}.weight.dtype": "bf16"},
    "INT8": {},
    "INT8, minmax": {f"{WISE}.activation.algorithm": "minmax"},
    "INT8, moving_average": {f"{WISE}.activation.algorithm": "moving_average"},
    "INT8, percentile": {f"{WISE}.activation.algorithm": "percentile"},
    "INT8, kl": {f"{WISE}.activation.algorithm": "kl"},
    "INT8, mse": {f"{WISE}.activation.algorithm": "mse"},
    "INT8, dynamic": {"quantization.approach": "post_training_dynamic_quant"},
    "INT8, placement everywhere": {f"{RECIPE}.placement": "everywhere"},
    "INT8, full 8-bit weights": {f"{WISE}.weight.bound": "full"},
    "INT8, 7-bit weights": {f"{WISE}.weight.bound": "7bit"},
    "INT8, no channel reordering": {f"{RECIPE}.channel_reordering": "False"},
    "INT8, depthwise inputs per tensor": {f"{RECIPE}.depthwise_per_channel": "False"},
    "INT8, no bias correction": {f"{RECIPE}.fast_bias_correction": "False"},
    "INT8, equalization": {f"{RECIPE}.cross_layer_equalization": "True"},
    "INT8, SmoothQuant": {f"{RECIPE}.smooth_quant": "True"},
    "INT8, no SmoothQuant": {f"{RECIPE}.smooth_quant": "False"},
    "INT8 + BF16 + FP32, tuned to 0.5 %": BF16 | {"tuning.accuracy_criterion.relative": "0.005", "tuning.exit_policy.max_trials": "60"},
}


def run(binary, command, task, settings, threads, *more):
    line = [binary, command, "--config", str(REALDATA / "configs" / f"{TASKS[task]}.yaml"), "--json", "--threads", str(threads), *more]
    for key, value in settings.items():
        line += ["--set", f"{key}={value}"]
    done = subprocess.run(line, capture_output=True, text=True, env=dict(os.environ, INC_SHARED=str(SHARED), OMP_WAIT_POLICY="passive"))
    if done.returncode not in (0, 1):
        raise RuntimeError(next((line for line in done.stderr.splitlines() if line.startswith("error")), None) or f"exit code {done.returncode}")
    return json.loads(done.stdout)


def metric(task, accuracy):
    return math.log(accuracy) if task == "stories" else 100 * accuracy


def mean_average_precision(model):
    done = subprocess.run(
        [sys.executable, str(REALDATA / "score_export.py"), "coco", str(model), "--data", str(SHARED / "realdata"), "--engine=onnxruntime"],
        capture_output=True, text=True, check=True)
    return 100 * json.loads(done.stdout)["value"]["onnxruntime"]


def measure(binary, task, variant, threads, folder):
    settings = VARIANTS[variant]
    if settings is None:
        if task == "coco":
            return {"value": mean_average_precision(SHARED / "realdata" / "coco" / "yolox_nano.onnx")}
        return {"value": metric(task, run(binary, "evaluate", task, {}, threads)["accuracy"])}
    report = run(binary, "quantize", task, {"tuning.exit_policy.max_trials": "1", "tuning.cost_model.keep_back": "false"} | settings, threads, "--output", folder)
    rows = [row for row in report["statistics"] if row["op_type"] in ("Conv", "MatMul", "Gemm")]
    cell = {precision: sum(row[precision] for row in rows) for precision in ("int8", "bf16", "fp32")}
    cell |= {"trials": report["cost"]["trials"], "seconds": report["cost"]["seconds"], "met": report["result"]["met"]}
    cell["notes"] = report["calibration"]["notes"]
    cell["correction"] = report["calibration"].get("bias_correction")
    if task == "coco" and not cell["bf16"]:
        cell["value"] = mean_average_precision(pathlib.Path(folder) / "model.onnx")
    elif task == "coco":
        cell["cosine"] = report["result"]["accuracy"]
    else:
        cell["value"] = metric(task, report["result"]["accuracy"])
    return cell


def text_of(task, cell):
    if "error" in cell:
        return cell["error"]
    value = f"cos {cell['cosine']:.4f}" if "cosine" in cell else f"{cell['value']:.4f}" if task == "stories" else f"{cell['value']:.2f}"
    if "int8" not in cell:
        return value
    counts = f"{cell['int8']}/{cell['bf16']}/{cell['fp32']}" if cell["bf16"] else f"{cell['int8']}/{cell['fp32']}"
    return f"{value} ({counts}{', missed' if cell['trials'] > 1 and not cell['met'] else ''})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("tasks", nargs="*")
    parser.add_argument("--variant", action="append")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json")
    args = parser.parse_intermixed_args()
    if not (SHARED / "realdata").is_dir():
        print(f"the shared models are not at {SHARED}")
        return 77
    tasks, table = args.tasks or list(TASKS), {}
    print("| | " + " | ".join(tasks) + " |\n|---" * 1 + "|---" * len(tasks) + "|", flush=True)
    for variant in args.variant or VARIANTS:
        for task in tasks:
            with tempfile.TemporaryDirectory() as folder:
                start = time.time()
                try:
                    cell = measure(args.binary, task, variant, args.threads, folder)
                except (RuntimeError, subprocess.CalledProcessError) as error:
                    cell = {"error": str(error)[:120]}
                table.setdefault(variant, {})[task] = cell | {"wall": round(time.time() - start, 1)}
        print(f"| {variant} | " + " | ".join(text_of(task, table[variant][task]) for task in tasks) + " |", flush=True)
        if args.json:
            pathlib.Path(args.json).write_text(json.dumps(table, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
