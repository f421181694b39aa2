#!/usr/bin/env python3
"""Scores a model on one of the shared tasks with engines that are not ours.

    score_export.py TASK MODEL [--limit N] [--engine NAME]... [--threads N] [--data DIR]

Engines: `reference` (the numpy interpreter of realdata/reference_eval.py), `onnxruntime` (as it runs by default) and
`onnxruntime_plain` (graph optimizations disabled). The evaluators are those of reference_eval.py for all of them.
Prints one JSON object:

    {"task": …, "model": …, "metric": "top1", "value": {"reference": 0.9152, …}, "all": {engine: {metric: value, "seconds": …}}}

DIR is the realdata folder; default: $INC_SHARED/realdata, else shared/realdata beside the source tree.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import time

ENGINES = ("reference", "onnxruntime", "onnxruntime_plain")
METRICS = {"stories": "nll_per_token", "coco": "mAP"}


def default_data():
    beside = pathlib.Path(__file__).resolve().parents[2].parent / "shared"
    return pathlib.Path(os.environ.get("INC_SHARED", beside)) / "realdata"


def load_evaluators(folder):
    spec = importlib.util.spec_from_file_location("reference_eval", folder / "reference_eval.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class RuntimeModel:
    """onnxruntime behind the one call that the evaluators make."""

    def __init__(self, path, optimized, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if not optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def __call__(self, x):
        return self.session.run(None, {self.input: x})[0]


def make_model(engine, evaluators, path, threads):
    if engine == "reference":
        return evaluators.Model(path)
    return RuntimeModel(path, engine == "onnxruntime", threads)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("model")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--engine", action="append", choices=ENGINES)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--data", type=pathlib.Path, default=default_data())
    args = parser.parse_args()
    evaluators = load_evaluators(args.data)
    if args.task not in evaluators.TASKS:
        parser.error(f"unknown task {args.task!r}; choose from {', '.join(evaluators.TASKS)}")
    folder, _, evaluate = evaluators.TASKS[args.task]
    scores = {}
    for engine in args.engine or ENGINES:
        start = time.time()
        model = make_model(engine, evaluators, args.model, args.threads)
        scores[engine] = dict(evaluate(model, str(args.data / folder), args.limit))
        scores[engine]["seconds"] = round(time.time() - start, 3)
    metric = METRICS.get(args.task, "top1")
    print(json.dumps({
        "task": args.task,
        "model": args.model,
        "metric": metric,
        "value": {engine: score[metric] for engine, score in scores.items()},
        "all": scores,
    }))


if __name__ == "__main__":
    main()
