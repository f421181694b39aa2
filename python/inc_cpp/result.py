"""What quantize returns."""
from __future__ import annotations

import html
import json
import os
import pathlib
import shutil
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

from ._tables import frame
from .session import Session

if TYPE_CHECKING:
    import matplotlib.figure
    import onnx
    import pandas

MODEL = "model.onnx"
PRECISIONS = ("int8", "bf16", "fp32")


class Result:
    """The quantized model and how it came about. Files lie in `directory`, which goes with this object unless quantize was
    given `output`."""

    def __init__(self, report: str, directory: str, interrupted: bool = False, keeper: Any = None):
        self.report: Dict[str, Any] = json.loads(report)
        """report.json."""
        self.directory = pathlib.Path(directory)
        """Where model.onnx, report.html, report.json and journal.jsonl are."""
        self.interrupted = interrupted
        """Whether Ctrl-C ended the search."""
        self._keeper = keeper

    @property
    def met(self) -> bool:
        """Whether the accuracy target holds."""
        return self.report["result"]["met"]

    @property
    def accuracy(self) -> float:
        """Of the quantized model, in the metric's unit."""
        return self.report["result"]["accuracy"]

    @property
    def baseline(self) -> float:
        """Of the FP32 model."""
        return self.report["baseline"]["accuracy"]

    @property
    def relative_loss(self) -> float:
        """The accuracy lost, over FP32's; negative: gained."""
        return self.report["result"]["relative_loss"]

    @property
    def path(self) -> pathlib.Path:
        """Of the model's file."""
        return self.directory / MODEL

    @property
    def model_bytes(self) -> bytes:
        """The model's file; its external data, above 2 GB, not included."""
        return self.path.read_bytes()

    @property
    def model(self) -> "onnx.ModelProto":
        """The model; needs the package onnx."""
        try:
            import onnx
        except ImportError as error:
            raise ImportError("a ModelProto needs the package onnx: pip install onnx; or use .model_bytes, .path") from error
        return onnx.load(str(self.path))

    def save(self, path: Union[str, "os.PathLike[str]"]) -> pathlib.Path:
        """Copies the model there; external data, above 2 GB, beside it under the name that the model calls it by."""
        target = pathlib.Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path, target)
        data = self.path.with_name(MODEL + ".data")
        if data.exists():
            shutil.copyfile(data, target.with_name(data.name))
        return target

    def save_report(self, directory: Union[str, "os.PathLike[str]"]) -> pathlib.Path:
        """Copies everything in `directory` there."""
        return pathlib.Path(shutil.copytree(self.directory, directory, dirs_exist_ok=True))

    def session(self, engine: str = "onednn", threads: Optional[int] = None) -> Session:
        """The model made ready to run."""
        return Session(self.path, engine, threads)

    @property
    def statistics(self) -> "pandas.DataFrame":
        """Operators by type and precision: op_type, total, int8, bf16, fp32."""
        return frame(self.report["statistics"], ["op_type", "total", *PRECISIONS])

    @property
    def ops(self) -> "pandas.DataFrame":
        """Every operator: name, op_type, precision, reason, and what else the report says of it."""
        return frame(self.report["ops"])

    @property
    def pareto(self) -> "pandas.DataFrame":
        """Trials that no other one beats in both: accuracy, latency_ms, config."""
        return frame(self.report["pareto"])

    @property
    def trials(self) -> "pandas.DataFrame":
        """Every trial, in order."""
        return frame(self.report.get("trials", []))

    def plot(self) -> "matplotlib.figure.Figure":
        """FP32 beside the result: accuracy, latency, size; and precision by operator type. Needs matplotlib."""
        from ._plots import plot_result
        return plot_result(self)

    def _facts(self) -> List[List[str]]:
        result, baseline = self.report["result"], self.report["baseline"]
        rows = []
        if self.report.get("metric"):
            rows.append([self.report["metric"], f"{baseline['accuracy']:.6g}", f"{result['accuracy']:.6g}"])
        rows.append(["latency (ms a sample)", f"{baseline['latency_ms']:.4g}", f"{result['latency_ms']:.4g}"])
        rows.append(["size (MB)", f"{1e-6 * result['fp32_model_bytes']:.3f}", f"{1e-6 * result['model_bytes']:.3f}"])
        return rows

    def _verdict(self) -> str:
        target = self.report["result"].get("target", "")
        text = f"target {'met' if self.met else 'MISSED'}" + (f" ({target})" if target else "")
        return text + (", interrupted" if self.interrupted else "")

    def __repr__(self) -> str:
        lines = [f"{name}: {before} -> {after}" for name, before, after in self._facts()]
        return f"<inc_cpp.Result {self.report['model']}: {self._verdict()}; " + "; ".join(lines) + ">"

    def _repr_html_(self) -> str:
        def row(cells: List[Any], tag: str = "td") -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

        facts = row(["", "FP32", "result"], "th") + "".join(row(cells) for cells in self._facts())
        columns = ["op_type", "total", *PRECISIONS]
        table = row(columns, "th") + "".join(row([line[c] for c in columns]) for line in self.report["statistics"])
        verdict = html.escape(f"{self.report['model']}: {self._verdict()}")
        return f"<p><b>{verdict}</b></p><table>{facts}</table><table>{table}</table>"
