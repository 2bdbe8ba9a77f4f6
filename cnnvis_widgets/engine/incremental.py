"""Asking a network about one picture again and again, with something else lying over it each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from .covers import Covers, covered
from .gradients import fitting_batch
from .network import Network
from .objectives import Objective
from .trace import Trace


class Answer(NamedTuple):
    """What the network says with each of some places covered: `scores` has one (B,) for each objective."""

    places: np.ndarray
    trace: Trace
    scores: tuple[Tensor, ...]


class Incremental:
    """One picture, asked about with parts of it covered.

    Parameters
    ----------
    network
        The network.
    image
        (1, C, H, W) float in [0, 1].
    objectives
        What is asked.
    precision
        "float32", or "bfloat16" where a small error will do.
    """

    def __init__(
        self, network: Network, image: Tensor, objectives: Sequence[Objective], *, precision: str = "float32"
    ) -> None:
        self.network, self.image, self.objectives, self.precision = network, image, tuple(objectives), precision
        self.trace, self.clean = network.ask(image, *self.objectives)
        #: Why every picture is computed whole; "" where only what a cover reaches is.
        self.why_whole = "not incremental yet"

    def answers(self, covers: Covers, fill: Tensor, places: np.ndarray | None = None) -> Iterator[Answer]:
        """Cover each of some places (all by default) by the fill (1, C, H, W); in batches, in an order of their own."""
        chosen = np.arange(len(covers)) if places is None else np.asarray(places)
        batch = fitting_batch(self.image, 16)
        for start in range(0, len(chosen), batch):
            part = chosen[start : start + batch]
            trace, scores = self.network.ask(covered(self.image, fill, covers, part), *self.objectives)
            yield Answer(part, trace, scores)
