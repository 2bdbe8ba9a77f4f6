"""What class activation maps share: reading layers with positions, weighting their channels, fusing several layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from .errors import LayerError
from .gradients import as_array
from .images import ImageLike, to_uint8
from .layers import Layer
from .network import Network
from .objectives import Objective, Target, questions_for
from .results import Heatmap

_EPSILON = 1e-8

#: (activation, gradient), both (N, C, h, w) -> map (N, h, w).
Weigh: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
#: The grid of a layer of tokens, (rows, columns), or a function (N, tokens, C) -> (N, C, h, w).
Reshape: TypeAlias = "tuple[int, int] | Callable[[Tensor], Tensor]"


def gradient_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None,
    layer: str | Sequence[str] | None,
    reshape: Reshape | None,
    method: str,
    weigh: Weigh,
) -> Heatmap:
    """A map from the activation of a layer and the objective's gradient there, with one backward pass."""
    layers = chosen_layers(network, layer, reshape)
    images = network.read(images)
    questions = questions_for(target, network, len(images))
    trace, scores = network.ask(images, *(question.objective for question in questions), wrt=layers)
    parts: list[list[Tensor]] = [[] for _ in layers]
    for score in scores:
        gradients = trace.gradients(score, layers, retain_graph=score is not scores[-1])
        for part, name, gradient in zip(parts, layers, gradients, strict=True):
            activation = grid(network.layer(name), trace[name].detach(), reshape)
            part.append(weigh(activation, grid(network.layer(name), gradient, reshape)))
    names = tuple(name for question in questions for name in question.names(trace))
    return cam_result([torch.cat(part) for part in parts], images, method, layers, names)


def mean_gradient(activation: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM's map (N, h, w): channels weighted by the mean gradient over positions, and summed."""
    return torch.einsum("nchw,nc->nhw", activation, gradient.mean((2, 3)))


def cam_result(
    maps: Sequence[Tensor], images: Tensor, method: str, layers: Sequence[str], names: tuple[str, ...]
) -> Heatmap:
    """The map (N, h, w) of one layer as it is, or those of several fused."""
    pictures = to_uint8(images if len(images) > 1 else images.expand(len(names), -1, -1, -1))
    notes = () if len(maps) == 1 else (f"The mean over {len(maps)} layers, each map divided by its largest size.",)
    values = maps[0] if len(maps) == 1 else fused(maps)
    return Heatmap(as_array(values), pictures, method, " + ".join(layers), names, notes)


def cam_of_each(
    values: Sequence[Tensor], images: Tensor, method: str, layers: Sequence[str], asked: Sequence[tuple[int, Objective]]
) -> Heatmap:
    """Maps (h, w) made one by one as one result: those of all layers for the first thing asked, then for the next."""
    count = len(layers)
    maps = [torch.stack(list(values[place::count])) for place in range(count)]
    return cam_result(maps, images, method, layers, tuple(objective.name for _, objective in asked))


def fused(maps: Sequence[Tensor]) -> Tensor:
    """Maps (N, h, w) of several layers as one at the finest resolution: each divided by its largest size, then their mean."""
    height, width = (max(each.shape[axis] for each in maps) for axis in (1, 2))
    scaled = []
    for each in maps:
        bound = each.abs().flatten(1).amax(1).clamp(min=torch.finfo(torch.float32).tiny)[:, None, None]
        scaled.append(upsampled((each / bound)[:, None], (height, width))[:, 0])
    return torch.stack(scaled).mean(0)


def to_unit(maps: Tensor) -> Tensor:
    """Maps (N, C, h, w), each scaled to reach from 0 to 1; constant ones become 0."""
    low, high = maps.flatten(2).aminmax(dim=2)
    low, high = low[..., None, None], high[..., None, None]
    return (maps - low) / (high - low + _EPSILON)


def upsampled(maps: Tensor, size: Sequence[int]) -> Tensor:
    """(N, C, h, w) at another size, bilinear between cell centers."""
    if tuple(maps.shape[2:]) == tuple(size):
        return maps
    return functional.interpolate(maps.float(), size=tuple(size), mode="bilinear", align_corners=False)


def chosen_layers(
    network: Network, layer: str | Sequence[str] | None, reshape: Reshape | None = None
) -> tuple[str, ...]:
    """The layers to read, in execution order; by default the last block with spatial axes.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no spatial axes and no `reshape` gives it some.
    """
    if layer is None:
        return (network.last_spatial_layer,)
    wanted = dict.fromkeys([layer] if isinstance(layer, str) else layer)
    if not wanted:
        msg = f"The list of layers is empty: give one or more, such as {network.last_spatial_layer!r}."
        raise LayerError(msg)
    for name in wanted:
        _check_axes(network, name, reshape)
    return tuple(each.name for each in network.layers if each.name in wanted)


def grid(layer: Layer, values: Tensor, reshape: Reshape | None) -> Tensor:
    """A layer's output as (N, C, h, w).

    Raises
    ------
    LayerError
        If the tokens do not fill the grid.
    """
    if reshape is None or layer.spatial:
        return layer.channels_first(values)
    if callable(reshape):
        made = reshape(values)
        if made.ndim != 4:
            msg = f"reshape made {tuple(made.shape)} of {tuple(values.shape)}: it has to give (N, channels, rows, columns)."
            raise LayerError(msg)
        return made
    rows, columns = reshape
    extra = values.shape[1] - rows * columns
    if values.ndim != 3 or extra < 0:
        msg = f"{layer.name} gives {tuple(values.shape[1:])} for a picture, which does not fill a grid of {rows} × {columns}."
        raise LayerError(msg)
    return values[:, extra:].transpose(1, 2).unflatten(2, (rows, columns))  # a class token stands before the others


def _check_axes(network: Network, name: str, reshape: Reshape | None) -> None:
    layer = network.layer(name)
    if layer.spatial or (len(layer.shape) == 2 and reshape is not None) or len(layer.shape) == 3:
        return
    tokens = ""
    if len(layer.shape) == 2:
        side = round((layer.shape[0] - 1) ** 0.5)
        tokens = f" Token layers need reshape=(rows, columns), perhaps ({side}, {side})."
    advice = f" Try {network.last_spatial_layer!r}." if any(each.spatial for each in network.layers) else ""
    msg = f"{name} gives {layer.shape} for a picture, without spatial axes.{tokens}{advice}"
    raise LayerError(msg)
