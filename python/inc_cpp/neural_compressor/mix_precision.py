"""mix_precision.fit."""
from __future__ import annotations

import warnings
from typing import Any, Callable, Optional

from .._core import ConfigError
from ._settings import of_mixed_precision
from .config import MixedPrecisionConfig
from .model import Model
from .quantization import run


def fit(model: Any, conf: Optional[MixedPrecisionConfig] = None, eval_func: Optional[Callable[[Any], float]] = None,
        eval_dataloader: Any = None, eval_metric: Any = None, *, config: Optional[MixedPrecisionConfig] = None) -> Model:
    """Converts an ONNX model to BF16: everything where no accuracy is measured, otherwise what the target allows. `config`
    is another name for conf; the other arguments as of quantization.fit. On a CPU without BF16, set FORCE_BF16=1."""
    conf = conf or config
    if not isinstance(conf, MixedPrecisionConfig):
        raise ConfigError(f"conf: {type(conf).__name__} found, expected MixedPrecisionConfig")
    tree, dropped = of_mixed_precision(conf, model)
    made = run(model, conf, tree, dropped, eval_func=eval_func, eval_dataloader=eval_dataloader, eval_metric=eval_metric)
    if "bf16" in conf.precisions and not any(row["bf16"] for row in made.result.report["statistics"]):
        warnings.warn("no operator became BF16; the report says of each why", stacklevel=2)
    return made
