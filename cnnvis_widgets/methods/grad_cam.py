"""Where a layer speaks for a class: gradient-weighted class activation mapping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..engine.errors import LayerError
from ..engine.images import ImageLike, to_uint8
from ..engine.layers import Layer
from ..engine.network import Network, Trace
from ..engine.objectives import Objective, Target, class_score, questions_for
from ..engine.results import Heatmap


def grad_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | None = None,
) -> Heatmap:
    """Grad-CAM of a class, or of any objective, at any layer with spatial axes.

    The map is the sum of the layer's channels, each weighted by the mean over positions of the objective's gradient.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture.
    layer
        Where to read; by default the last block that still has spatial axes.

    Returns
    -------
    Heatmap
        `values` (N, h, w), signed and raw, at the layer's resolution: no rectifier, no scaling. The published picture is
        its positive part, which is what `display` draws.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no spatial axes.
    TargetError
        If there is no such class.
    GradientError
        If the objective does not depend on the layer in a way that can be differentiated.

    References
    ----------
    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.
    """
    layer = network.last_spatial_layer if layer is None else _spatial(network, layer)
    images = network.read(images)
    questions = questions_for(target, network, len(images))
    read = dict.fromkeys(name for question in questions for name in question.objective.layers)
    logits = any(question.objective.logits for question in questions)
    trace = network.trace(images, *read, wrt=layer, logits=logits)
    maps = [_map(trace, question.objective, layer, last=question is questions[-1]) for question in questions]
    names = [name for question in questions for name in question.names(trace)]
    pictures = to_uint8(images if len(images) > 1 else images.expand(len(names), -1, -1, -1))
    return Heatmap(torch.cat(maps).float().cpu().numpy(), pictures, "Grad-CAM", layer, tuple(names))


def grad_cam_of_layers(
    network: Network, image: Tensor, targets: Sequence[int], layers: Sequence[str]
) -> dict[tuple[str, int], np.ndarray]:
    """Grad-CAM of one picture for several classes at many layers, with one backward pass a class.

    Parameters
    ----------
    image
        (1, C, H, W) float in [0, 1].
    targets
        Class indices.
    layers
        Names of layers with spatial axes, in execution order.

    Returns
    -------
    dict
        (layer, class) -> float32 (h, w), as `grad_cam` gives it.
    """
    trace = network.trace(image, wrt=layers)
    maps = {}
    for target in targets:
        gradients = trace.gradients(class_score(target)(trace), layers, retain_graph=True)
        for layer, gradient in zip(layers, gradients, strict=True):
            maps[layer, target] = _weighted_sum(network.layer(layer), trace[layer], gradient)[0].float().cpu().numpy()
    return maps


def _map(trace: Trace, objective: Objective, layer: str, *, last: bool) -> Tensor:
    gradient = trace.gradient(objective(trace), layer, retain_graph=not last)
    return _weighted_sum(trace.network.layer(layer), trace[layer], gradient)


def _weighted_sum(layer: Layer, activation: Tensor, gradient: Tensor) -> Tensor:
    """(N, h, w): channels weighted by the mean gradient over positions, and summed."""
    weights = layer.channels_first(gradient).mean((2, 3))
    return torch.einsum("nchw,nc->nhw", layer.channels_first(activation).detach(), weights)


def _spatial(network: Network, name: str) -> str:
    layer = network.layer(name)
    if len(layer.shape) != 3:
        tokens = " Token layers need reshaping to a grid first." if len(layer.shape) == 2 else ""
        advice = f" Try {network.last_spatial_layer!r}." if any(each.spatial for each in network.layers) else ""
        msg = f"{name} gives {layer.shape} for a picture, without spatial axes.{tokens}{advice}"
        raise LayerError(msg)
    return name
