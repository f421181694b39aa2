"""Draws fp32_int8_absolute.png and fp32_int8_times.png beside the figures: compare_perf.py FOLDER [TITLE]

FOLDER has 32.json and 8.json (profile_inc.py). The second chart shows both as multiples of FP32.
"""
import json
import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

FIGURES = (("throughput", "Throughput", "images/s"), ("latency", "Latency", "ms"), ("accuracy", "Accuracy", ""))
NAMES, COLOURS = ("FP32", "INT8"), ("#7a8794", "#1f77b4")


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def bars(axes, heights, labels):
    drawn = axes.bar(NAMES, heights, color=COLOURS, width=0.6)
    axes.bar_label(drawn, labels, padding=3)
    axes.margins(y=0.15)
    axes.spines[["top", "right"]].set_visible(False)


def absolute(results, title, path):
    figure, columns = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained")
    figure.suptitle(title)
    for axes, (key, name, unit) in zip(columns, FIGURES):
        values = [result[key] for result in results]
        bars(axes, values, [number(v) for v in values])
        axes.set_title(name)
        axes.set_ylabel(unit)
    figure.savefig(path, dpi=120)


def times(results, title, path):
    figure, columns = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained", sharey=True)
    figure.suptitle(f"{title}, as a multiple of FP32")
    for axes, (key, name, _) in zip(columns, FIGURES):
        ratios = [result[key] / results[0][key] for result in results]
        bars(axes, ratios, [f"{ratio:.2f}×" for ratio in ratios])
        axes.axhline(1, color="#444444", linewidth=0.8, linestyle=":")
        axes.set_title(name + {"latency": " (less is better)"}.get(key, ""))
    columns[0].set_ylabel("times FP32")
    figure.savefig(path, dpi=120)


def main():
    folder, title = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "FP32 and INT8"
    results = []
    for name in ("32.json", "8.json"):
        with open(os.path.join(folder, name)) as f:
            results.append(json.load(f))
    absolute(results, title, os.path.join(folder, "fp32_int8_absolute.png"))
    times(results, title, os.path.join(folder, "fp32_int8_times.png"))


if __name__ == "__main__":
    main()
