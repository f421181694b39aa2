#!/usr/bin/env python3
"""One other engine, ready to be timed. Usage: peers.py onnxruntime|openvino MODEL --threads N [--shape name=1x3]... [--hint f32|bf16]

Says {"engine", "version", "prepare_ms", "peak_rss_bytes"} when it is ready, or {"engine", "absent": why}. Then each line
"run SECONDS RUNS" on standard input is answered by {"ms": [...], "peak_rss_bytes"}: the runs that fit into the seconds, at least
one; as many as RUNS says where that is not negative. Inputs are random: floats uniform in [0, 1), integers 0 or 1.
"""
import argparse
import json
import sys
import time


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
        start = time.perf_counter()
        self.session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
        self.prepare = time.perf_counter() - start
        import numpy as np
        self.feeds = random_inputs({v.name: (args.shapes.get(v.name, v.shape), np.dtype(self.TYPES[v.type])) for v in self.session.get_inputs()})

    def run(self):
        self.session.run(None, self.feeds)


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
            "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False})
        self.request = compiled.create_infer_request()
        self.prepare = time.perf_counter() - start
        inputs = random_inputs({v.get_any_name(): (list(v.shape), v.get_element_type().to_dtype()) for v in compiled.inputs})
        for name, value in inputs.items():
            self.request.set_tensor(name, openvino.Tensor(value))

    def run(self):
        self.request.infer()


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shape", action="append", default=[])
    parser.add_argument("--hint", choices=("f32", "bf16"), default="f32")
    args = parser.parse_args()
    args.shapes = {name: [int(d) for d in dims.split("x")] for name, dims in (text.rsplit("=", 1) for text in args.shape)}
    try:
        engine = ENGINES[args.engine](args)
    except ImportError as error:
        return say(engine=args.engine, absent=f"{error} ({sys.executable})")
    except Exception as error:  # whatever an engine throws is its reason
        return say(engine=args.engine, absent=str(error).strip().splitlines()[0][:200])
    serve(args.engine, engine, sys.stdin)


if __name__ == "__main__":
    main()
