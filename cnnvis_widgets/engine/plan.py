"""Which places are computed together: as much alike, and as many, as is cheapest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .regions import Reach

#: Pixels from one position to the next in the coarsest maps that are common.
COARSEST = 32
#: Sizes of small batches; from so many places on, waste counts more than the number of sizes.
_SIZES = (1, 2, 4, 8, 16, 32, 64)
MANY = 96


class Kind(NamedTuple):
    """Places that are computed alike.

    Attributes
    ----------
    extents : dict
        Rows and columns of each map that are computed.
    switch : int
        From this operation on, whole maps are cheaper.
    most : int
        So many are computed together at most.
    """

    extents: dict[str, tuple[int, int]]
    switch: int
    most: int


class Batch(NamedTuple):
    """Places that are computed together; those after the first `own` only make up the number."""

    places: np.ndarray
    own: int
    kind: Kind


class Grouping(NamedTuple):
    """Places put into groups: multiply-adds a place, how many times what each needs by itself, and the group of each, (P,)."""

    work: float
    waste: float
    label: np.ndarray


class Plan(NamedTuple):
    """How covers are computed: what each place reaches in each map, how it lies to coarse maps, and which kind it is of."""

    reach: dict[str, Reach]
    alignment: np.ndarray
    label: np.ndarray
    kinds: list[Kind]

    def batches(self, places: np.ndarray) -> list[Batch]:
        """Put places together that are of one kind, those that come first in batches that come first.

        Every batch of another size costs time of its own, as the processor's convolutions are made for each size. So the batches
        of a kind are about equally large; and few places, which are others each time, are made up to one of few numbers.
        """
        made = []
        for number, kind in enumerate(self.kinds):
            order = np.flatnonzero(self.label[places] == number)
            if not len(order):
                continue
            for part in np.array_split(order, -(-len(order) // kind.most)):
                size = len(part)
                if len(places) <= MANY:
                    size = min(next(each for each in _SIZES if each >= size), kind.most)
                some = places[part]
                some = some[np.argsort(self.alignment[some], kind="stable")]  # so that neighbors are laid together
                made.append((part.mean(), Batch(np.pad(some, (0, size - len(some)), mode="edge"), len(some), kind)))
        return [batch for _, batch in sorted(made, key=lambda each: each[0])]


class Classes:
    """Extents of the same thing that cost about the same, put together.

    Parameters
    ----------
    costs
        (K,), rising: of each different extent.
    counts
        (K,): how often there is each.
    which
        (P,): the extent of each place.
    """

    def __init__(self, costs: np.ndarray, counts: np.ndarray, which: np.ndarray) -> None:
        self.costs, self.counts, self.which = costs, counts, which

    @classmethod
    def of(cls, extents: np.ndarray, work: np.ndarray) -> Classes:
        """From extents (operations, P) and what one row, or column, of each operation costs."""
        costs, which = np.unique((work[:, None] * extents).sum(0), return_inverse=True)
        return cls(costs, np.bincount(which), which)

    def labels(self, count: int) -> np.ndarray:
        """Which of at most `count` classes each place is in, (P,), so that the least is lost if all cost as much as the dearest."""
        size = len(self.costs)
        if size <= count:
            return self.which
        ahead = np.concatenate([[0], np.cumsum(self.counts)])
        best = self.costs * ahead[1:]  # of the first extents in one class
        cuts = []
        for _ in range(count - 1):
            # total[i, j]: extents before i in the classes so far, i … j in one more
            total = np.concatenate([[0.0], best])[:size, None] + self.costs * (ahead[1:] - ahead[:size, None])
            total[np.tril_indices(size, -1)] = np.inf
            cuts.append(total.argmin(0))
            best = total.min(0)
        label, end = np.zeros(size, np.int64), size - 1
        for index, cut_ in reversed(list(enumerate(cuts, 1))):
            start = cut_[end]
            label[start : end + 1] = index
            end = start - 1
            if end < 0:
                break
        found: np.ndarray = label[self.which]
        return found
