"""The first class activation map: for networks whose head is an average over positions and one linear layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..engine.cams import cam_result, chosen_layers
from ..engine.errors import LayerError, TargetError
from ..engine.images import ImageLike
from ..engine.layers import Layer
from ..engine.network import Network
from ..engine.results import Heatmap
from ..engine.trace import Trace

_CLOSE = 1e-3


def cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: int | str | Sequence[int | str] | Tensor | None = None,
    *,
    layer: str | None = None,
) -> Heatmap:
    """CAM of a class: the channels of the last layer with positions, weighted by the linear head's weights for the class.

    Whether the head is linear is not guessed: its weights have to give the network's own scores from the averaged channels.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index or a label; a sequence with one for each picture, or several for a single picture. By default the most
        probable class of each picture.
    layer
        The layer that is averaged; by default it is searched for, from the output back.

    Returns
    -------
    Heatmap
        `values` (N, h, w), signed, at the layer's resolution. Their mean over positions is the score, less the head's bias.

    Raises
    ------
    LayerError
        If the head is not linear in the averages of the layer's channels: Grad-CAM needs no such head.
    TargetError
        If there is no such class.

    References
    ----------
    Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.
    """
    candidates = [each.name for each in reversed(network.layers) if each.spatial and not each.container]
    candidates = list(chosen_layers(network, layer)) if layer else candidates[:12]
    images = network.read(images)
    trace = network.trace(images, *candidates)
    found = next(filter(None, (_head(network, trace, network.layer(name)) for name in candidates)), None)
    if found is None:
        where = f"of {layer}" if layer else "of any layer"
        msg = f"{network.name}'s scores are no linear function of the averaged channels {where}, as CAM needs: use grad_cam."
        raise LayerError(msg)
    read, weights = found
    targets = _classes(network, trace, target, len(images))
    maps = read.channels_first(trace[read.name]).float()
    rows = torch.einsum("nchw,nc->nhw", maps.expand(len(targets), -1, -1, -1), weights[targets])
    names = tuple(network.class_name(index) for index in targets)
    return cam_result([rows], images, "CAM", (read.name,), names)


def _head(network: Network, trace: Trace, layer: Layer) -> tuple[Layer, Tensor] | None:
    """The layer and weights (classes, C) that give the network's scores from its averages, if there are any."""
    logits = trace.logits.float()
    if logits.ndim != 2 or trace[layer.name].ndim != 4:
        return None
    means = layer.channels_first(trace[layer.name]).float().mean((2, 3))
    identity = [(torch.eye(means.shape[1], device=means.device), means.new_zeros(()))]
    linear = [(each.weight.detach().float(), _bias(each)) for each in network.model.modules() if isinstance(each, nn.Linear)]
    for weight, bias in [*(identity if layer.channels == logits.shape[1] else []), *linear]:
        if weight.shape == (logits.shape[1], means.shape[1]):
            error = (means @ weight.T + bias - logits).abs().max()
            if error <= _CLOSE * logits.abs().max():
                return layer, weight
    return None


def _bias(linear: nn.Linear) -> Tensor:
    return linear.weight.new_zeros(()) if linear.bias is None else linear.bias.detach().float()


def _classes(network: Network, trace: Trace, target: Any, count: int) -> list[int]:
    """One class index a map."""
    if target is None:
        return trace.logits.argmax(1).tolist()
    given = target.tolist() if hasattr(target, "tolist") else target
    each = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given] * count
    for one in each:
        if not isinstance(one, (int, str)) or isinstance(one, bool):
            msg = f"CAM reads the head's weights for a class: give an index or a label, not {type(one).__name__}, or use grad_cam."
            raise TargetError(msg)
    if not each or (count > 1 and len(each) != count):
        msg = f"{count} pictures need {count} targets, one each, or a single one; {len(each)} were given."
        raise TargetError(msg)
    return [network.class_index(one) for one in each]
