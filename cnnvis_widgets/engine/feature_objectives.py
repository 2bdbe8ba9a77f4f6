"""What feature visualization climbs beside single units: many channels at once, whole layers, likeness and its opposite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .errors import AscentError, LayerError
from .objectives import Objective, channel, channels_read, classes_read

if TYPE_CHECKING:
    from .trace import Trace

_LEAST_LIKENESS = 0.1  # of `activation_match`: below it a cosine's power would have no gradient to speak of


def channels(layer: str, indices: Sequence[int]) -> Objective:
    """Picture i of a batch climbs the mean activation of channel `indices[i]`: many channels in one pass.

    Raises
    ------
    LayerError
        When it is asked, if the layer has no such channel, or there are not as many pictures.
    """
    wanted = [int(index) for index in indices]

    def score(trace: Trace) -> Tensor:
        maps = trace.network.layer(layer).channels_first(trace[layer])
        _check_channels(maps, layer, wanted)
        if len(maps) != len(wanted):
            msg = f"{len(wanted)} channels need {len(wanted)} pictures, one each; there are {len(maps)}."
            raise LayerError(msg)
        return maps[range(len(wanted)), wanted].reshape(len(wanted), -1).mean(1)

    each = tuple(channel(layer, index) for index in wanted)
    read = channels_read(each)
    name = f"{len(wanted)} channels of {layer}"
    return Objective(score, (layer,), name, logits=False, each=each, channels=read, steady=True)


def each_its_own(objectives: Sequence[Objective]) -> Objective:
    """Picture i of a batch climbs objective i.

    Objectives over one channel each of a common layer are read together.
    """
    listed = tuple(objectives)
    layers = tuple(dict.fromkeys(name for each in listed for name in each.layers))

    def score(trace: Trace) -> Tensor:
        # One objective asked of several pictures is computed once.
        found = {id(each): each for each in listed}
        answers = {key: one_each(each(trace), len(trace.images), each.name) for key, each in found.items()}
        return torch.stack([answers[id(each)][index] for index, each in enumerate(listed)])

    logits = any(each.logits for each in listed)
    read = classes_read(listed), channels_read(listed)
    steady = all(each.steady for each in listed)
    return Objective(score, layers, f"{len(listed)} objectives", logits, listed, *read, steady)


def one_each(scores: Any, count: int, name: str) -> Tensor:
    """Scores, if they are one real number for each picture; `AscentError` if not: that is what can be climbed."""
    if not isinstance(scores, Tensor):
        what = type(scores).__name__
    elif scores.shape != (count,):
        what = str(tuple(scores.shape))
    elif scores.is_complex():
        what = "complex numbers"
    else:
        return scores
    msg = (
        f"The objective {name} gives {what} for {count} pictures: it has to give one number each, a tensor ({count},)."
    )
    raise AscentError(msg)


def layer_energy(layer: str, index: int | None = None) -> Objective:
    """Half the mean square of a layer's activations, or of one channel's: its gradient is the activations themselves.

    DeepDream's objective: whatever a layer sees in a picture, more of it.

    References
    ----------
    Mordvintsev, Olah and Tyka, "Inceptionism: Going Deeper into Neural Networks", Google Research Blog, 2015.
    """

    def score(trace: Trace) -> Tensor:
        maps = trace.network.layer(layer).channels_first(trace[layer])
        if index is not None:
            _check_channels(maps, layer, [index])
            maps = maps[:, index]
        return maps.square().reshape(len(maps), -1).mean(1) / 2

    name = layer if index is None else f"{layer}:{index}"
    read = None if index is None else ((layer, index),)
    return Objective(score, (layer,), f"energy of {name}", logits=False, channels=read)


def diversity(layer: str) -> Objective:
    """How unlike the pictures of a batch are in a layer: minus the mean cosine between a picture's Gram matrix and the others'.

    Added to what is climbed, it makes a batch show the different faces of one unit.

    References
    ----------
    Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section "Diversity".
    """

    def score(trace: Trace) -> Tensor:
        maps = _spatial(trace, layer).flatten(2)
        if len(maps) < 2:
            return maps.new_zeros(len(maps)) * maps.sum()
        grams = functional.normalize((maps @ maps.transpose(1, 2)).flatten(1), dim=1)
        likeness = grams @ grams.T
        return -(likeness.sum(1) - likeness.diagonal()) / (len(maps) - 1)

    return Objective(score, (layer,), f"diversity in {layer}", logits=False)


def alignment(layer: str, *, reach: int = 3, decay: float = 2.0) -> Objective:
    """How alike neighbors of a batch are in a layer: minus the mean square of what they differ by, those further apart count less.

    Added to an interpolation between two units, it keeps the place of things from picture to picture.

    Parameters
    ----------
    layer
        Where they are compared; "image" compares pixels.
    reach
        Pictures up to so many apart are compared.
    decay
        A pair d apart counts 1 / decay to the power of d.

    References
    ----------
    Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section "Interaction between Neurons".
    """

    def score(trace: Trace) -> Tensor:
        maps = trace[layer].flatten(1)
        found = maps.new_zeros(len(maps)) * maps.sum()
        for apart in range(1, min(reach, len(maps) - 1) + 1):
            gaps = (maps[apart:] - maps[:-apart]).square().mean(1) / decay**apart / 2
            found = found - functional.pad(gaps, (apart, 0)) - functional.pad(gaps, (0, apart))
        return found

    return Objective(score, () if layer == "image" else (layer,), f"alignment in {layer}", logits=False)


def activation_match(
    layer: str, wanted: Tensor, kind: Literal["l2", "dot", "cosine"] = "l2", *, power: float = 0.0
) -> Objective:
    """How well a layer's activations agree with given ones.

    Parameters
    ----------
    layer
        Where they are compared.
    wanted
        (1, C, h, w) for all pictures, or (N, C, h, w).
    kind
        "l2": minus the squared distance in units of the wanted activations' own square: −1 is what a silent layer gets, 0 is the best.
        "dot": the mean product, so stronger is better. "cosine": the cosine of both, in [−1, 1].
    power
        With "dot": times the cosine to this power, which keeps the direction while the strength grows.

    References
    ----------
    Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015. Olah, Mordvintsev and Schubert,
    "Feature Visualization", Distill 2017 (dot and cosine).
    """
    with torch.inference_mode(mode=False):
        wanted = wanted.detach().clone()

    def score(trace: Trace) -> Tensor:
        maps = trace[layer]
        if maps.shape[1:] != wanted.shape[1:]:
            have, want = ("×".join(map(str, each.shape[1:])) for each in (maps, wanted))
            msg = f"{layer} is {have} for this picture and {want} for the one it is to match: give both pictures the same size."
            raise LayerError(msg)
        found, goal = maps.flatten(1), wanted.to(maps).flatten(1).expand(len(maps), -1)
        if kind == "l2":
            return -(found - goal).square().sum(1) / goal.square().sum(1).clamp_min(1e-12)
        cosine = functional.cosine_similarity(found, goal, dim=1)
        if kind == "cosine":
            return cosine
        return (found * goal).mean(1) * cosine.clamp_min(_LEAST_LIKENESS) ** power

    return Objective(score, (layer,), f"match in {layer}", logits=False)


def _spatial(trace: Trace, layer: str) -> Tensor:
    maps = trace.network.layer(layer).channels_first(trace[layer])
    return maps if maps.ndim > 2 else maps[:, :, None, None]


def _check_channels(maps: Tensor, layer: str, wanted: Sequence[int]) -> None:
    count = maps.shape[1] if maps.ndim > 1 else 0
    for index in wanted:
        if not isinstance(index, (int, np.integer)) or not -count <= index < count:
            msg = f"{layer} has channels 0–{count - 1}; {index!r} is not one of them."
            raise LayerError(msg)
