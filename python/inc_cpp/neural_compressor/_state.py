"""What INC's set_… functions set for the whole process."""
from __future__ import annotations

import os
import pathlib
import warnings
from typing import Optional

from .._core import ConfigError

workspace: Optional[str] = None
resume = False
random_seed: Optional[int] = None


def set_workspace(path: "os.PathLike[str] | str") -> None:
    """The directory for model.onnx, reports and journal of the runs that follow."""
    global workspace
    workspace = os.fspath(path)


def set_resume_from(path: "os.PathLike[str] | str") -> None:
    """Continues the run whose journal is in that directory (set_workspace of the run). INC's snapshots are not read: a file
    that is no directory is a ConfigError."""
    global workspace, resume
    if not (pathlib.Path(path) / "journal.jsonl").exists():
        raise ConfigError(f"set_resume_from: '{path}' found, expected the directory of a run, with its journal.jsonl")
    workspace, resume = os.fspath(path), True


def set_random_seed(seed: int) -> None:
    """Seed of everything random."""
    global random_seed
    random_seed = seed


def set_tensorboard(on: bool) -> None:
    """Not done: no TensorBoard files are written."""
    if on:
        not_honoured("set_tensorboard", "no TensorBoard files are written; see report.html")


def not_honoured(what: str, why: str) -> None:
    """The warning about an argument."""
    warnings.warn(f"{what} is not honoured: {why}", stacklevel=4)
