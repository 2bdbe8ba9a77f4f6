"""Occlusion by definition: every covered picture is made pixel by pixel and asked about alone. Slow, and obviously right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

import cnnvis_widgets as cw
from cnnvis_widgets.engine.covers import Covers
from cnnvis_widgets.engine.incremental import Incremental

# Reads no class by name, so that every class is computed.
EVERY_CLASS = cw.Objective(lambda trace: trace.logits.flatten(1)[:, 0], name="every class")
TOLERANCE = 1e-5  # of the size of the logits


def painted(image: Tensor, fill: Tensor, covers: Covers, place: int) -> Tensor:
    """The picture (1, C, H, W) with one place covered, written pixel by pixel."""
    picture = image.detach().clone()
    top, left, bottom, right = (int(edge) for edge in covers.boxes[place])
    mask = covers.mask(place)
    for row in range(top, bottom):
        for column in range(left, right):
            if mask is None or mask[row - top, column - left]:
                picture[0, :, row, column] = fill[0, :, row, column]
    return picture


def one_by_one(
    network: cw.Network, image: Tensor, fill: Tensor, covers: Covers, *layers: str, places: Any = None
) -> list[Any]:
    """A trace of each covered picture, each from a forward pass of its own."""
    chosen = range(len(covers)) if places is None else places
    return [network.trace(painted(image, fill, covers, int(place)), *layers) for place in chosen]


def true_logits(network: cw.Network, image: Tensor, fill: Tensor, covers: Covers, places: Any = None) -> np.ndarray:
    """The scores with each place covered, float64 (P, classes, …)."""
    return _stacked([trace.logits for trace in one_by_one(network, image, fill, covers, places=places)])


def true_scores(network: cw.Network, image: Tensor, fill: Tensor, covers: Covers, objective: Any) -> np.ndarray:
    """The value of an objective with each place covered, float64 (P,)."""
    layers = getattr(objective, "layers", ())
    return _stacked([objective(trace) for trace in one_by_one(network, image, fill, covers, *layers)])


def answered(asking: Incremental, covers: Covers, fill: Tensor, places: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """The scores (P, classes, …) and the values of the objectives (objectives, P) that `Incremental` gives.

    All answers are collected before one is read, and each place has to come exactly once.
    """
    answers = list(asking.answers(covers, fill, places))
    order = np.concatenate([np.asarray(answer.places) for answer in answers])
    wanted = np.arange(len(covers)) if places is None else np.asarray(places)
    assert sorted(order.tolist()) == sorted(wanted.tolist()), "each place comes once"
    for answer in answers:
        assert all(score.shape == (len(answer.places),) for score in answer.scores)
        assert len(answer.trace.logits) == len(answer.places)
    back = {int(place): row for row, place in enumerate(order)}
    rows = [back[int(place)] for place in wanted]
    logits = np.concatenate([_array(answer.trace.logits) for answer in answers])[rows]
    scores = np.stack([_array(torch.cat(each))[rows] for each in zip(*(a.scores for a in answers), strict=True)])
    return logits, scores


def assert_same(found: np.ndarray, true: np.ndarray, tolerance: float = TOLERANCE, slack: float = 0.0) -> None:
    """Equal to a share of the largest true value, NaN in the same places."""
    assert found.shape == true.shape
    finite = np.isfinite(true)
    size = np.abs(true[finite]).max() if finite.any() else 1.0
    np.testing.assert_allclose(found, true, rtol=0, atol=tolerance * max(size, 1e-12) + slack, equal_nan=True)


def assert_incremental_is_right(
    network: cw.Network,
    image: Tensor,
    fill: Tensor,
    covers: Covers,
    *,
    tolerance: float = TOLERANCE,
    moves: bool = True,
    warm: bool = False,
) -> Incremental:
    """Every score of every covered picture, and of the picture itself, is that of a forward pass of its own."""
    true = true_logits(network, image, fill, covers)
    asking = Incremental(network, image, [EVERY_CLASS])
    if warm:
        warmed(asking, fill)
    found, scores = answered(asking, covers, fill)
    assert_same(found, true, tolerance)
    assert_same(scores[0], true.reshape(len(true), -1)[:, 0], tolerance)
    clean = _array(network.trace(image).logits)
    assert_same(_array(asking.trace.logits), clean, tolerance)
    assert_same(np.array([float(each) for each in asking.clean[0]]), clean.reshape(1, -1)[:, 0], tolerance)
    if moves:
        change = np.abs(true - clean)
        assert change[np.isfinite(change)].max() > 10 * tolerance * np.abs(true[np.isfinite(true)]).max(), (
            "the covers change something"
        )
    return asking


def warmed(asking: Incremental, fill: Tensor) -> Incremental:
    """After a first question about one pixel in the middle: what is tried out at a first question has been tried out."""
    height, width = asking.image.shape[2:]
    middle = boxes((height, width), (height // 2, width // 2, height // 2 + 1, width // 2 + 1))
    list(asking.answers(middle, fill))
    return asking


def boxes(size: tuple[int, int], *edges: Sequence[int], masks: Sequence[np.ndarray] = ()) -> Covers:
    """Covers of any boxes (top, left, bottom, right)."""
    return Covers(size, np.array(edges, np.int64).reshape(-1, 4), (len(edges), 1), tuple(masks))


def corners_and_more(size: tuple[int, int]) -> Covers:
    """One pixel in each corner, a bar along each edge, a part of the middle, and the whole picture."""
    height, width = size
    middle = (height // 3, width // 3, height // 3 + max(1, height // 4), width // 3 + max(1, width // 4))
    bars = [(0, 0, 1, width), (height - 1, 0, height, width), (0, 0, height, 1), (0, width - 1, height, width)]
    pixels = [(row, column, row + 1, column + 1) for row in (0, height - 1) for column in (0, width - 1)]
    return boxes(size, *pixels, *bars, middle, (0, 0, height, width))


def random_picture(channels: int, size: tuple[int, int], seed: int = 1) -> Tensor:
    """(1, C, H, W) in [0, 1], every pixel another."""
    return torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(seed))


def _stacked(tensors: Sequence[Tensor]) -> np.ndarray:
    return np.concatenate([_array(tensor) for tensor in tensors])


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
