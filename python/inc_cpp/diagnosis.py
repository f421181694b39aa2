"""What the machine can do, and where two models part ways."""
from __future__ import annotations

import contextlib
import html
import json
import os
import pathlib
import warnings
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Union

from . import _core, _data
from ._models import Model, as_file, name_of
from ._progress import Progress
from ._tables import frame

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas


class Diagnosis(Dict[str, Any]):
    """What doctor found, a dict as of `inc-cpp doctor --json`; printed, it is the command's page."""

    def __init__(self, found: str, text: str):
        super().__init__(json.loads(found))
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text)}</pre>"


def doctor(probe: bool = True) -> Diagnosis:
    """What this machine can do, what holds it back, and what to change. probe: measure the speed of each precision, about
    two seconds."""
    return Diagnosis(*_core.doctor(probe))


class Comparison:
    """Operator by operator, how far model b is from a on the same inputs."""

    def __init__(self, found: str, page: str):
        self.report: Dict[str, Any] = json.loads(found)
        """As of `inc-cpp compare --json`."""
        self.html = page
        """One self-contained page."""

    @property
    def ops(self) -> "pandas.DataFrame":
        """Worst first: name, op_type, precision; own_…: what the operator adds itself, fed with a's values; total_…: its
        value in a run of b; each sqnr_db, relative, cosine, max_error, max_error_of_range."""
        return frame([_flat(op) for op in self.report["ops"]])

    @property
    def outputs(self) -> "pandas.DataFrame":
        """The models' outputs: name, sqnr_db, relative, cosine, max_error, max_error_of_range."""
        return frame(self.report["outputs"])

    def save_html(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Writes the page."""
        pathlib.Path(path).write_text(self.html, encoding="utf-8")

    def plot(self, top: int = 20) -> "matplotlib.figure.Figure":
        """The own errors of the worst operators. Needs matplotlib."""
        from ._plots import plot_comparison
        return plot_comparison(self.report, top)

    def __repr__(self) -> str:
        worst: List[str] = [f"{op['name']} ({op['precision']}) {_percent(op['own']['relative'])}"
                            for op in self.report["ops"][:3]]
        outputs = ", ".join(f"{out['name']} {_percent(out['relative'])}" for out in self.report["outputs"])
        return f"<inc_cpp.Comparison outputs: {outputs}; worst operators: {', '.join(worst) or 'none'}>"


def _percent(share: Optional[float]) -> str:
    return "not finite" if share is None else f"{100 * share:.3g} %"


def _flat(op: Mapping[str, Any]) -> Dict[str, Any]:
    row: Dict[str, Any] = {}
    for key, value in op.items():
        if isinstance(value, Mapping):
            row.update({f"{key}_{name}": figure for name, figure in value.items()})
        else:
            row[key] = value
    return row


def compare(a: Model, b: Model, *, data: Any = None, config: Union[None, str, "os.PathLike[str]"] = None, samples: int = 16,
            shapes: Optional[Mapping[str, Sequence[int]]] = None, engine: str = "onednn", threads: Optional[int] = None,
            progress: Optional[bool] = None) -> Comparison:
    """Runs both models on the same inputs and compares operator by operator.

    a: the reference; b: another form of it (quantized, cast).
    data: samples, in the forms that `quantize` takes as calib; else the data of the YAML file `config`; else random ones, of
        `shapes` where the model leaves dimensions open. At most `samples` are used.
    Ctrl-C ends it: what was measured so far is the result.
    Raises ModelError for models whose inputs or outputs differ, ConfigError, DataError.
    """
    bars = Progress(progress)
    with contextlib.ExitStack() as files:
        paths = [files.enter_context(as_file(model, name_of(model, name))) for model, name in ((a, "a"), (b, "b"))]
        given = None if data is None else _data.samples(data, _core.describe(paths[0])[0], "data", samples)
        try:
            found, page, interrupted = _core.compare(
                *paths, given, None if config is None else os.fspath(config), samples,
                {name: list(shape) for name, shape in (shapes or {}).items()}, engine, threads or 0, bars.update)
        finally:
            bars.close()
    if interrupted:
        warnings.warn("interrupted: operators that were not compared by then are listed as such")
    return Comparison(found, page)
