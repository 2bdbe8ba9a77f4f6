"""How close synthesized pictures come to what their units answer to in real ones: recipes × channels × seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .curves import Curves
from .errors import EvaluationError, suggestion
from .intervals import bootstrap
from .perception import Backbone, Kind, perception_of
from .results import Gallery
from .study_grid import Variant
from .study_table import table


@dataclass(frozen=True, eq=False)
class RegularizationStudy:
    """Recipes compared by how far their pictures look from real ones, as far as they are computed.

    Attributes
    ----------
    layer : str
        Whose channels.
    channels : tuple of int
        The K channels.
    variants : tuple of Variant
        The V recipes; the first has no regularization.
    seeds : tuple of int
        The S seeds. Every recipe begins with the same ones, so that differences are paired.
    distances : ndarray
        float64 (V, K, S): from the picture to the references of its channel; NaN where it is not computed, or nothing came of it.
    scores : ndarray
        float64 (V, K, S): the response of the channel to the picture as it is.
    curves : ndarray
        float32 (V, K, S, P): the distance at P steps of the ascent.
    points : ndarray
        int64 (P,): these steps.
    pictures : mapping
        (variant, channel), both as places in this table -> uint8 (S, h, w, 3).
    references : tuple of ndarray
        For each channel its references, uint8 (R, h, w, 3).
    reference_scores : ndarray
        float64 (K,): the mean response of each channel to its references. A picture that excites it less shows nothing of it.
    gray, among : ndarray
        float64 (K,), to compare with: the distance of a plain gray picture, and the mean distance of a reference to the others of its
        channel (NaN where there is one only), which is as close as real ones come.
    measure : str
        What was measured, by which network.
    done, total : int
        How many cells (a recipe on a channel, all seeds) are computed, out of how many.
    notes : tuple of str
        Facts about it, for a caption.
    """

    layer: str
    channels: tuple[int, ...]
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    distances: np.ndarray
    scores: np.ndarray
    curves: np.ndarray
    points: np.ndarray
    pictures: Mapping[tuple[int, int], np.ndarray]
    references: tuple[np.ndarray, ...]
    reference_scores: np.ndarray
    gray: np.ndarray
    among: np.ndarray
    measure: str
    done: int
    total: int
    notes: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.distances, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.variants)

    def __repr__(self) -> str:
        rows, columns, seeds = self.distances.shape
        return f"RegularizationStudy({rows} recipes × {columns} channels × {seeds} seeds, {self.done} of {self.total} cells)"

    @cached_property
    def improvement(self) -> np.ndarray:
        """How much closer than without regularization, in %, paired by channel and seed: float64 (V, K, S)."""
        bare = self.distances[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            found: np.ndarray = np.where(bare > 0, 100 * (bare - self.distances) / bare, np.nan)
        return found

    @cached_property
    def by_channel(self) -> np.ndarray:
        """The improvement in %, mean over seeds: float64 (V, K)."""
        return mean(self.improvement)

    @cached_property
    def mean(self) -> np.ndarray:
        """The improvement in %, mean over channels: float64 (V,)."""
        return mean(self.by_channel)

    @property
    def low(self) -> np.ndarray:
        """Lower ends of the 95 % intervals of `mean`, float64 (V,): bootstrap over channels, or over seeds where channels are few."""
        return self._ends[0]

    @property
    def high(self) -> np.ndarray:
        """Upper ends, like `low`."""
        return self._ends[1]

    @cached_property
    def response(self) -> np.ndarray:
        """How many times as much a recipe's pictures excite a channel as its references do, float64 (V, K), mean over seeds.

        NaN where the references do not excite it.
        """
        real = self.reference_scores
        with np.errstate(divide="ignore", invalid="ignore"):
            found: np.ndarray = np.where(real > 0, mean(self.scores) / real, np.nan)
        return found

    @cached_property
    def faint(self) -> np.ndarray:
        """Recipes whose pictures excite most channels less than their references do, bool (V,): however close, they show nothing."""
        scores = mean(self.scores)
        known = np.isfinite(scores)
        less: np.ndarray = (known & (scores < self.reference_scores)).sum(1) * 2 > known.sum(1)
        return less

    @property
    def families(self) -> tuple[str, ...]:
        """What was changed, in order, "none" first."""
        return tuple(dict.fromkeys(variant.family for variant in self.variants))

    def rows(self, family: str) -> list[int]:
        """The recipes that change one thing, in the order of their values.

        Raises
        ------
        EvaluationError
            If the study has none.
        """
        if family not in self.families:
            raise EvaluationError(f"This study has no {family!r}. {suggestion(family, self.families)}")
        return [row for row, variant in enumerate(self.variants) if variant.family == family]

    def best(self, family: str) -> int:
        """The recipe of a family that comes closest on average, as a row; its first where none is computed.

        One that is not `faint`, if there is any: an empty picture can be close to a plain reference.
        """
        rows = self.rows(family)
        known = [row for row in rows if np.isfinite(self.mean[row])]
        told = [row for row in known if not self.faint[row]] or known
        return max(told, key=lambda row: self.mean[row]) if told else rows[0]

    def order(self) -> tuple[str, ...]:
        """The families from closest to farthest, each with its best value; those not computed yet are left out."""
        known = [each for each in self.families if np.isfinite(self.mean[self.best(each)])]
        return tuple(sorted(known, key=lambda each: -self.mean[self.best(each)]))

    def recommended(self, family: str) -> tuple[float, float] | None:
        """From which value to which a family does about as well as it can; None where it has no values, or never helps.

        The best value and its neighbors, as long as they are closer than no regularization, not `faint`, and not told apart from the
        best: the interval of the paired differences holds 0.
        """
        rows = [
            row for row in self.rows(family) if self.variants[row].value is not None and np.isfinite(self.mean[row])
        ]
        if not rows:
            return None
        best = self.best(family)
        if self.mean[best] <= 0 or self.faint[best]:
            return None
        place = rows.index(best)
        first = last = place
        while first > 0 and self._as_good(rows[first - 1], best):
            first -= 1
        while last < len(rows) - 1 and self._as_good(rows[last + 1], best):
            last += 1
        ends = sorted(float(self.variants[rows[end]].value or 0) for end in (first, last))
        return ends[0], ends[1]

    def curve(self, channel: int | None = None, families: Sequence[str] | None = None) -> Curves:
        """How the pictures come closer on the way, in % of how far the noise lies that they begin with.

        Parameters
        ----------
        channel
            Of one channel; by default the mean of all.
        families
            Which, each at its best value; by default the three that come closest, and no regularization.
        """
        chosen = families or [*[each for each in self.order() if each != self.families[0]][:3], self.families[0]]
        rows = [self.best(each) for each in chosen]
        columns = list(range(len(self.channels))) if channel is None else [self.column(channel)]
        noise = self.curves[0, columns, :, :1]
        closer = 100 * (noise - self.curves[rows][:, columns]) / noise
        values = mean(np.moveaxis(closer.reshape(len(rows), -1, len(self.points)), 1, -1)).astype(np.float32)
        names = tuple(self.variants[row].title for row in rows)
        about = f"{self.layer}:{channel}" if channel is not None else f"{len(self.channels)} channels of {self.layer}"
        title, label = f"On the way, {about}", "closer than the noise it began with, %"
        return Curves(values, self.points.astype(np.float64), names, title, "step", label, notes=(self.measure,))

    def sweep(self, family: str) -> Curves:
        """The improvement in % over the values of a family, one curve a channel.

        Raises
        ------
        EvaluationError
            If the study has no such family, or it has no values.
        """
        rows = self.rows(family)
        values = [self.variants[row].value for row in rows]
        if None in values:
            raise EvaluationError(f"{self.variants[rows[0]].title} has no values to run over.")
        names = tuple(f"{self.layer}:{channel}" for channel in self.channels)
        written = tuple(self.variants[row].title for row in rows)
        improved = self.by_channel[rows].T.astype(np.float32)
        places = np.arange(len(rows), dtype=np.float64)
        title = f"Closer than without regularization, {family}"
        return Curves(improved, places, names, title, family, "improvement, %", written)

    def gallery(self, channel: int | None = None, seed: int = 0) -> Gallery:
        """The pictures of one channel (or of all) with one seed, by its place: a color picture for each recipe."""
        columns = range(len(self.channels)) if channel is None else [self.column(channel)]
        places = [
            (row, column) for column in columns for row in range(len(self.variants)) if (row, column) in self.pictures
        ]
        if not places:
            raise EvaluationError("No picture is computed yet.")
        tiles = np.stack([self.pictures[place][seed] for place in places]).astype(np.float32) / 255 - 0.5
        names = tuple(f"{self.layer}:{self.channels[column]}, {self.variants[row].title}" for row, column in places)
        return Gallery(np.moveaxis(tiles, -1, 0), names, "Synthesized pictures", rgb=True)

    def judged_by(self, backbone: Backbone, kind: Kind | None = None) -> RegularizationStudy:
        """The same pictures, their distances by the eyes of another network: nothing is climbed again.

        A network that painted a picture is no fair judge of it.

        Parameters
        ----------
        backbone, kind
            As `perceptual_distance` takes them.

        Returns
        -------
        RegularizationStudy
            With distances of the pictures in 8 bits. Those on the way were not kept, so that `curves` has its last point only.

        Raises
        ------
        ModelError
            If the backbone is none, or "lpips" cannot be had.
        ImageError
            If it does not take pictures of this size.
        """
        perception = perception_of(backbone, kind)
        kept = [perception.reference(list(each)) for each in self.references]
        distances = np.full_like(self.distances, np.nan)
        for (row, column), pictures in self.pictures.items():
            distances[row, column] = [float(kept[column].distances(perception.read(each)).mean()) for each in pictures]
        distances[np.isnan(self.distances)] = np.nan  # nothing came of it
        curves = np.full_like(self.curves, np.nan)
        curves[..., -1] = distances
        return replace(
            self,
            distances=distances,
            curves=curves,
            gray=np.array([each.gray() for each in kept]),
            among=np.array([each.among() for each in kept]),
            measure=perception.measure,
            notes=(*self.notes[:1], *perception.notes),  # the first says how they were climbed
        )

    def column(self, channel: int) -> int:
        """Where a channel stands.

        Raises
        ------
        EvaluationError
            If the study has no such channel.
        """
        if channel not in self.channels:
            raise EvaluationError(f"This study has no channel {channel} of {self.layer}; it has {self.channels}.")
        return self.channels.index(channel)

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        return interval(self.improvement)

    def _as_good(self, row: int, best: int) -> bool:
        """Whether a recipe helps, shows something, and is not told apart from the best."""
        _, high = interval((self.improvement[row] - self.improvement[best])[None])
        return bool(self.mean[row] > 0 and not self.faint[row] and (high[0] >= 0 or not np.isfinite(high[0])))

    def _repr_html_(self) -> str:
        return table(self)


def mean(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is known; NaN where nothing is."""
    given = np.isfinite(values)
    counts = given.sum(-1)
    return np.where(counts > 0, np.where(given, values, 0).sum(-1) / np.maximum(counts, 1), np.nan)


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of the mean of (V, K, S): over channels, each the mean of its seeds; of fewer than three channels, over seeds.

    What is asked is how it does on another channel, so that seeds of one channel count as one; where channels are few, it is only how
    it does with other seeds.
    """
    channels = mean(values)
    if channels.shape[-1] >= 3:
        return bootstrap(channels)
    return bootstrap(mean(np.moveaxis(values, -2, -1)))
