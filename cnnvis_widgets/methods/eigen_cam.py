"""What a layer looks at most, whatever the class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..engine.cams import Reshape, cam_result, chosen_layers, grid
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Target, questions_for
from ..engine.results import Heatmap


def eigen_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
) -> Heatmap:
    """Eigen-CAM: the projection of a layer's activations on their first principal component. It asks for no class.

    A component has no sign of its own: here it is the one under which the map goes with the sum of the activations.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture. It only names the map.
    layer
        Where to read, or several layers to fuse; by default the last block that still has spatial axes.
    reshape
        For layers of tokens (vision transformers): the grid (rows, columns), or a function (N, tokens, C) -> (N, C, h, w).

    Returns
    -------
    Heatmap
        `values` (N, h, w), signed, at the layer's resolution.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no spatial axes.
    TargetError
        If there is no such class.

    References
    ----------
    Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020.
    """
    layers = chosen_layers(network, layer, reshape)
    images = network.read(images)
    questions = questions_for(target, network, len(images))
    trace = network.trace(images, *layers, logits=target is None)
    names = tuple(name for question in questions for name in question.names(trace))
    maps = [_first_component(grid(network.layer(name), trace[name], reshape)) for name in layers]
    if len(images) < len(names):
        maps = [each.expand(len(names), -1, -1) for each in maps]
    return cam_result(maps, images, "Eigen-CAM", layers, names)


def _first_component(activation: Tensor) -> Tensor:
    """(N, C, h, w) -> (N, h, w): positions as rows, centered by channel, along the first right singular vector."""
    with torch.inference_mode(mode=False), torch.no_grad():
        rows = activation.flatten(2).transpose(1, 2).double()  # (N, positions, C)
        rows = rows - rows.mean(1, keepdim=True)
        along = torch.linalg.svd(rows, full_matrices=False).Vh[:, :1]  # (N, 1, C)
        projected = (rows * along).sum(2)
        agreement = (projected * rows.sum(2)).sum(1, keepdim=True)
        signed = torch.where(agreement < 0, -projected, projected)
        return signed.unflatten(1, activation.shape[2:]).float()
