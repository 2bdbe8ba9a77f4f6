"""Numbers as people give them, as Python has them: so that they compare, are written down and come back the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor


def number(given: Any) -> float:
    """An int or float of Python, numpy or torch as one of Python; NaN, which is in no range, for everything else.

    Examples
    --------
    >>> number(np.float32(0.5)), number(3), number("3")
    (0.5, 3, nan)
    """
    if isinstance(given, (np.ndarray, np.generic, Tensor)) and given.ndim == 0:
        given = given.item()
    return given if isinstance(given, (int, float)) else math.nan


def whole(given: Any) -> int:
    """The same as a whole number; −1, which is no count, for everything else.

    Examples
    --------
    >>> whole(4.0), whole(np.int64(4)), whole(4.5), whole(None)
    (4, 4, -1, -1)
    """
    found = number(given)
    return int(found) if math.isfinite(found) and found == int(found) else -1
