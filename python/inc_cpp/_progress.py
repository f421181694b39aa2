"""A bar for each stage, in notebooks and on terminals."""
from __future__ import annotations

import sys
import warnings
from typing import Any, Dict, Optional


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return bool(shell and getattr(shell.get_ipython(), "kernel", None))


def _tqdm() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
        return tqdm
    except ImportError:
        return None


class Progress:
    """wanted None: where a person looks on and tqdm is installed."""

    def __init__(self, wanted: Optional[bool]):
        looked_at = _in_notebook() or sys.stderr.isatty()
        self.tqdm = _tqdm() if (looked_at if wanted is None else wanted) else None
        self.bar: Any = None
        self.stage = ""
        self.best: Optional[Dict[str, Any]] = None
        self.trials = 0

    def update(self, stage: str, done: int, total: int) -> None:
        if self.tqdm is None:
            return
        if self.bar is None or stage != self.stage or done < self.bar.n:
            self.finish()
            self.stage = stage
            form = None if total else "{desc}: {elapsed}"
            self.bar = self.tqdm(total=total or None, desc=self.title(stage), bar_format=form, leave=stage != "tune",
                                 file=sys.stderr)
        self.bar.update(done - self.bar.n)
        if done == total:
            self.bar.refresh()

    def title(self, stage: str) -> str:
        return f"trial {self.trials + 1}" if stage == "tune" else stage

    def trial(self, row: Dict[str, Any]) -> None:
        self.trials = row["number"]
        if self.tqdm is None:
            return
        self.close()
        if row["failed"]:
            text = "failed: " + row["failed"].splitlines()[0]
        else:
            text = f"accuracy {row['accuracy']:.6g}, {row['latency_ms']:.4g} ms, target {'met' if row['met'] else 'missed'}"
        self.tqdm.write(f"trial {row['number']}: {text}", file=sys.stderr)

    def finish(self) -> None:
        """The stage is over: another one has begun."""
        if self.bar is not None and self.bar.total:
            self.bar.update(self.bar.total - self.bar.n)
        self.close()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
