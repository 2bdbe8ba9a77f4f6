"""What occlusion finds: how much a score falls when a place is covered, place by place and pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .covers import Covers
from .results import Heatmap


@dataclass(frozen=True)
class SampledError:
    """How far approximate scores are from exact ones, at places chosen at random.

    Attributes
    ----------
    places : int
        How many were computed both ways.
    mean, largest : float
        Absolute difference in score.
    span : float
        Largest less smallest exact score of these places, and of the picture itself: what the difference compares with.
    """

    places: int
    mean: float
    largest: float
    span: float

    @classmethod
    def of_all(cls, several: Sequence[SampledError]) -> SampledError | None:
        """Several pictures' errors as one; None if there are none."""
        if not several:
            return None
        places = sum(each.places for each in several)
        mean = sum(each.mean * each.places for each in several) / max(places, 1)
        return cls(places, mean, max(each.largest for each in several), max(each.span for each in several))

    def __str__(self) -> str:
        share = self.mean / self.span if self.span else 0.0
        return (
            f"Off by {share:.1%} of the range on average, at most {self.largest:.3g}, measured at {self.places} places."
        )


@dataclass(frozen=True, eq=False, repr=False)
class OcclusionMap(Heatmap):
    """How much a score falls when a place is covered. `values` is (N, H, W): the mean over the covers of each pixel.

    Attributes
    ----------
    covers : Covers
        The places.
    scores : ndarray
        float32 (N, rows, columns): the score with each place covered; NaN where it is not computed (yet).
    clean : ndarray
        float32 (N,): the score of the picture as it is.
    error : SampledError or None
        Where the scores are approximate.
    """

    covers: Covers | None = None
    scores: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    clean: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    error: SampledError | None = None

    @property
    def drops(self) -> np.ndarray:
        """How much the score falls at each place, float32 (N, rows, columns)."""
        fallen: np.ndarray = self.clean[:, None, None] - self.scores
        return fallen
