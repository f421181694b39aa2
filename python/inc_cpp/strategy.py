"""Strategies to subclass."""
from __future__ import annotations

from typing import Optional, Sequence

from ._core import History, Knowledge, SearchSpace


class Strategy:
    """Proposes points of the search space until it has nothing left; subclass it and give the class to `quantize`.

        class FallBackOneByOne(inc_cpp.Strategy):
            def ask(self, history):
                if len(history) > len(self.space.dims):
                    return None
                point = list(self.space.fastest)
                for i in range(len(history)):
                    point[i] = len(self.space.dims[i].options) - 1
                return point

    ask() depends on what it was constructed with and on `history` only: a resumed run asks again. The search ends when the
    accuracy target is first met, unless `goes_on` or a timeout is given.
    """

    #: What the report calls it; empty: the name of the class.
    name: str = ""
    #: Whether the search goes on after the target was first met, until ask() has nothing left.
    goes_on: bool = False

    def __init__(self, space: SearchSpace, knowledge: Knowledge):
        self.space = space
        self.knowledge = knowledge

    def ask(self, history: History) -> Optional[Sequence[int]]:
        """The next point, one option index per dimension, none that is in the history; None: nothing left."""
        raise NotImplementedError

    def wants_sensitivity(self, history: History) -> bool:
        """Whether history.sensitivity must be measured before the next ask()."""
        return False
