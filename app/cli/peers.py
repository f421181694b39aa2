#!/usr/bin/env python3
"""One other engine, ready to be timed.

    peers.py onnxruntime|openvino MODEL --threads N [--shape name=1x3]... [--hint f32|bf16] [--profile [--json]]

Says {"engine", "version", "prepare_ms", "peak_rss_bytes"} when it is ready, or {"engine", "absent": why}. Then each line
"run SECONDS RUNS" on standard input is answered by {"ms": [...], "peak_rss_bytes"}: the runs that fit into the seconds, at least
one; as many as RUNS says where that is not negative. Inputs are random: floats uniform in [0, 1), integers 0 or 1.
--profile: the engine's own profiler says where the time of a run goes, by operator type and kernel; nothing else is done. With
--json: by node, [{"operator", "kernel", "name", "ms"}].
"""
import argparse
import collections
import json
import os
import sys
import tempfile
import time

RUNS_OF_PROFILE = 10


def peak_rss_bytes():
    with open("/proc/self/status") as f:
        return next((int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM:")), 0)


def random_inputs(wanted):
    """wanted: name -> (shape, numpy type)."""
    import numpy as np
    rng = np.random.default_rng(1)
    return {name: rng.random(shape).astype(kind) if np.issubdtype(kind, np.floating) else rng.integers(0, 2, shape).astype(kind)
            for name, (shape, kind) in wanted.items()}


class Onnxruntime:
    TYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(int64)": "int64",
             "tensor(int32)": "int32", "tensor(int8)": "int8", "tensor(uint8)": "uint8", "tensor(bool)": "bool"}

    def __init__(self, args):
        import onnxruntime
        self.version = onnxruntime.__version__
        if args.hint != "f32":
            raise RuntimeError("no BF16 kernels on the CPU")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = args.threads, 1
        options.log_severity_level = 3
        options.enable_profiling = args.profile
        options.profile_file_prefix = os.path.join(tempfile.gettempdir(), "inc_cpp_onnxruntime")
        start = time.perf_counter()
        self.session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
        self.prepare = time.perf_counter() - start
        import numpy as np
        self.feeds = random_inputs({v.name: (args.shapes.get(v.name, v.shape), np.dtype(self.TYPES[v.type])) for v in self.session.get_inputs()})

    def run(self):
        self.session.run(None, self.feeds)

    def profile(self, runs):
        """Milliseconds of a run by (operator, kernel, name)."""
        for _ in range(runs):
            self.run()
        path = self.session.end_profiling()
        with open(path) as f:
            events = [e for e in json.load(f) if e.get("cat") == "Node" and e["name"].endswith("_kernel_time")]
        os.remove(path)
        times = collections.Counter()
        for e in events:
            times[e["args"]["op_name"], e["args"].get("provider", ""), e["name"][:-len("_kernel_time")]] += 1e-3 * e["dur"] / runs
        return times


class Openvino:
    def __init__(self, args):
        import openvino
        self.version = openvino.__version__.split("-")[0]
        core = openvino.Core()
        if args.hint == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError("no BF16 on this CPU: it would run FP32")
        start = time.perf_counter()
        model = core.read_model(args.model)
        known = {name for value in model.inputs for name in value.get_names()}
        if args.shapes:
            model.reshape({name: shape for name, shape in args.shapes.items() if name in known})
        compiled = core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": args.hint, "EXECUTION_MODE_HINT": "PERFORMANCE", "INFERENCE_NUM_THREADS": args.threads,
            "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False, "PERF_COUNT": args.profile})
        self.request = compiled.create_infer_request()
        self.prepare = time.perf_counter() - start
        inputs = random_inputs({v.get_any_name(): (list(v.shape), v.get_element_type().to_dtype()) for v in compiled.inputs})
        for name, value in inputs.items():
            self.request.set_tensor(name, openvino.Tensor(value))

    def run(self):
        self.request.infer()

    def profile(self, runs):
        times = collections.defaultdict(list)
        for _ in range(runs):
            self.run()
            for p in self.request.profiling_info:
                times[p.node_type, p.exec_type, p.node_name].append(1e3 * p.real_time.total_seconds())
        return {node: sorted(ms)[len(ms) // 2] for node, ms in times.items()}


ENGINES = {"onnxruntime": Onnxruntime, "openvino": Openvino}


def timed(engine):
    start = time.perf_counter()
    engine.run()
    return 1e3 * (time.perf_counter() - start)


def say(**what):
    print(json.dumps(what), flush=True)


def serve(name, engine, orders):
    first = timed(engine)
    usual = min(timed(engine) for _ in range(2))
    say(engine=name, version=engine.version, prepare_ms=1e3 * engine.prepare + max(0, first - usual), peak_rss_bytes=peak_rss_bytes())
    for order in orders:
        _, seconds, runs = order.split()
        ms, start = [], time.perf_counter()
        while len(ms) != int(runs) and (int(runs) >= 0 or not ms or time.perf_counter() - start < float(seconds)):
            ms.append(timed(engine))
        say(ms=ms, peak_rss_bytes=peak_rss_bytes())


def print_profile(engine, as_json):
    profile = engine.profile(RUNS_OF_PROFILE)
    if as_json:
        return print(json.dumps([{"operator": o, "kernel": k, "name": n, "ms": ms} for (o, k, n), ms in profile.items() if ms > 0]))
    totals, counts = collections.Counter(), collections.Counter()
    for (kind, kernel, _), ms in profile.items():
        if ms > 0:
            totals[kind, kernel] += ms
            counts[kind, kernel] += 1
    whole = sum(totals.values())
    print(f"{'ms':>9} {'share':>6} {'nodes':>6}  {'operator':<28} kernel")
    for (kind, kernel), ms in totals.most_common():
        print(f"{ms:9.4f} {100 * ms / whole:5.1f}% {counts[kind, kernel]:6}  {kind:<28} {kernel}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shape", action="append", default=[])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--hint", choices=("f32", "bf16"), default="f32")
    args = parser.parse_args()
    args.shapes = {name: [int(d) for d in dims.split("x")] for name, dims in (text.rsplit("=", 1) for text in args.shape)}
    try:
        engine = ENGINES[args.engine](args)
    except ImportError as error:
        return say(engine=args.engine, absent=f"{error} ({sys.executable})")
    except Exception as error:  # whatever an engine throws is its reason
        return say(engine=args.engine, absent=str(error).strip().splitlines()[0][:200])
    if args.profile:
        return print_profile(engine, args.json)
    serve(args.engine, engine, sys.stdin)


if __name__ == "__main__":
    main()
