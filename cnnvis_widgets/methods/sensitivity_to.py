"""How large a hole a network bears: one place is covered by larger and larger windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
from torch import Tensor

from ..engine.covers import Covers, sliding, windows_around
from ..engine.curves import Curves
from ..engine.errors import ImageError, TargetError
from ..engine.images import ImageLike
from ..engine.incremental import Incremental
from ..engine.network import Network
from ..engine.objectives import Objective, Target, class_probability, one_by_one
from ..engine.perturbation import AnyFill, fill_of_each
from ..engine.place_fills import PlaceFill
from ..engine.scoring import asked as asked_with_probability
from ..engine.scoring import name_of_answer

_POINTS = 12
_NAMED = 4  # places told in a note
_COARSE = 4  # windows of a fourth of the shorter side find the strongest place


def sensitivity_to(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    windows: Sequence[int] | None = None,
    at: tuple[int, int] | None = None,
    fill: AnyFill = "gray",
    shape: Literal["square", "circle"] = "square",
    measure: Literal["probability", "score"] = "probability",
    seed: int = 0,
) -> Curves:
    """What the network says while a window over one place grows.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture.
    windows
        Sides of the windows in pixels, rising; by default 12 up to the picture's shorter side. 0, nothing covered, is always
        the first point.
    at
        (row, column) of the windows' center in pixels of the picture as the network takes it. By default the place, found by a
        coarse occlusion for each curve, where a window of a fourth of the shorter side lowers the score most. Windows that
        reach over the edge are cut off there.
    fill
        What the window shows, as for `cnnvis_widgets.occlusion`.
    shape
        "square" or "circle".
    measure
        "probability" of a class, or its "score" before the softmax. An `Objective` or a function is its own measure.
    seed
        Of the noise.

    Returns
    -------
    Curves
        `values` (N, windows + 1) over the side of the window, one curve a picture, or for each target of a single one. A note
        tells where each was covered.

    Raises
    ------
    ImageError
        If windows, place, shape or fill are none.
    TargetError
        If there is no such class or measure.

    References
    ----------
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2 (there one size).
    """
    images = network.read(images)
    size = (images.shape[2], images.shape[3])
    sides = _sides(windows, size)
    if at is not None:
        windows_around(size, at, sides, shape)  # says at once what is wrong with it
    questions, height = _questions(network, images, target, measure)
    fills = fill_of_each(images, fill, seed=seed)
    rows, places = [], []
    for picture, objective in questions:
        asking = Incremental(network, images[picture : picture + 1], [objective])
        place = at or _strongest(asking, fills[picture], size)
        scores = _scores(asking, fills[picture], windows_around(size, place, sides, shape))
        rows.append([float(asking.clean[0]), *scores])
        places.append(f"row {place[0]}, column {place[1]}")
    names = tuple(objective.name for _, objective in questions)
    known = list(dict.fromkeys(places))
    note = f"Covered around {'; '.join(known[:_NAMED])}{', …' if len(known) > _NAMED else ''}."
    values, x = np.array(rows, np.float32), np.array([0, *sides], np.float64)
    return Curves(values, x, names, "Sensitivity to size", "side of the window, pixels", height, notes=(note,))


def _sides(windows: Sequence[int] | None, size: tuple[int, int]) -> list[int]:
    if windows is None:
        return sorted({max(1, round(side)) for side in np.linspace(0, min(size), _POINTS + 1)[1:]})
    given = [windows] if isinstance(windows, (int, np.integer)) else list(windows)
    right = all(isinstance(side, (int, np.integer)) and not isinstance(side, bool) and side >= 1 for side in given)
    if not given or not right or any(after <= before for before, after in pairwise(given)):
        msg = f"windows is {windows!r}: give sides in whole pixels, at least 1 and rising, such as (8, 16, 32, 64)."
        raise ImageError(msg)
    return [int(side) for side in given]


def _questions(
    network: Network, images: Tensor, target: Target | Sequence[Target] | Tensor | None, measure: str
) -> tuple[list[tuple[int, Objective]], str]:
    """(picture, objective) for each curve, and what they measure, for an axis."""
    if measure not in ("probability", "score"):
        msg = f"There is no measure {measure!r}: choose 'probability' or 'score'."
        raise TargetError(msg)
    plain = one_by_one(target, network, images)
    if measure == "score":
        return plain, measure
    asked = asked_with_probability(target, network, images)
    questions = [
        (picture, objective if isinstance(one, Objective) else replace(class_probability(one), name=objective.name))
        for (picture, objective), one in zip(plain, asked, strict=True)
    ]
    return questions, name_of_answer(asked)


def _strongest(asking: Incremental, fill: Tensor | PlaceFill, size: tuple[int, int]) -> tuple[int, int]:
    """The center of the coarse window that lowers the score most."""
    window = max(1, min(size) // _COARSE)
    covers = sliding(size, window, max(1, window // 2))
    scores = _scores(asking, fill, covers)
    top, left, bottom, right = covers.boxes[int(np.argmin(np.where(np.isnan(scores), np.inf, scores)))]
    return int(top + bottom) // 2, int(left + right) // 2


def _scores(asking: Incremental, fill: Tensor | PlaceFill, covers: Covers) -> np.ndarray:
    """The score with each place covered, float32 (places,)."""
    found = np.full(len(covers), np.nan, np.float32)
    for answer in asking.answers(covers, fill):
        found[answer.places] = answer.scores[0].detach().float().cpu().numpy()
    return found
