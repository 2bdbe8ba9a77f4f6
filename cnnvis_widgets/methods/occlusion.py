"""What a network needs to see: parts of the picture are covered, and what falls was held up by them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Literal

import numpy as np
from torch import Tensor

from ..engine.covers import Covers, Shape, segments, sliding
from ..engine.drilldown import Estimate, drill_down
from ..engine.images import ImageLike, to_uint8
from ..engine.incremental import Incremental
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.occlusion_map import OcclusionMap, SampledError
from ..engine.perturbation import AnyFill, fill_of_each
from ..engine.place_fills import PlaceFill
from ..engine.steps import Step, Steps

#: How far, as a share of a map's rows and columns, a cover's effect is followed if that is not exact: the first that will do.
LIMITS = (0.7, 0.85)
#: It will do if it is off by no more than this share of the falls' standard deviation.
_ENOUGH = 0.1
#: So many partial maps of a picture are given at most.
_TOLD = 20
#: So many places are computed exactly to tell how far off approximate ones are.
_SAMPLED = 8


def occlusion(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    window: int | tuple[int, int] = 32,
    stride: int | tuple[int, int] = 16,
    fill: AnyFill = "gray",
    shape: Shape = "square",
    regions: np.ndarray | None = None,
    exact: bool = True,
    precision: Literal["float32", "bfloat16"] = "float32",
    seed: int = 0,
) -> Steps[OcclusionMap]:
    """Occlusion sensitivity: how much a score falls when a window covers each part of a picture.

    Only what a window reaches is computed anew, layer by layer; the scores are those of whole pictures, up to rounding.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture. A class stands for
        its score before the softmax; for the fall in probability give `class_probability(…)`.
    window
        Height and width of the window in pixels, or its side.
    stride
        Pixels from one place to the next, down and across, or one number for both.
    fill
        What the window shows: "gray", "mean", "black", "white", "blur", "noise", a color "#rrggbb", a picture as an array,
        `patch_fill(…)`, or "inpaint".
    shape
        "square", "circle", or a mask (h, w), which is the window then.
    regions
        int (H, W): segments to cover in place of windows, such as `superpixels(…)`.
    exact
        If False, distant effects of a window are left out where they hardly matter, and places are interpolated where the map
        hardly moves; `error` of the result says by how much that is off, measured at some places.
    precision
        "bfloat16" where a small error will do: only with `exact=False`.
    seed
        Of the noise, and of the places where the error is measured.

    Returns
    -------
    Steps of OcclusionMap
        `values` (N, H, W), signed: the mean fall of the score over the windows that cover a pixel. The first partial result is a
        whole coarse map, refined in place.

    Raises
    ------
    ImageError
        If the window, stride, shape or fill is none.
    TargetError
        If there is no such class.

    References
    ----------
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2. Nakandala et al.,
    "Incremental and Approximate Inference for Faster Occlusion-based Deep CNN Explanations", SIGMOD 2019.
    """
    _check(precision, exact=exact)
    images = network.read(images)
    size = (images.shape[2], images.shape[3])
    covers = sliding(size, window, stride, shape) if regions is None else segments(regions, size)
    asked = one_by_one(target, network, images)
    fills = fill_of_each(images, fill, seed=seed)
    maps = _Maps(images, covers, asked)
    way = _exactly if exact else _approximately
    return Steps(_cover(network, fills, maps, way, precision, seed), len(covers) * len(asked))


def _check(precision: str, *, exact: bool) -> None:
    if precision not in ("float32", "bfloat16"):
        msg = f"There is no precision {precision!r} here: choose 'float32', or 'bfloat16' with exact=False."
        raise ValueError(msg)
    if exact and precision != "float32":
        msg = f"{precision} is not exact: give exact=False with it, and the result says how far off it is."
        raise ValueError(msg)


class _Maps:
    """The scores of all pictures as far as they are known, and the maps made of them."""

    def __init__(self, images: Tensor, covers: Covers, asked: list[tuple[int, Objective]]) -> None:
        self.images, self.covers, self.asked = images, covers, asked
        self.clean = np.zeros(len(asked), np.float32)
        self.scores = np.full((len(asked), len(covers)), np.nan, np.float32)
        self.errors: list[SampledError] = []
        self.notes: dict[str, None] = {}
        self._values = np.zeros((len(asked), *covers.size), np.float32)
        self._shown = to_uint8(images.detach())[[picture for picture, _ in asked]]

    def map(self, index: int, estimate: Estimate, clean: float) -> OcclusionMap:
        """Everything found so far, when one row has become more."""
        self.clean[index] = clean
        self.scores[index] = np.where(estimate.known, clean - estimate.values, np.nan)
        self._values[index] = _averaged(self.covers, estimate)
        return OcclusionMap(
            self._values.copy(),
            self._shown,
            "Occlusion",
            targets=tuple(objective.name for _, objective in self.asked),
            notes=tuple(self.notes),
            covers=self.covers,
            scores=self.scores.reshape(len(self.asked), *self.covers.grid).copy(),
            clean=self.clean.copy(),
            error=SampledError.of_all(self.errors),
        )


def _averaged(covers: Covers, estimate: Estimate) -> np.ndarray:
    """The mean fall at each pixel; NaN under windows whose score is no number."""
    broken = estimate.known & ~np.isfinite(estimate.values)
    values = covers.average(np.where(broken, 0, estimate.values))
    for place in np.flatnonzero(broken):
        values[covers.outline(int(place))] = np.nan
    return values


def _cover(
    network: Network, fills: list[Tensor | PlaceFill], maps: _Maps, way: object, precision: str, seed: int
) -> Generator[Step[OcclusionMap], None, None]:
    count = len(maps.covers)
    for index, (picture, objective) in enumerate(maps.asked):
        asking = _Asking(network, maps.images[picture : picture + 1], fills[picture], objective, maps.covers)
        if asking.exact.why_whole:
            maps.notes[asking.exact.why_whole] = None
        told, estimate = 0, Estimate(np.zeros(count), np.zeros(count, bool))
        for estimate in way(asking, precision, seed):  # type: ignore[operator]
            done = int(estimate.known.sum())
            if done < count and (not told or done - told >= count / _TOLD):
                told = done
                yield Step(index * count + done, count * len(maps.asked), maps.map(index, estimate, asking.clean))
        if way is _approximately:
            maps.errors.append(asking.error)
        yield Step((index + 1) * count, count * len(maps.asked), maps.map(index, estimate, asking.clean))


class _Asking:
    """One picture and one objective: how much its score falls at places."""

    def __init__(
        self, network: Network, image: Tensor, fill: Tensor | PlaceFill, objective: Objective, covers: Covers
    ) -> None:
        self.network, self.image, self.fill, self.objective, self.covers = network, image, fill, objective, covers
        self.exact = Incremental(network, image, [objective])
        self.clean = float(self.exact.clean[0])
        self.error = SampledError(0, 0.0, 0.0, 0.0)

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


def _exactly(asking: _Asking, _precision: str, _seed: int) -> Iterator[Estimate]:
    values, known = np.full(len(asking.covers), np.nan), np.zeros(len(asking.covers), bool)
    first, *others = asking.covers.levels()
    for places in (first, np.concatenate(others)) if others else (first,):
        for some, falls in asking.falls(asking.exact, places):
            values[some], known[some] = falls, True
            if known[first].all():  # the first map is a whole one
                yield Estimate(np.where(known, values, asking.covers.completed(values)), known)


def _approximately(asking: _Asking, precision: str, seed: int) -> Iterator[Estimate]:
    covers = asking.covers
    values, known = np.full(len(covers), np.nan), np.zeros(len(covers), bool)
    first = covers.levels()[0]
    fast = asking.exact if precision == "float32" else asking.less_exact(precision, 1.0)
    values[first], known[first] = asking.all_falls(fast, first), True
    yield Estimate(covers.completed(values), known)
    fast = _shortened(asking, precision, fast, first[::2], values[first[::2]])
    estimate = Estimate(values, known)
    if covers.is_lattice and min(covers.grid) > 2:
        for estimate in drill_down(covers, lambda places: asking.falls(fast, places), Estimate(values, known)):
            yield Estimate(covers.completed(np.where(estimate.known, estimate.values, np.nan)), estimate.known)
    else:
        for places, falls in asking.falls(fast, np.flatnonzero(~known)):
            values[places], known[places] = falls, True
            yield Estimate(covers.completed(values), known)
    estimate = replace_known(estimate, values, known)
    asking.error = _measured(asking, estimate.values, seed)
    yield estimate


def replace_known(estimate: Estimate, values: np.ndarray, known: np.ndarray) -> Estimate:
    """The estimate that is there; what was asked one after the other where nothing was drilled into."""
    return estimate if np.isfinite(estimate.values).all() else Estimate(values, known)


def _shortened(
    asking: _Asking, precision: str, fast: Incremental, places: np.ndarray, falls: np.ndarray
) -> Incremental:
    """The cheapest way of asking that says about the same of some places."""
    if fast.why_whole:
        return fast
    for limit in LIMITS:
        shorter = asking.less_exact(precision, limit)
        off = asking.all_falls(shorter, places) - falls
        if float(np.sqrt(np.mean(off**2))) <= _ENOUGH * float(falls.std()):
            return shorter
    return fast


def _measured(asking: _Asking, values: np.ndarray, seed: int) -> SampledError:
    """How far the falls are off, at places chosen at random."""
    count = min(_SAMPLED, len(values))
    places = np.sort(np.random.default_rng(seed).choice(len(values), count, replace=False))
    true = asking.all_falls(asking.exact, places)
    off = np.abs(values[places] - true)
    span = float(max(true.max(), 0) - min(true.min(), 0))
    return SampledError(count, float(off.mean()), float(off.max()), span)
