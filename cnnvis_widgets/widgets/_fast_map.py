"""A map that is computed faster than exactly: distant effects and places where nothing moves are left out, and that is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ._covering import Said

if TYPE_CHECKING:
    from ._cover_maps import CoverMap
    from ._covering import Subject

#: Classes by which it is told whether an effect was followed far enough.
_LEADING = 5


def fast(found: CoverMap, subject: Subject, target: int) -> Iterator[None]:
    """Compute what is missing, a batch at a time, for a class in the first place; it can be left at any batch and taken up again.

    The same steps as of `occlusion(…, exact=False)`: a coarse grid exactly, the shortest way that says about the same there, finer
    places where they are not what was expected, and an exact sample.
    """
    first = found.first
    if not found.known[first].all():
        yield from _each(found.tried(subject, first[~found.known[first]], 1.0), found)
        return  # a map that this one is compared with comes next
    if not found.limit:
        yield from _choose(found, subject)
    if not found.known.all():
        yield from _drill(found, subject, target)
    if not found.sampled:
        yield from _measure(found, subject)


def _each(answers: Iterator[Said], found: CoverMap) -> Iterator[None]:
    for said in answers:
        found.take(said)
        found.computed[said.places] = True
        yield


def _choose(found: CoverMap, subject: Subject) -> Iterator[None]:
    """How far covers' effects are followed: the shortest way that says about the same of some places."""
    from ..engine.falls import ENOUGH, LIMITS, WORTH_TRYING

    if subject.why_whole or len(found.best) < WORTH_TRYING:
        found.limit = 1.0
        return
    places = found.first[::2]
    leading = np.argsort(-subject.probabilities, kind="stable")[:_LEADING]
    exact = found.logits[np.ix_(places, leading)]
    for limit in LIMITS:
        off = np.zeros_like(exact)
        for said in found.tried(subject, places, limit):
            row = np.searchsorted(places, said.places)
            off[row] = said.logits[:, leading] - exact[row]
            yield
        if float(np.sqrt(np.mean(off**2))) <= ENOUGH * float(np.sqrt(exact.var(0).mean())):
            found.limit = limit
            return
    found.limit = 1.0


def _drill(found: CoverMap, subject: Subject, target: int) -> Iterator[None]:
    from ..engine.drilldown import Estimate, drill_down

    covers = found.covers
    if not covers.is_lattice or min(covers.grid) <= 2:
        for _ in found.ask(subject, np.flatnonzero(~found.known)):
            yield
        return

    def ask(places: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for said in found.ask(subject, places):
            yield said.places, said.probabilities[:, target].astype(float)

    known = Estimate(found.probabilities[:, target].astype(float), found.known.copy())
    for _ in drill_down(covers, ask, known):
        yield
    _fill_between(found)


def _fill_between(found: CoverMap) -> None:
    """Places that were not asked about take what lies between those that were."""
    from ..engine.interpolation import smoothest

    places = np.flatnonzero(~found.known)
    if not len(places):
        return

    def between(table: np.ndarray) -> np.ndarray:
        known = np.where(found.known[:, None], table, np.nan)
        return smoothest(known.reshape(*found.covers.grid, -1)).reshape(table.shape)[places].astype(np.float32)

    found.take(Said(places, between(found.logits), between(found.probabilities).clip(0, 1)))


def _measure(found: CoverMap, subject: Subject) -> Iterator[None]:
    from ..engine.falls import SAMPLED

    count = min(SAMPLED, len(found.best))
    places = np.sort(np.random.default_rng(0).choice(len(found.best), count, replace=False))
    exact: dict[int, np.ndarray] = {}
    for said in found.tried(subject, places, 1.0):
        exact |= dict(zip(said.places.tolist(), said.probabilities, strict=True))
        if len(exact) == count:
            found.sampled = exact
        yield
