"""Figures; matplotlib is imported when the first one is asked for."""
from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Sequence

if TYPE_CHECKING:
    import matplotlib.figure

    from .result import Result

COLORS = {"fp32": "#8a8f98", "bf16": "#e0a030", "int8": "#2f7ed8", "int8+bf16": "#37a16b"}
CONVERSIONS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast")
GAINED, LOST, GRID = "#2f7ed8", "#c8553d", "#d8dce2"


def _figure(**arguments: Any) -> Any:
    """(figure, axes), not known to pyplot: notebooks show it once, as the value of a cell. Raises ImportError that says
    how to get it."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Base
    except ImportError as error:
        raise ImportError("figures need matplotlib: pip install matplotlib") from error

    class Figure(Base):
        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=90)
            return buffer.getvalue()

    columns = arguments.pop("columns", 1)
    figure = Figure(layout="constrained", **arguments)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _clean(axes: Any, axis: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=axis, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _pair(axes: Any, title: str, before: float, after: float, form: str, color: str) -> None:
    bars = axes.bar(["FP32", "result"], [before, after], color=[COLORS["fp32"], color], width=0.6)
    axes.bar_label(bars, labels=[format(before, form), format(after, form)], padding=2)
    axes.set_title(title, fontsize=11)
    axes.margins(y=0.15)
    _clean(axes, "y")


def _statistics(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    rows = [row for row in rows if row["op_type"] not in CONVERSIONS]
    rows = sorted(rows, key=lambda row: row["total"])[-14:]
    names = [row["op_type"] for row in rows]
    left = [0] * len(rows)
    for precision in ("int8", "bf16", "fp32"):
        counts = [row[precision] for row in rows]
        if any(counts):
            axes.barh(names, counts, left=left, color=COLORS[precision], label=precision.upper(), height=0.7)
        left = [a + b for a, b in zip(left, counts)]
    axes.set_title("operators by precision", fontsize=11)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(-0.6, max(len(rows), 6) - 0.4)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.1), ncols=3, handlelength=1, columnspacing=1)
    _clean(axes, "x")


def plot_result(result: "Result") -> "matplotlib.figure.Figure":
    report = result.report
    before, after = report["baseline"], report["result"]
    known = bool(report.get("metric"))
    figure, axes = _figure(columns=3 + known, figsize=(11 if known else 8.5, 3.4))
    axes = list(axes)
    if known:
        color = COLORS["int8"] if result.met else LOST
        _pair(axes.pop(0), report["metric"], before["accuracy"], after["accuracy"], ".5g", color)
    _pair(axes[0], "latency, ms a sample", before["latency_ms"], after["latency_ms"], ".4g", COLORS["int8"])
    _pair(axes[1], "size, MB", 1e-6 * after["fp32_model_bytes"], 1e-6 * after["model_bytes"], ".3g", COLORS["int8"])
    _statistics(axes[2], report["statistics"])
    figure.suptitle(f"{report['model']}: target {'met' if result.met else 'missed'}", fontsize=12, fontweight="bold")
    return figure


def _label(row: Mapping[str, Any], several: bool) -> str:
    return f"{row['label']}\n{row['isa']}" if several else row["label"]


def plot_benchmark(rows: List[Dict[str, Any]]) -> "matplotlib.figure.Figure":
    several = len({row["isa"] for row in rows}) > 1
    names = [_label(row, several) for row in rows]
    colors = [COLORS.get(row["precision"], GAINED) for row in rows]
    p50 = [row["latency_ms"]["p50"] for row in rows]
    errors = [[ms - row["latency_ms"]["p50_low"] for ms, row in zip(p50, rows)],
              [row["latency_ms"]["p50_high"] - ms for ms, row in zip(p50, rows)]]
    figure, (left, right) = _figure(columns=2, figsize=(11, max(2.6, 0.9 + (0.5 if several else 0.42) * len(rows))))
    bars = left.barh(names, p50, color=colors, xerr=errors, error_kw={"ecolor": "#333", "capsize": 2}, height=0.7)
    left.bar_label(bars, fmt=" %.4g", padding=3)
    left.set_title("latency, ms (median, 95 % interval)", fontsize=11)
    times = [p50[0] / ms for ms in p50]
    bars = right.barh(names, times, color=colors, height=0.7)
    right.bar_label(bars, fmt=" %.2f", padding=3)
    right.axvline(1, color="#333", linewidth=0.8)
    right.set_title(f"times as fast as {names[0].replace(chr(10), ', ')}", fontsize=11)
    right.set_yticklabels([])
    for axes in (left, right):
        axes.invert_yaxis()
        axes.margins(x=0.14)
        _clean(axes, "x")
    return figure


def plot_comparison(report: Mapping[str, Any], top: int) -> "matplotlib.figure.Figure":
    ops = report["ops"][:top]
    finite = [op["own"]["relative"] for op in ops if op["own"]["relative"] is not None]
    most = max(finite, default=1.0) or 1.0
    shares = [100 * (most if op["own"]["relative"] is None else op["own"]["relative"]) for op in ops]
    figure, (axes,) = _figure(figsize=(9, max(2.4, 0.8 + 0.32 * len(ops))))
    names = [f"{op['name']} ({op['op_type']})" for op in ops]
    axes.barh(range(len(ops)), shares, color=[COLORS.get(op["precision"], LOST) for op in ops], height=0.7)
    axes.set_yticks(range(len(ops)), names)
    for i, op in enumerate(ops):
        text = "not finite" if op["own"]["relative"] is None else f"{shares[i]:.3g} %"
        axes.annotate(text, (shares[i], i), xytext=(3, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_title("error that each operator adds itself, worst first (% of its value's root mean square)", fontsize=11)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    _clean(axes, "x")
    return figure
