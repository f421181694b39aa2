#!/usr/bin/env python3
"""The table of docs/performance.md: this engine, onnxruntime and OpenVINO on the same models, cores and inputs' shapes, in turn.

    performance_table.py INC_CPP --shared DIR --models-dir DIR --work DIR [--rows WORD...] [--threads 1 2] [--again]
                         [--rounds 5] [--seconds 0.4] [--core N] [--out table.md] [--list]

--shared has realdata/, --models-dir the models of perfmodels/make_perf_models.py, --work keeps quantized models and finished
rows (rows-<ISA>.json), so that a broken-off run goes on where it was. --rows: only rows that have all the words of one argument, e.g.
"resnet50 b1 int8". Run it with a Python that has onnx, onnxruntime, openvino and nncf; what is missing is said, and its cells
stay empty.

Ours is the file that `inc-cpp quantize` writes for FP32 input with everything in that precision that gains by it (`performance
only`, default recipes, weights that cannot saturate; int8-full, on a CPU without VNNI: all 8 bits of them, in kernels whose sums
are exact there; those of the others are not). The others' INT8: onnxruntime static QDQ u8s8 per channel (and dynamic
where the row says so), NNCF's default preset and onnxruntime's QDQ file in OpenVINO; the faster one counts. Every engine has a
process of its own on the same cores and waits while another runs, at real-time priority where that is allowed: a lower `nice`
does not help against other sessions where the kernel groups tasks by session. The kernel keeps 50 ms of every second from such
processes, so that each turn is followed by a rest: without, three turns of a third of a second met the same engine in every
round (ResNet-50 batch 16 in INT8: 355 ms instead of 306). A figure is the p50 of the best of the rounds.
"""
import argparse
import datetime
import hashlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import performance_peers as peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE = {"input": [0, 3, 224, 224]}
TOKENS = {name: [0, 128] for name in ("input_ids", "attention_mask", "token_type_ids")}
# name: (file below --models-dir or --shared, input shapes with 0 for the batch, batches, factor that INT8 must reach)
MODELS = {
    "resnet50": ("resnet50.onnx", IMAGE, (1, 16), 0.9),
    "mobilenet_v2": ("mobilenet_v2.onnx", IMAGE, (1, 16), 0.7),
    "vgg19": ("vgg19.onnx", IMAGE, (1, 4), 0.9),
    "bert_base": ("bert_base.onnx", TOKENS, (1, 4), 0.8),
    "cifar10": ("realdata/cifar10/resnet20.onnx", {"input": [0, 3, 32, 32]}, (50,), 0.9),
    "imagenet": ("realdata/imagenet/mobilenet_v1_0.25_224.onnx", IMAGE, (20,), 0.9),
    "mnist": ("realdata/mnist/mnist-8.onnx", {"Input3": [0, 1, 28, 28]}, (1,), 0.9),
    "speech_dscnn": ("realdata/speech/ds_cnn_l.onnx", {"input": [0, 1, 49, 10]}, (50,), 0.9),
    "speech_kwt": ("realdata/speech/kwt1.onnx", {"input": [0, 98, 40]}, (50,), 0.9),
    "stories": ("realdata/stories/stories260k.onnx", {"input_ids": [0, 256]}, (8,), 0.9),
    "coco": ("realdata/coco/yolox_nano.onnx", {"images": [0, 3, 416, 416]}, (1,), 0.9),
    "magika": ("realdata/magika/model.onnx", {"bytes": [0, 2048]}, (8,), 0.9),
}
PRECISIONS = ("fp32", "int8", "int8-full", "int8-dynamic", "bf16", "int8+bf16")
WITHOUT_VNNI = ("avx2", "avx512_core")
# precision: settings of `inc-cpp quantize`
SETTINGS = {
    "int8": [],
    "int8-full": ["quantization.model_wise.weight.bound=full"],
    "int8-dynamic": ["quantization.approach=post_training_dynamic_quant"],
    "bf16": ["mixed_precision.precisions=bf16", "mixed_precision.format=plan", "quantization.model_wise.activation.dtype=bf16",
             "quantization.model_wise.weight.dtype=bf16"],
    "int8+bf16": ["mixed_precision.precisions=bf16", "mixed_precision.format=plan"],
}
# (engine, kind of file, precision hint) of each rival
STATIC = [("onnxruntime", "qdq_u8s8", "f32"), ("openvino", "nncf", "f32"), ("openvino", "qdq_u8s8", "f32")]
RIVALS = {
    "fp32": [("onnxruntime", "fp32", "f32"), ("openvino", "fp32", "f32")],
    "int8": STATIC,
    "int8-full": STATIC,
    "int8-dynamic": [("onnxruntime", "dynamic", "f32")],
    "bf16": [("openvino", "fp32", "bf16")],
    "int8+bf16": [("openvino", "nncf", "bf16"), ("openvino", "qdq_u8s8", "bf16")],
}
DUMMY_CONFIG = """version: 1.0
model: {{name: {name}, framework: onnxrt_qdq}}
quantization:
  approach: post_training_static_quant
  calibration:
    sampling_size: [8]
    dataloader: {{batch_size: 1, dataset: {{dummy: {{shape: {shape}, {values}, label: false}}}}}}
"""


LEAST_ROUNDS = 3  # where a single run takes longer than a round should
REST = 0.1  # of a turn's time, and at least so many seconds


class Row:
    def __init__(self, model, batch, precision, threads):
        self.model, self.batch, self.precision, self.threads = model, batch, precision, threads
        self.key = f"{model} b{batch} {precision} t{threads}"

    def shapes(self):
        return {name: [self.batch, *rest] for name, (_, *rest) in MODELS[self.model][1].items()}

    def shape_words(self):
        return [word for name, dims in self.shapes().items() for word in ("--shape", f"{name}={'x'.join(map(str, dims))}")]

    def goal(self):
        return MODELS[self.model][3] if self.precision.startswith("int8") else 1.0


def all_rows(threads):
    for t in threads:
        for model, (_, _, batches, _) in MODELS.items():
            for batch in batches:
                for precision in PRECISIONS:
                    if precision != "int8-dynamic" or model == "bert_base":
                        yield Row(model, batch, precision, t)


def source(args, model):
    file = MODELS[model][0]
    return (args.shared if file.startswith("realdata/") else args.models_dir) / file


def config_of(args, model):
    if MODELS[model][0].startswith("realdata/"):
        return ROOT / "tests" / "realdata" / "configs" / f"{model}.yaml"
    shapes = [[8, *rest] for _, *rest in MODELS[model][1].values()]
    tokens = len(shapes) > 1
    path = args.work / f"{model}.yaml"
    path.write_text(DUMMY_CONFIG.format(
        name=model, shape=shapes if tokens else shapes[0],
        values="low: [0, 1, 0], high: [30000, 1, 1], dtype: int64" if tokens else "low: -2.0, high: 2.0, dtype: float32"))
    return path


def our_file(args, row):
    """What a user gets from `inc-cpp quantize`, made once; undisturbed, because times decide which operators stay FP32."""
    if row.precision == "fp32":
        return source(args, row.model)
    folder = args.work / f"ours-{args.isa}" / f"{row.model}.{row.precision}"
    if not (folder / "model.onnx").exists():
        command = [args.binary, "quantize", "--config", config_of(args, row.model), "--model", source(args, row.model), "--output", folder,
                   "--threads", 1, "--json"]
        for setting in ["tuning.exit_policy.performance_only=true", *SETTINGS[row.precision]]:
            command += ["--set", setting]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              env=dict(os.environ, INC_SHARED=str(args.shared)), preexec_fn=lambda: take(args.cores[:1]))
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return folder / "model.onnx"


def take(cores):
    """The cores, and priority over everybody else; taking turns among equals, so that threads which spin cannot block others."""
    os.sched_setaffinity(0, cores)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    except PermissionError:
        pass


class Engine:
    """A process that is ready to be timed; app/timing_worker.h says how it is spoken to."""

    def __init__(self, label, command, cores):
        self.label, self.rounds = label, []
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=lambda: take(cores))
        line = self.process.stdout.readline()
        self.facts = json.loads(line) if line else {"absent": (self.process.stderr.read().strip().splitlines() or ["no answer"])[-1]}

    def absent(self):
        return self.facts.get("absent")

    def run(self, seconds):
        print(f"run {seconds} -1", file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        time.sleep(REST * max(1, sum(answer["ms"]) / 1e3))
        self.rounds.append(answer["ms"])
        self.facts["peak_rss_bytes"] = answer["peak_rss_bytes"]

    def result(self):
        if self.absent():
            return {"absent": self.absent()}
        p50 = [statistics.median(ms) for ms in self.rounds]
        return {"label": self.label, "p50_ms": min(p50), "rounds_p50_ms": p50, "runs": sum(map(len, self.rounds)),
                "prepare_s": (self.facts["prepare_ms"] + self.facts.get("load_ms", 0)) / 1e3,
                "peak_mb": self.facts["peak_rss_bytes"] / 1e6, "version": self.facts.get("version"), "macs": self.facts.get("macs")}

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.process.stderr.close()


def contenders(args, row, cores):
    shapes = row.shape_words()
    yield Engine("inc-cpp", [args.binary, "benchmark", "--worker", "--model", our_file(args, row), "--threads", row.threads, "--warmup", 2, *shapes], cores)
    for engine, kind, hint in RIVALS[row.precision]:
        label = f"{engine} {kind}"
        try:
            file = peers.file_of(kind, row.model, source(args, row.model), args.work, MODELS[row.model][1])
        except RuntimeError as error:
            print(f"{row.key}: {label}: {error}", file=sys.stderr)
            continue
        yield Engine(label, [sys.executable, ROOT / "app" / "cli" / "peers.py", engine, file, "--threads", row.threads, "--hint", hint, *shapes], cores)


def measure(args, row):
    engines = []
    try:
        for engine in contenders(args, row, args.cores[:row.threads]):
            engines.append(engine)
        start, planned = time.time(), args.rounds * args.seconds * len(engines)
        for done in range(args.rounds):
            if done >= LEAST_ROUNDS and time.time() - start > 1.5 * planned:
                break
            for engine in engines:
                if not engine.absent():
                    engine.run(args.seconds)
        ours, *others = [engine.result() | {"label": engine.label} for engine in engines]
    finally:
        for engine in engines:
            engine.close()
    if "absent" in ours:
        raise RuntimeError(ours["absent"])
    return {"ours": ours, "others": others}


def ceilings(args, threads, memory):
    """Giga-operations a second by precision, as the engine measures them."""
    if str(threads) not in memory:
        done = subprocess.run([args.binary, "benchmark", "--model", str(source(args, "mnist")), "--threads", str(threads), "--iterations", "1",
                               "--compare", "fp32,int8,bf16", "--json"], capture_output=True, text=True, check=True,
                              preexec_fn=lambda: take(args.cores[:threads]))
        memory[str(threads)] = {v["label"]: v.get("ceiling_gops") for v in json.loads(done.stdout)["variants"]}
    return memory[str(threads)]


def machine(args):
    done = subprocess.run([args.binary, "benchmark", "--model", str(source(args, "mnist")), "--iterations", "1", "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{args.binary}: {done.stderr.strip()}")
    facts = json.loads(done.stdout)
    with open("/proc/cpuinfo") as f:
        info = dict(line.split(":", 1) for line in f.read().split("\n\n")[0].splitlines())
    family = " ".join(f"{k} {info[f'{k}	' if f'{k}	' in info else f'{k}		'].strip()}" for k in ("cpu family", "model"))
    return {"cpu": facts["cpu"], "family": family, "isa": facts["isa"], "cores": os.cpu_count()}


def best(results, engine):
    measured = [r for r in results if r["label"].startswith(engine) and "p50_ms" in r]
    return min(measured, key=lambda r: r["p50_ms"]) if measured else None


def number(value):
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def line_of(row, state):
    record, ceiling = state["rows"][row.key], state["ceilings"].get(str(row.threads), {})
    own = state["rows"].get(Row(row.model, row.batch, "fp32", row.threads).key, {}).get("ours")
    ours, ort, ov = record["ours"], best(record["others"], "onnxruntime"), best(record["others"], "openvino")
    cell = lambda r, field: number(r[field]) if r else "–"
    rivals = [r["p50_ms"] for r in (ort, ov) if r]
    ratio = ours["p50_ms"] / min(rivals) if rivals else None
    gops = 2e-6 * ours["macs"] / ours["p50_ms"] if ours["macs"] else None
    top = ceiling.get("int8" if row.precision.startswith("int8") else row.precision)
    mark = "" if ov is None or not row.precision.startswith("int8") else " n" if ov["label"].endswith("nncf") else " q"
    verdict = "–" if ratio is None else f"{ratio:.2f}" if ratio <= row.goal() else f"**{ratio:.2f}**"
    ratio_to_own = f"{ours['p50_ms'] / own['p50_ms']:.2f}" if own and row.precision != "fp32" else "–"
    return (f"| {row.model} | {row.batch} | {row.threads} | {row.precision} | {number(ours['p50_ms'])} | {cell(ort, 'p50_ms')} | {cell(ov, 'p50_ms')}{mark} "
            f"| {verdict} | {row.goal()} | {ratio_to_own} | {f'{gops:.0f}' if gops else '–'} | {f'{100 * gops / top:.0f} %' if gops and top else '–'} "
            f"| {number(ours['peak_mb'])} / {cell(ort, 'peak_mb')} / {cell(ov, 'peak_mb')} | {number(ours['prepare_s'])} / {cell(ort, 'prepare_s')} / {cell(ov, 'prepare_s')} |")


def table(args, state, rows):
    m = state["machine"]
    shown = [row for row in rows if "ours" in state["rows"].get(row.key, {})]
    versions = sorted({f"{r['label'].split()[0]} {r['version']}" for row in shown for r in state["rows"][row.key]["others"] if r.get("version")})
    builds = {state["rows"][row.key]["build"] for row in shown}
    text = [f"## {datetime.date.today()} · {m['cpu']} ({m['family']}), {m['isa']}, {m['cores']} cores; {', '.join(versions)}", "",
            "    tests/bench/performance_table.py INC_CPP --shared SHARED --models-dir MODELS --work WORK --threads "
            + " ".join(map(str, args.threads)), "",
            f"p50 in milliseconds of one batch, the best of {LEAST_ROUNDS} to {args.rounds} rounds in which the engines take turns; ratio: ours to the faster of the two, bold where "
            "it misses the goal. OpenVINO's INT8 is NNCF's model (n) or onnxruntime's QDQ file (q). Peak memory (MB) and time to load and prepare (s): "
            "ours / onnxruntime / OpenVINO, each in a process of its own."
            + (f" Ours is capped by INC_MAX_ISA={os.environ['INC_MAX_ISA']}, the others {'by capped_peers.py' if peers.capped() else 'are not'}." if os.environ.get("INC_MAX_ISA") else "")
            + (f" Rows come from {len(builds)} builds." if len(builds) > 1 else ""), "",
            "| model | batch | threads | precision | inc-cpp | onnxruntime | OpenVINO | ratio | goal | of own FP32 | GOP/s | of ceiling | peak MB | prepare s |",
            "|---" * 14 + "|"]
    text += [line_of(row, state) for row in shown]
    for t, tops in sorted(state["ceilings"].items()):
        text += ["", f"Ceilings with {t} thread{'' if t == '1' else 's'}: " + ", ".join(f"{p} {v:.0f} GOP/s" for p, v in tops.items() if v) + "."]
    text += [""] + [f"- {row.key}: {state['rows'][row.key]['error']}" for row in rows if "error" in state["rows"].get(row.key, {})]
    return "\n".join(text).rstrip() + "\n"


def build_of(binary):
    return hashlib.sha256(pathlib.Path(binary).read_bytes()).hexdigest()[:12]


def parser_of(description):
    """For what every table of these rows is told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--shared", type=lambda p: pathlib.Path(p).resolve(), required=True)
    parser.add_argument("--models-dir", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--core", type=int, help="the first core to use (default: the last ones)")
    parser.add_argument("--out", type=pathlib.Path)
    return parser


def parsed(parser):
    args = parser.parse_args()
    usable = sorted(os.sched_getaffinity(0))
    args.cores = usable[::-1] if args.core is None else [args.core] + [c for c in usable if c != args.core]
    return args


def parse():
    parser = parser_of(__doc__)
    parser.add_argument("--rows", nargs="*", default=[""])
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="of each engine in each round")
    parser.add_argument("--again", action="store_true", help="measure rows again that are there")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    return parsed(parser)


def main():
    args = parse()
    rows = [row for row in all_rows(args.threads) if any(set(words.split()) <= set(row.key.split()) for words in args.rows)]
    if args.list:
        return print("\n".join(row.key for row in rows))
    for name, why in peers.missing():
        print(f"{name} is missing ({why}): its cells stay empty", file=sys.stderr)
    args.work.mkdir(parents=True, exist_ok=True)
    here = machine(args)
    args.isa = here["isa"]
    file = args.work / f"rows-{args.isa}.json"
    state = json.loads(file.read_text()) if file.exists() else {"machine": here, "ceilings": {}, "rows": {}}
    if state["machine"] != here:
        sys.exit(f"{file} is of another machine: {state['machine']}")
    build = build_of(args.binary)
    for row in rows:
        if not args.again and "ours" in state["rows"].get(row.key, {}):
            continue
        start = time.time()
        tops = ceilings(args, row.threads, state["ceilings"])
        if "bf16" in row.precision and not tops.get("bf16") or row.precision == "int8-full" and args.isa not in WITHOUT_VNNI:
            continue
        try:
            state["rows"][row.key] = measure(args, row) | {"build": build, "date": str(datetime.date.today())}
            print(f"{line_of(row, state)} {time.time() - start:.0f} s", flush=True)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            state["rows"][row.key] = {"error": str(error)[:300]}
            print(f"{row.key}: {str(error)[:300]}", file=sys.stderr)
        file.write_text(json.dumps(state, indent=1))
    (args.out or args.work / "table.md").write_text(table(args, state, rows))


if __name__ == "__main__":
    main()
