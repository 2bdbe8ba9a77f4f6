"""How well explanations do on scenes whose truth is known: methods × measures × scenes, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .errors import EvaluationError, suggestion
from .intervals import bootstrap, wilson
from .ranking_table import table

#: What the last row of every ranking is called.
RANDOM = "Random map"


@dataclass(frozen=True)
class Measure:
    """One column of a ranking.

    Attributes
    ----------
    key, title : str
        Its name in code, and on the screen.
    better : "high" or "low"
        Which end is good.
    reference : bool
        Whether a random map can be measured the same way, and so gives the chance level.
    how : str
        What is measured, in one sentence.
    hit : bool
        Whether a scene is a hit or a miss, so that the mean is a share with a Wilson interval.
    top : float or None
        The end of its scale; None where it has none.
    """

    key: str
    title: str
    better: Literal["high", "low"]
    reference: bool
    how: str
    hit: bool = False
    top: float | None = 1.0


#: Every measure there is; the last one is not among the default ones, since its masked pictures are like no real ones.
MEASURES = (
    Measure(
        "pointing",
        "Pointing game",
        "high",
        reference=True,
        how="Does the strongest place lie inside the true mask?",
        hit=True,
    ),
    Measure(
        "energy", "Energy in mask", "high", reference=True, how="Share of the positive values inside the true mask."
    ),
    Measure(
        "insertion",
        "Insertion AUC",
        "high",
        reference=True,
        how="Mean probability of the class while the strongest places come back into a blurred picture.",
    ),
    Measure(
        "deletion",
        "Deletion AUC",
        "low",
        reference=True,
        how="Mean probability of the class while the strongest places turn gray.",
    ),
    Measure(
        "sensitivity",
        "Sensitivity",
        "low",
        reference=False,
        how="Largest relative change of the map when noise of 0.02 is added to the picture.",
        top=None,
    ),
    Measure(
        "randomization",
        "Random weights",
        "low",
        reference=False,
        how="Rank correlation with the map after weights are drawn anew: near 1, it hardly depends on what was learned.",
    ),
    Measure(
        "cost", "Cost, forwards", "low", reference=False, how="Computing time of one map, in forward passes.", top=None
    ),
    Measure(
        "drop",
        "Average drop",
        "low",
        reference=True,
        how="Share of the probability that is lost when only the places of the map are left in the picture.",
    ),
)
DEFAULT_MEASURES = MEASURES[:-1]


def measures_for(given: Iterable[str | Measure] | str | Measure | None) -> tuple[Measure, ...]:
    """Measures by key; by default all but the average drop.

    Raises
    ------
    EvaluationError
        If there is no measure of that key.
    """
    if given is None:
        return DEFAULT_MEASURES
    known = {measure.key: measure for measure in MEASURES}
    chosen = dict.fromkeys(
        each.key if isinstance(each, Measure) else str(each)
        for each in ([given] if isinstance(given, (str, Measure)) else given)
    )
    wrong = [key for key in chosen if key not in known]
    if wrong or not chosen:
        problem = f"There is no measure {wrong[0]!r}." if wrong else "The list of measures is empty."
        raise EvaluationError(f"{problem} {suggestion(wrong[0] if wrong else '', known)}")
    return tuple(known[key] for key in chosen)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Methods measured on scenes, as far as they are computed.

    Attributes
    ----------
    methods : tuple of str
        The rows. The last is "Random map", what chance gets.
    measures : tuple of Measure
        The columns.
    values : ndarray
        float64 (methods, measures, scenes); NaN where nothing is computed yet, or the measure does not apply.
    done, scenes : int
        How many scenes are finished, out of how many.
    names : tuple of str
        What the scenes show, one a scene; "" for those not reached yet.
    curves : ndarray
        float32 (methods, 2, scenes, points): insertion and deletion, over equal steps from 0 to 100 % of the pixels; NaN
        where not computed.
    peaks : ndarray
        float64 (methods, scenes, 2): row and column in picture pixels of each map's strongest place; NaN where it has none.
    maps : mapping
        (method, scene) -> float32 (h, w), the raw map at its own resolution.
    predictions : tuple of (str, float)
        What the network says of each scene, with its probability; ("", nan) for those not reached yet.
    seed : int
        Of everything random in it.
    """

    methods: tuple[str, ...]
    measures: tuple[Measure, ...]
    values: np.ndarray
    done: int
    scenes: int
    names: tuple[str, ...] = ()
    curves: np.ndarray = field(default_factory=lambda: np.zeros((0, 2, 0, 0), np.float32))
    peaks: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 2)))
    maps: Mapping[tuple[int, int], np.ndarray] = field(default_factory=dict)
    predictions: tuple[tuple[str, float], ...] = ()
    seed: int = 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.methods)

    def __repr__(self) -> str:
        rows, columns = len(self.methods), len(self.measures)
        return f"Ranking({rows} methods × {columns} measures, {self.done} of {self.scenes} scenes)"

    @cached_property
    def counts(self) -> np.ndarray:
        """On how many scenes each mean stands, int (methods, measures)."""
        return np.isfinite(self.values).sum(-1)

    @cached_property
    def mean(self) -> np.ndarray:
        """The mean over the scenes computed so far, float64 (methods, measures); NaN where there is none."""
        return _mean(self.values)

    @property
    def low(self) -> np.ndarray:
        """The lower ends of the 95 % intervals, float64 (methods, measures): Wilson's for hits, bootstrap for others."""
        return self._ends[0]

    @property
    def high(self) -> np.ndarray:
        """The upper ends of the 95 % intervals, like `low`."""
        return self._ends[1]

    def index(self, measure: str | Measure) -> int:
        """The column of a measure.

        Raises
        ------
        EvaluationError
            If this ranking has no such measure.
        """
        key = measure.key if isinstance(measure, Measure) else str(measure)
        keys = [each.key for each in self.measures]
        if key not in keys:
            raise EvaluationError(f"This ranking has no measure {key!r}. {suggestion(key, keys)}")
        return keys.index(key)

    def order(self, measure: str | Measure) -> tuple[str, ...]:
        """The methods from best to worst by their mean, without the random map; those not computed yet come last."""
        column = self.index(measure)
        sign = -1 if self.measures[column].better == "high" else 1
        rows = range(len(self.methods) - 1)
        place = {row: sign * self.mean[row, column] for row in rows}
        known = [row for row in rows if np.isfinite(place[row])]
        rest = [row for row in rows if row not in known]
        return tuple(self.methods[row] for row in [*sorted(known, key=place.__getitem__), *rest])

    def told_apart_from_random(self, measure: str | Measure) -> np.ndarray:
        """Which methods do better than chance, beyond what chance explains: bool (methods,).

        A share of hits is told apart when its interval lies beyond the chance level. For other measures the differences
        from the random map, scene by scene, are bootstrapped; it takes three scenes. Where a random map cannot be
        measured there is nothing to be told apart from, and every entry is True.
        """
        column = self.index(measure)
        about = self.measures[column]
        if not about.reference:
            return np.ones(len(self.methods), bool)
        sign = 1 if about.better == "high" else -1
        values, chance = sign * self.values[:, column], sign * self.values[-1, column]
        if about.hit:
            ends = self.low[:, column] if sign > 0 else -self.high[:, column]
            apart: np.ndarray = ends > _mean(np.where(np.isfinite(values), chance, np.nan))
        else:
            apart = bootstrap(values - chance)[0] > 0
        apart[-1] = False
        return apart

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = bootstrap(self.values)
        hits = [column for column, measure in enumerate(self.measures) if measure.hit]
        # Of the random map the exact chance is known, not a hit or a miss.
        low[:-1, hits], high[:-1, hits] = wilson(self.mean[:-1, hits], self.counts[:-1, hits])
        return low, high

    def _repr_html_(self) -> str:
        return table(self)


def _mean(values: np.ndarray) -> np.ndarray:
    given = np.isfinite(values)
    counts = given.sum(-1)
    return np.where(counts > 0, np.where(given, values, 0).sum(-1) / np.maximum(counts, 1), np.nan)
