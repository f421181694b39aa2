#!/usr/bin/env python3
"""Where the time of a row of performance_table.py goes: this engine, onnxruntime and OpenVINO by kind of operator, from their own profilers.

    operator_table.py INC_CPP --shared DIR --models-dir DIR --work DIR --rows WORD... [--core N] [--out FILE]

The files are those of performance_table.py in the same --work, whose row has to be there: the faster model of each engine counts.
A node of an engine belongs to the node of the FP32 model whose name it begins with; kinds are told by that node's weights. What a
profiler counts under no such name (casts, reorders, attention, normalization) is "all else". Profilers cost time themselves, so
that sums are above the latencies of the other table; `run` repeats those.
"""
import collections
import json
import subprocess
import sys

import performance_peers
import performance_table as table

REST = "all else"


def kind_of(node, shapes):
    """A convolution or product by a constant, in words; None for any other node."""
    weights = next((shapes[name] for name in node.input[1:2] if name in shapes), None)
    if weights is None or node.op_type not in ("Conv", "Gemm", "MatMul"):
        return None
    if node.op_type != "Conv":
        return "products"
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    window = "×".join(map(str, weights[2:]))
    if group > 1:
        return f"{window}, {'depthwise' if weights[1] == 1 else 'grouped'}"
    return f"{window}, {weights[1]} channels" if weights[1] <= 4 else window


def kinds(path):
    """Name of each convolution and product in the model -> its kind."""
    import onnx
    model = onnx.load(path)
    shapes = {i.name: list(i.dims) for i in model.graph.initializer}
    shapes |= {n.output[0]: list(n.attribute[0].t.dims) for n in model.graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"}
    return {node.name or node.output[0]: kind for node in model.graph.node if (kind := kind_of(node, shapes))}


def by_kind(profile, of_name):
    """profile: (name, ms) of each node; a name is followed by nothing or by a character that ends a word."""
    sums, nodes = collections.Counter(), collections.Counter()
    for name, ms in profile:
        known = max((n for n in of_name if name.startswith(n) and not name[len(n):len(n) + 1].isalnum()), key=len, default=None)
        kind = of_name.get(known, REST)
        sums[kind] += ms
        nodes[kind] += 1
    return sums, nodes


def our_profile(args, row, shapes):
    done = subprocess.run([str(word) for word in (args.binary, "benchmark", "--model", table.our_file(args, row), "--threads", row.threads,
                                                  "--duration", 2, "--profile", "--json", *shapes)],
                          capture_output=True, text=True, check=True, preexec_fn=lambda: table.take(args.cores[:row.threads]))
    ops = [op for op in json.loads(done.stdout)["ops"] if op.get("ms")]
    return [(op["name"], op["ms"]) for op in ops], {op["name"]: op["gops"] * op["ms"] for op in ops if op.get("gops")}


def rival_profile(args, row, shapes, result):
    engine, kind = result["label"].split()
    hint = next(h for e, k, h in table.RIVALS[row.precision] if (e, k) == (engine, kind))
    file = performance_peers.file_of(kind, row.model, table.source(args, row.model), args.work, table.MODELS[row.model][1])
    done = subprocess.run([sys.executable, str(table.ROOT / "app" / "cli" / "peers.py"), engine, str(file), "--threads", str(row.threads),
                           "--hint", hint, "--profile", "--json", *shapes], capture_output=True, text=True, check=True,
                          preexec_fn=lambda: table.take(args.cores[:row.threads]))
    return [(node["name"], node["ms"]) for node in json.loads(done.stdout)]


def lines_of(args, row, state):
    record = state["rows"][row.key]
    shapes = row.shape_words()
    of_name = kinds(table.source(args, row.model))
    profile, work = our_profile(args, row, shapes)
    ours, nodes = by_kind(profile, of_name)
    gop = by_kind(work.items(), of_name)[0]
    rivals = [table.best(record["others"], engine) for engine in ("onnxruntime", "openvino")]
    theirs = [by_kind(rival_profile(args, row, shapes, r), of_name)[0] if r else {} for r in rivals]
    cell = lambda value: table.number(value) if value else "–"
    for kind in sorted(ours, key=lambda k: (k == REST, -ours[k])):
        rate = f"{gop[kind] / ours[kind]:.0f}" if gop.get(kind) and kind != REST else "–"
        yield f"| {row.key} | {kind} | {nodes[kind]} | {cell(ours[kind])} | {' | '.join(cell(t.get(kind)) for t in theirs)} | {rate} |"
    yield (f"| | run | | {table.number(record['ours']['p50_ms'])} | {' | '.join(cell(r and r['p50_ms']) for r in rivals)} | "
           f"{2e-6 * record['ours']['macs'] / record['ours']['p50_ms']:.0f} |")


def main():
    parser = table.parser_of(__doc__)
    parser.add_argument("--rows", nargs="+", required=True)
    args = table.parsed(parser)
    args.isa = table.machine(args)["isa"]
    state = json.loads((args.work / f"rows-{args.isa}.json").read_text())
    wanted = [row for row in table.all_rows((1, 2)) if any(set(words.split()) <= set(row.key.split()) for words in args.rows)
              and "ours" in state["rows"].get(row.key, {})]
    text = ["| row | operators | number | inc-cpp ms | onnxruntime ms | OpenVINO ms | inc-cpp GOP/s |", "|---" * 7 + "|"]
    for row in wanted:
        text += lines_of(args, row, state)
    if args.out:
        args.out.write_text("\n".join(text) + "\n")
    else:
        print("\n".join(text))


if __name__ == "__main__":
    main()
