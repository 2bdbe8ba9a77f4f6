"""What a network needs to see: parts of the picture are covered, and what falls was held up by them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np
from torch import Tensor

from ..engine.covers import Covers, Shape, segments, sliding
from ..engine.drilldown import Estimate
from ..engine.falls import Falls
from ..engine.images import ImageLike, to_uint8
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.occlusion_map import OcclusionMap, SampledError
from ..engine.perturbation import AnyFill, fill_of_each
from ..engine.place_fills import PlaceFill
from ..engine.steps import Step, Steps

#: So many partial maps of a picture are given at most.
_TOLD = 10


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
        If False, places are interpolated where the map comes out as expected from those around, and of many places distant effects
        are left out where they hardly matter; `error` of the result says by how much that is off, measured at some places.
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
    way = Falls.exactly if exact else partial(Falls.approximately, precision=precision, seed=seed)
    return Steps(_cover(network, fills, maps, way), len(covers) * len(asked))


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

    def map(self, index: int, estimate: Estimate, falls: Falls, *, last: bool = False) -> OcclusionMap:
        """Everything found so far, when one picture's falls have become more; `last`: no more will come."""
        self.clean[index] = falls.clean
        self.scores[index] = np.where(estimate.known, falls.clean - estimate.values, np.nan)
        self.notes |= dict.fromkeys([falls.exact.why_whole] if falls.exact.why_whole else [])
        if last and falls.error is not None:
            self.errors.append(falls.error)
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
    network: Network, fills: list[Tensor | PlaceFill], maps: _Maps, way: Callable[[Falls], Iterator[Estimate]]
) -> Generator[Step[OcclusionMap], None, None]:
    count, total = len(maps.covers), len(maps.covers) * len(maps.asked)
    for index, (picture, objective) in enumerate(maps.asked):
        falls = Falls(network, maps.images[picture : picture + 1], fills[picture], objective, maps.covers)
        told, estimate = 0, Estimate(np.zeros(count), np.zeros(count, bool))
        for estimate in way(falls):
            done = int(estimate.known.sum())
            if done < count and (not told or done - told >= count / _TOLD):
                told = done
                yield Step(index * count + done, total, maps.map(index, estimate, falls))
        yield Step((index + 1) * count, total, maps.map(index, estimate, falls, last=True))
