"""What a network needs to see: parts of the picture are covered, and what falls was held up by them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

import numpy as np
from torch import Tensor

from ..engine.covers import Covers, Shape, segments, sliding
from ..engine.images import ImageLike, to_uint8
from ..engine.incremental import Incremental
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.occlusion_map import OcclusionMap
from ..engine.perturbation import Fill, filled
from ..engine.steps import Step, Steps


def occlusion(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    window: int | tuple[int, int] = 32,
    stride: int | tuple[int, int] = 16,
    fill: Fill = "gray",
    shape: Shape = "square",
    regions: np.ndarray | None = None,
    exact: bool = True,
    precision: Literal["float32", "bfloat16"] = "float32",
    seed: int = 0,
) -> Steps[OcclusionMap]:
    """Occlusion sensitivity: how much a score falls when a window covers each part of a picture.

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
        What the window shows, as for `cnnvis_widgets.engine.perturbation.filled`.
    shape
        "square", "circle", or a mask (h, w), which is the window then.
    regions
        int (H, W): segments to cover in place of windows, such as superpixels.
    exact
        If False, places where the map hardly moves are interpolated and distant effects of a window left out; the result
        says by how much that is off.
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
    images = network.read(images)
    size = (images.shape[2], images.shape[3])
    covers = sliding(size, window, stride, shape) if regions is None else segments(regions)
    asked = one_by_one(target, network, images)
    fills = filled(images, fill, seed=seed)
    return Steps(_cover(network, images, fills, asked, covers), len(covers) * len(asked))


def _cover(
    network: Network, images: Tensor, fills: Tensor, asked: list[tuple[int, Objective]], covers: Covers
) -> Generator[Step[OcclusionMap], None, None]:
    scores = np.full((len(asked), len(covers)), np.nan, np.float32)
    clean = np.zeros(len(asked), np.float32)
    done = 0
    for index, (picture, objective) in enumerate(asked):
        asking = Incremental(network, images[picture : picture + 1], [objective])
        clean[index] = float(asking.clean[0])
        for level in covers.levels():
            for answer in asking.answers(covers, fills[picture : picture + 1], level):
                scores[index, answer.places] = answer.scores[0].detach().float().cpu().numpy()
                done += len(answer.places)
                yield Step(done, scores.size, _result(images, asked, covers, scores, clean))


def _result(
    images: Tensor, asked: list[tuple[int, Objective]], covers: Covers, scores: np.ndarray, clean: np.ndarray
) -> OcclusionMap:
    fallen = [covers.average(covers.completed(one - row)) for one, row in zip(clean, scores, strict=True)]
    shown = to_uint8(images.detach())[[picture for picture, _ in asked]]
    names = tuple(objective.name for _, objective in asked)
    grid = scores.reshape(len(scores), *covers.grid).copy()
    return OcclusionMap(np.stack(fallen), shown, "Occlusion", targets=names, covers=covers, scores=grid, clean=clean.copy())
