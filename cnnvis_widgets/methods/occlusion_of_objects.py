"""Which of several things in a picture a network needs, and which of them stand in for each other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from torch import Tensor

from ..engine.covers import Covers, overlapping, segments
from ..engine.errors import ImageError
from ..engine.images import ImageLike
from ..engine.incremental import Incremental
from ..engine.network import Network
from ..engine.object_falls import ObjectFalls
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.perturbation import AnyFill, fill_of_each
from ..engine.place_fills import PlaceFill
from ..engine.steps import Step, Steps


def occlusion_of_objects(
    network: Network,
    image: ImageLike,
    objects: Any,
    target: Target | Sequence[Target] | None = None,
    *,
    names: Sequence[str] | None = None,
    fill: AnyFill = "gray",
    seed: int = 0,
) -> Steps[ObjectFalls]:
    """How much a score falls when each of several things in a picture is covered, every two of them, and all.

    Parameters
    ----------
    network
        The network to explain.
    image
        One picture: (1, C, H, W) float in [0, 1], or anything `Network.read` takes.
    objects
        The things, in pixels of the picture as the network takes it: masks, bool (K, H, W), which may overlap; labels,
        int (H, W), negative where nothing is; or boxes (K, 4), left, top, right and bottom, the last two excluded.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,), or several of these. By default the
        most probable class. A class stands for its score before the softmax; for the fall in probability give
        `class_probability(…)`.
    names
        What the things are called, one each.
    fill
        What covers them, as for `cnnvis_widgets.occlusion`. To cover a thing does not take away what its outline tells, unless
        the fill blends in, as "inpaint" does.
    seed
        Of the noise.

    Returns
    -------
    Steps of ObjectFalls
        `alone`, `together`, `pairs` and their `interaction`. K + 1 pictures are asked first, then K (K − 1) / 2.

    Raises
    ------
    ImageError
        If it is not one picture, or the things do not fit it, or one of them is empty.
    TargetError
        If there is no such class.

    References
    ----------
    Grabisch & Roubens, "An axiomatic approach to the concept of interaction among players in cooperative games", 1999.
    """
    images = network.read(image)
    if len(images) != 1:
        msg = f"Things are those of one picture; {len(images)} were given: call it for each."
        raise ImageError(msg)
    masks = _masks(objects, (images.shape[2], images.shape[3]))
    called = tuple(names) if names is not None else tuple(f"object {place + 1}" for place in range(len(masks)))
    if len(called) != len(masks):
        msg = f"{len(masks)} things need {len(masks)} names, one each; {len(called)} were given."
        raise ImageError(msg)
    asked = [objective for _, objective in one_by_one(target, network, images)]
    pairs = list(combinations(range(len(masks)), 2))
    both = [masks[first] | masks[second] for first, second in pairs]
    covers = overlapping(np.stack([masks.any(0), *masks, *both]))
    (filling,) = fill_of_each(images, fill, seed=seed)
    return Steps(_cover(network, images, filling, asked, covers, pairs, called), len(covers))


def _masks(objects: Any, size: tuple[int, int]) -> np.ndarray:
    """Masks, bool (K, H, W), of the things."""
    given = np.asarray(objects)
    if given.ndim == 2 and given.shape[1] == 4 and given.shape != size:
        return np.stack([_box(box, size) for box in given])
    covers = segments(given, size) if given.ndim == 2 and given.dtype.kind != "b" else _of_masks(given, size)
    return np.stack([covers.outline(place) for place in range(len(covers))])


def _of_masks(given: np.ndarray, size: tuple[int, int]) -> Covers:
    return overlapping(given[None] if given.ndim == 2 else given, size)


def _box(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    whole = box.dtype.kind in "iuf" and np.isfinite(box).all()
    left, top, right, bottom = box.round().astype(int) if whole else (0, 0, 0, 0)
    if not (0 <= left < right <= size[1] and 0 <= top < bottom <= size[0]):
        msg = (
            f"The box {', '.join(map(str, box))} is none in a picture of {size[0]} × {size[1]} pixels: give left, top, right and "
            "bottom within it."
        )
        raise ImageError(msg)
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def _cover(
    network: Network,
    image: Tensor,
    fill: Tensor | PlaceFill,
    asked: list[Objective],
    covers: Covers,
    pairs: list[tuple[int, int]],
    names: tuple[str, ...],
) -> Generator[Step[ObjectFalls], None, None]:
    asking = Incremental(network, image, asked)
    clean = np.array([float(score) for score in asking.clean], np.float32)
    scores = np.full((len(asked), len(covers)), np.nan, np.float32)
    done, first = 0, np.arange(len(names) + 1)
    for places in (first, np.arange(len(first), len(covers))):
        for answer in asking.answers(covers, fill, places) if len(places) else ():
            scores[:, answer.places] = np.stack([score.detach().float().cpu().numpy() for score in answer.scores])
            done += len(answer.places)
            yield Step(done, len(covers), _result(clean, scores, pairs, names, asked))


def _result(
    clean: np.ndarray, scores: np.ndarray, pairs: list[tuple[int, int]], names: tuple[str, ...], asked: list[Objective]
) -> ObjectFalls:
    falls, count = clean[:, None] - scores, len(names)
    alone = falls[:, 1 : count + 1]
    two = np.full((len(falls), count, count), np.nan, np.float32)
    two[:, np.arange(count), np.arange(count)] = alone
    for (first, second), fall in zip(pairs, falls[:, count + 1 :].T, strict=True):
        two[:, first, second] = two[:, second, first] = fall
    return ObjectFalls(alone, two, falls[:, 0], clean, names, tuple(objective.name for objective in asked))
