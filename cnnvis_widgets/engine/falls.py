"""How much a score falls when places are covered, exactly or approximately."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from .covers import Covers
from .drilldown import Estimate, drill_down
from .incremental import Incremental
from .network import Network
from .objectives import Objective
from .occlusion_map import SampledError
from .place_fills import PlaceFill

#: How far, as a share of a map's rows and columns, a cover's effect is followed if that is not exact: the first that will do.
LIMITS = (0.7, 0.85)
#: It will do if it is off by no more than this share of the falls' standard deviation.
ENOUGH = 0.1
#: For fewer places, finding that out takes as long as is gained.
WORTH_TRYING = 1000
#: For fewer places, leaving some out gains nothing either, but with the exact way of asking.
_WORTH_LEAVING_OUT = 300
#: So many places are computed exactly to tell how far off approximate ones are.
SAMPLED = 8


class Falls:
    """One picture and one objective: how much the score falls at each of some places.

    Parameters
    ----------
    network, image, fill, objective, covers
        What is asked: (1, C, H, W) in [0, 1], a fill as `fill_of_each` gives them.

    Attributes
    ----------
    exact : Incremental
        The exact way of asking.
    clean : float
        The score of the picture as it is.
    error : SampledError or None
        How far off the falls are, after `approximately`.
    """

    def __init__(
        self, network: Network, image: Tensor, fill: Tensor | PlaceFill, objective: Objective, covers: Covers
    ) -> None:
        self.network, self.image, self.fill, self.objective, self.covers = network, image, fill, objective, covers
        self.exact = Incremental(network, image, [objective])
        self.clean = float(self.exact.clean[0])
        self.error: SampledError | None = None

    def falls(self, asking: Incremental, places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(places, falls) until all are answered; the fall is from what the same way of asking says of the picture itself."""
        base = asking.base[0] if asking is not self.exact else asking.clean[0]
        for answer in asking.answers(self.covers, self.fill, places):
            yield answer.places, (base - answer.scores[0]).detach().double().cpu().numpy()

    def all_falls(self, asking: Incremental, places: np.ndarray) -> np.ndarray:
        """The falls of some places, in their order."""
        found = np.full(len(self.covers), np.nan)
        for some, values in self.falls(asking, places):
            found[some] = values
        return found[places]

    def less_exact(self, precision: str, limit: float) -> Incremental:
        """The same question, asked with less."""
        known = self.exact.trace, self.exact.clean
        return Incremental(self.network, self.image, [self.objective], precision=precision, limit=limit, known=known)

    def exactly(self) -> Iterator[Estimate]:
        """From coarse to fine, every place."""
        values, known = np.full(len(self.covers), np.nan), np.zeros(len(self.covers), bool)
        first, *others = self.covers.levels()
        for places in (first, np.concatenate(others)) if others else (first,):
            for some, falls in self.falls(self.exact, places):
                values[some], known[some] = falls, True
                if known[first].all():  # the first map is a whole one
                    yield Estimate(np.where(known, values, self.covers.completed(values)), known)

    def approximately(self, precision: str = "float32", seed: int = 0) -> Iterator[Estimate]:
        """From coarse to fine, with what may be left out left out; then `error` is known."""
        covers = self.covers
        values, known = np.full(len(covers), np.nan), np.zeros(len(covers), bool)
        first = covers.levels()[0]
        fast = self.exact if precision == "float32" else self.less_exact(precision, 1.0)
        values[first], known[first] = self.all_falls(fast, first), True
        yield Estimate(covers.completed(values), known)
        fast = self._shortened(precision, fast, first[::2], values[first[::2]])
        drills = covers.is_lattice and min(covers.grid) > 2
        if drills and (len(covers) >= _WORTH_LEAVING_OUT or fast is self.exact):
            parts = drill_down(covers, lambda some: self.falls(fast, some), Estimate(values, known))
        else:
            parts = self._one_after_the_other(fast, Estimate(values, known))
        for part in parts:
            expected = covers.completed(np.where(np.isfinite(part.values), part.values, np.nan))
            estimate = Estimate(np.where(part.known, part.values, expected), part.known)
            yield estimate
        self.error = self._measured(estimate.values, seed)

    def _one_after_the_other(self, fast: Incremental, estimate: Estimate) -> Iterator[Estimate]:
        values, known = estimate
        for places, falls in self.falls(fast, np.flatnonzero(~known)):
            values[places], known[places] = falls, True
            yield estimate
        yield estimate

    def _shortened(self, precision: str, fast: Incremental, places: np.ndarray, falls: np.ndarray) -> Incremental:
        """The cheapest way of asking that says about the same of some places."""
        if fast.why_whole or len(self.covers) < WORTH_TRYING:
            return fast
        for limit in LIMITS:
            shorter = self.less_exact(precision, limit)
            off = self.all_falls(shorter, places) - falls
            if float(np.sqrt(np.mean(off**2))) <= ENOUGH * float(falls.std()):
                return shorter
        return fast

    def _measured(self, values: np.ndarray, seed: int) -> SampledError:
        """How far the falls are off, at places chosen at random."""
        count = min(SAMPLED, len(values))
        places = np.sort(np.random.default_rng(seed).choice(len(values), count, replace=False))
        true = self.all_falls(self.exact, places)
        off = np.abs(values[places] - true)
        span = float(max(true.max(), 0) - min(true.min(), 0))
        return SampledError(count, float(off.mean()), float(off.max()), span)
