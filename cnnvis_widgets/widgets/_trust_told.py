"""What the page of a trust board is told of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..engine.ranking import Measure, Ranking


def table(ranking: Ranking, question: Mapping[str, Any], left_out: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A ranking, as far as it is computed.

    Parameters
    ----------
    ranking
        The result.
    question
        Its "layer", "target", "images" and "rows".
    left_out
        The title of each method that cannot be used, and why.
    """
    known = reached(ranking)
    return {
        **{name: question[name] for name in ("layer", "target", "images", "rows")},
        "left_out": [{"title": title, "why": why} for title, why in left_out],
        "measures": [_column(measure) for measure in ranking.measures],
        "done": ranking.done,
        "part": float(known[:, ranking.done].mean()) if ranking.done < ranking.scenes else 0.0,
        "points": ranking.curves.shape[-1],
        "values": _floats(ranking.values),
        "mean": _floats(ranking.mean),
        "low": _floats(ranking.low),
        "high": _floats(ranking.high),
        "curves": _floats(ranking.curves),
        "weak": (~np.stack([ranking.told_apart_from_random(each) for each in ranking.measures], 1)).tobytes(),
        "lead": np.stack([_leading(ranking, column) for column in range(len(ranking.measures))], 1).tobytes(),
    }


def reached(ranking: Ranking) -> np.ndarray:
    """Which methods have a number on which scenes, bool (methods, scenes)."""
    found: np.ndarray = np.isfinite(ranking.values).any(1)
    return found


def _leading(ranking: Ranking, column: int) -> np.ndarray:
    """Which methods are the best of a measure, or cannot be told apart from it scene by scene: bool (methods,)."""
    from ..engine.intervals import bootstrap

    measure, values = ranking.measures[column], ranking.values[:, column]
    leading = np.zeros(len(values), bool)
    mean = np.where(np.isfinite(ranking.mean[:-1, column]), ranking.mean[:-1, column], np.nan)
    if np.isfinite(mean).any():
        sign = 1 if measure.better == "high" else -1
        best = int(np.nanargmax(sign * mean))
        leading = ~(bootstrap(sign * (values[best] - values))[0] > 0) & np.isfinite(ranking.mean[:, column])
        leading[-1] = False
    return leading


def _column(measure: Measure) -> dict[str, Any]:
    return {
        "key": measure.key,
        "title": measure.title,
        "better": measure.better,
        "reference": measure.reference,
        "how": measure.how,
        "hit": measure.hit,
        "top": measure.top if measure.top is not None else 0.0,
    }


def _floats(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, np.float32).tobytes()
