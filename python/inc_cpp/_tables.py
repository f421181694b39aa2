"""Data frames; pandas is imported when the first one is asked for."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence

if TYPE_CHECKING:
    import pandas


def frame(rows: Sequence[Mapping[str, Any]], columns: Optional[Sequence[str]] = None) -> "pandas.DataFrame":
    """Raises ImportError that says how to get pandas."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("data frames need pandas: pip install pandas; without it, the same rows are in .report") from error
    return pandas.DataFrame(list(rows), columns=columns)
