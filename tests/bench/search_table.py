#!/usr/bin/env python3
"""What each search strategy reaches, and what it costs: one row per task, recovery setting and strategy.

    search_table.py INC_CPP --work DIR [--models-dir DIR] [--only WORD...] [--strategy NAME]... [--recovery on|off]
                    [--timeout SECONDS] [--max-trials N] [--set KEY=VALUE]... [--again] [--out table.md]

--work keeps finished runs (runs.json), so that a broken-off table goes on where it was; --again measures the rows that are asked
for anew. --models-dir has resnet50.onnx of perfmodels/make_perf_models.py; without it that task is left out. --only: rows whose key
("imagenet off basic") has all the words of one argument. --timeout: a run that takes longer is killed and said to be.

Every run is a process of its own on one thread. A pass is the CPU time of `inc-cpp evaluate` on the FP32 model (least of three);
"passes" is the CPU time of the whole `inc-cpp quantize`, everything included, over that. "recovery off" leaves a real search:
no bias correction, no per-channel ranges for depthwise inputs, no SmoothQuant, no choice of range method, no channel reordering.
Operators: in INT8, of those that could be, be it slower; +n in BF16. Speed: against FP32, and against everything in INT8 (what the run with
performance_only writes), as predicted by the cost model / as measured; both of the result's own process, where FP32 takes turns.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("INC_SHARED", ROOT.parent / "shared"))
STRATEGIES = ("auto", "basic", "mse", "bayesian", "tpe", "random", "exhaustive")
RELATIVE = "tuning.accuracy_criterion.relative"
# task: (configuration, settings, what the peers need: CPU time over one FP32 pass, operators kept in INT8)
TASKS = {
    "speech_dscnn 1 %": ("speech_dscnn", {RELATIVE: "0.01"}, "INC basic 3.1, 23/26; mse_v2 12.7, 25/26; auto 4.8, 1/26"),
    "speech_dscnn 0.4 %": ("speech_dscnn", {RELATIVE: "0.004"}, "INC basic 64, missed; mse_v2 19.6, 24/26"),
    "imagenet 1 %": ("imagenet", {RELATIVE: "0.01"}, "INC basic 117, missed; mse_v2 > 155; NNCF 106, 15/28"),
    "stories 1 %": ("stories", {RELATIVE: "0.01"}, "INC basic 96, missed; mse_v2 > 190; NNCF crashes"),
    "magika 1 %": ("magika", {RELATIVE: "0.01"}, "NNCF 18.9, 23/34"),
    "cifar10 0.2 %": ("cifar10", {RELATIVE: "0.002"}, "NNCF 2.8, 29/30"),
    "speech_kwt 0.3 %": ("speech_kwt", {RELATIVE: "0.003"}, "–"),
    "resnet50 2 %": ("resnet50", {RELATIVE: "0.02"}, "–"),
}
RECIPE = "quantization.recipes"
RECOVERY = {
    "on": {},
    "off": {f"{RECIPE}.fast_bias_correction": "false", f"{RECIPE}.depthwise_per_channel": "false", f"{RECIPE}.smooth_quant": "false",
            f"{RECIPE}.channel_reordering": "false", "quantization.model_wise.activation.algorithm": "minmax"},
}
# Agreement with FP32 on random images; no labels are needed.
RESNET50 = """version: 1.0
model: {name: resnet50, framework: onnxrt_qdq}
quantization:
  approach: post_training_static_quant
  calibration: {sampling_size: [16], dataloader: {batch_size: 4, dataset: {dummy: &images {shape: [64, 3, 224, 224], low: -2.0, high: 2.0, dtype: float32}}}}
evaluation:
  accuracy: {metric: {agreement: {kind: cosine}}, dataloader: {batch_size: 4, dataset: {dummy: *images}}}
"""
# `evaluate` with an agreement metric runs the model twice: one pass is that of a metric that needs no reference.
PASS_OF = {"resnet50": {"evaluation.accuracy.metric": "{topk: 1}"}}


def run(args, command, task, settings, *more):
    """What the process printed, or what became of it; CPU seconds and peak memory."""
    config, own, _ = TASKS[task]
    path = args.work / "resnet50.yaml" if config == "resnet50" else ROOT / "tests" / "realdata" / "configs" / f"{config}.yaml"
    line = [args.binary, command, "--config", path, "--json", "--threads", 1, *more]
    if config == "resnet50":
        line += ["--model", args.models_dir / "resnet50.onnx"]
    for key, value in (own | settings).items():
        line += ["--set", f"{key}={value}"]
    start = time.monotonic()
    with open(args.work / "stderr.txt", "w+") as errors:
        process = subprocess.Popen([str(word) for word in line], stdout=subprocess.PIPE, stderr=errors, text=True,
                                   env=dict(os.environ, INC_SHARED=str(SHARED), OMP_WAIT_POLICY="passive"))
        late = threading.Timer(args.timeout, process.kill)
        late.start()
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        late.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read().strip().splitlines()
    cell = {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": time.monotonic() - start, "peak_mb": usage.ru_maxrss / 1e3,
            "exit": process.returncode}
    if process.returncode == -9:
        return cell | {"error": f"stopped after {args.timeout:.0f} s"}
    if process.returncode not in (0, 1):
        return cell | {"error": next((row for row in said if row.startswith("error")), f"exit status {process.returncode}")}
    return cell | {"report": json.loads(text)}


class Runs:
    """Finished runs by key, on disk after each."""

    def __init__(self, path):
        self.path, self.cells = path, json.loads(path.read_text()) if path.exists() else {}

    def get(self, key, make, again=False):
        if again or key not in self.cells:
            self.cells[key] = make()
            self.path.write_text(json.dumps(self.cells, indent=1))
        return self.cells[key]


def pass_seconds(args, runs, task):
    config = TASKS[task][0]
    cells = [runs.get(f"pass {config} {i}", lambda: run(args, "evaluate", task, PASS_OF.get(config, {}))) for i in range(3)]
    bad = next((cell["error"] for cell in cells if "error" in cell), None)
    if bad:
        raise RuntimeError(f"{config}: {bad}")
    return min(cell["cpu_s"] for cell in cells)


def operators(report):
    kept = next((t for t in report["trials"] if t["accuracy"] == report["result"]["accuracy"]), report["trials"][0])
    int8, bf16 = kept["int8"], kept["bf16"]
    searched = int8 + bf16 + kept["fp32"]
    slower = sum(row["precision"].startswith("int8") for row in report.get("cost_model", {}).get("kept_back", []))
    return f"{int8}/{searched + slower}" + (f" +{bf16} BF16" if bf16 else "")


def quotient(above, below, form="{:.2f}"):
    return form.format(above / below) if above and below else "–"


def speeds(report, full):
    """Times faster than FP32, and of everything in INT8: predicted / measured."""
    predicted = report.get("cost_model", {}).get("predicted_ms", {})
    measured = (report["baseline"]["latency_ms"] or 0) / (report["result"]["latency_ms"] or 1)
    of_full = (full["baseline"]["latency_ms"] or 0) / (full["result"]["latency_ms"] or 1) if full else 0
    return (f"{quotient(predicted.get('fp32'), predicted.get('result'))} / {measured:.2f}",
            f"{quotient(predicted.get('fastest'), predicted.get('result'))} / {quotient(measured, of_full)}")


HEAD = ["task", "recovery", "strategy", "target", "accuracy (FP32)", "INT8", "× FP32", "× full INT8", "trials", "full evaluations", "passes",
        "CPU s", "peak MB", "peers: passes, INT8"]


def row_of(key, cell, full, one_pass):
    task, recovery, strategy = key
    rest = [f"{cell['cpu_s'] / one_pass:.2f}", f"{cell['cpu_s']:.1f}", f"{cell['peak_mb']:.0f}", TASKS[task][2]]
    if "error" in cell:
        return [task, recovery, strategy, cell["error"][:90], "", "", "", "", "", "", *rest]
    report = cell["report"]
    result, cost = report["result"], report["cost"]
    return [task, recovery, strategy, "met" if result["met"] else f"missed ({report['stopped']})",
            f"{result['accuracy']:.5g} ({report['baseline']['accuracy']:.5g})", operators(report), *speeds(report, full.get("report")),
            str(cost["trials"]), f"{cost['full_evaluations']:.2f}", *rest]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--models-dir", type=pathlib.Path)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--strategy", action="append")
    parser.add_argument("--recovery", choices=tuple(RECOVERY), action="append")
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--max-trials", type=int)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    return parser.parse_args()


def main():
    args = arguments()
    if not (SHARED / "realdata").is_dir():
        print(f"the shared models are not at {SHARED}")
        return 77
    args.work.mkdir(parents=True, exist_ok=True)
    (args.work / "resnet50.yaml").write_text(RESNET50)
    runs, lines = Runs(args.work / "runs.json"), ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    print("\n".join(lines), flush=True)
    more = dict(pair.split("=", 1) for pair in args.set)
    if args.max_trials:
        more["tuning.exit_policy.max_trials"] = str(args.max_trials)
    for task, (config, _, _) in TASKS.items():
        for recovery, off in RECOVERY.items():
            for strategy in args.strategy or STRATEGIES:
                name = f"{task} {recovery} {strategy}"
                if (args.recovery and recovery not in args.recovery) or (config == "resnet50" and not args.models_dir):
                    continue
                if args.only and not any(all(word in name.split() for word in words.split()) for words in args.only):
                    continue
                one_pass = pass_seconds(args, runs, task)
                full = runs.get(f"full {config} {recovery}", lambda: run(
                    args, "quantize", task, off | {"tuning.exit_policy.performance_only": "true"}, "--output", args.work / "full"))
                cell = runs.get(name, lambda: run(
                    args, "quantize", task, off | more | {"tuning.strategy.name": strategy}, "--output", args.work / name.replace(" ", "_")),
                    args.again)
                lines.append("| " + " | ".join(row_of((task, recovery, strategy), cell, full, one_pass)) + " |")
                print(lines[-1], flush=True)
    if args.out:
        args.out.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
