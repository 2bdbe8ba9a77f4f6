"""Class activation maps without gradients: each channel is switched off, and the fall of the score is its weight."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from ..engine.cams import Reshape, cam_of_each, chosen_layers, grid
from ..engine.gradients import score_of
from ..engine.images import ImageLike
from ..engine.layers import Layer
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.results import Heatmap
from ..engine.steps import Step, Steps

_SAME = 1e-3


def ablation_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
    batch: int = 32,
) -> Steps[Heatmap]:
    """Ablation-CAM of a class, or of any objective.

    A channel's weight is (y - y_k) / |y|: how much the score y falls, as a share of it, when channel k is set to zero. What lies
    before the layer runs once a batch, what follows once a channel. Channels that are zero already have no weight.

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
        Where to read and ablate, or several layers to fuse; by default the last block that still has spatial axes.
    reshape
        For layers of tokens (vision transformers): the grid (rows, columns), or a function (N, tokens, C) -> (N, C, h, w).
    batch
        How many channels are ablated at once.

    Returns
    -------
    Steps of Heatmap
        `values` (N, h, w), signed and raw, at the layer's resolution. Partial results hold the channels asked so far.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no spatial axes.
    TargetError
        If there is no such class.

    References
    ----------
    Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization",
    WACV 2020.
    """
    layers = chosen_layers(network, layer, reshape)
    images = network.read(images)
    asked = one_by_one(target, network, images)
    trace = network.trace(images, *layers, logits=False)
    outputs = [trace[name].detach() for name in layers]
    work = [
        _Ablation(network.layer(name), output[picture : picture + 1], reshape)
        for picture, _ in asked
        for name, output in zip(layers, outputs, strict=True)
    ]
    total = sum(-(-len(one.alive) // batch) or 1 for one in work)
    return Steps(_ablate(network, images, asked, layers, work, batch, total), total)


class _Ablation:
    """One layer's output for one picture, (1, …), and the weights of the channels asked so far."""

    def __init__(self, layer: Layer, output: Tensor, reshape: Reshape | None) -> None:
        self.layer, self.output = layer, output
        self.activation = grid(layer, output, reshape)[0].float()
        self.axis = _channel_axis(layer, output)
        size = self.activation.abs().flatten(1).amax(1)
        order = size.argsort(descending=True, stable=True)
        self.alive = order[(size > 0)[order]]
        self.weights = torch.zeros(len(self.activation), device=output.device)
        self.together = True  # whether what follows may run on all ablated outputs at once

    def without(self, channels: Tensor) -> Tensor:
        """(1 + K, …): the output as it is, then with each of K channels set to zero."""
        changed = self.output.repeat(1 + len(channels), *([1] * (self.output.ndim - 1)))
        lines = changed.movedim(self.axis, 1)
        lines[torch.arange(1, 1 + len(channels)), channels] = 0
        return changed

    def values(self) -> Tensor:
        """(h, w)."""
        return torch.einsum("chw,c->hw", self.activation, self.weights)


def _channel_axis(layer: Layer, output: Tensor) -> int:
    return output.ndim - 1 if output.ndim == 3 or layer.channels_last else 1


def _ablate(
    network: Network,
    images: Tensor,
    asked: list[tuple[int, Objective]],
    layers: tuple[str, ...],
    work: list[_Ablation],
    batch: int,
    total: int,
) -> Generator[Step[Heatmap], None, None]:
    done = 0
    for index, one in enumerate(work):
        picture, objective = asked[index // len(layers)]
        image = images[picture : picture + 1]
        clean = score_of(network, image, objective)[0]
        for some in one.alive.split(batch) if len(one.alive) else (one.alive,):
            if len(some) and clean != 0:
                fallen = _fallen(network, objective, image, one, some, clean)
                one.weights[some] = (clean - fallen) / clean.abs()
            done += 1
            yield Step(done, total, cam_of_each([each.values() for each in work], images, "Ablation-CAM", layers, asked))


def _fallen(
    network: Network, objective: Objective, image: Tensor, one: _Ablation, channels: Tensor, clean: Tensor
) -> Tensor:
    """The score with each of some channels switched off."""
    changed = one.without(channels)
    edited = network.edited(one.layer.name, lambda _: changed)
    if one.together:
        try:
            scores = score_of(edited, image, objective)
            if len(scores) == len(changed) and torch.isclose(scores[0], clean, rtol=_SAME, atol=_SAME):
                return scores[1:]
        except (RuntimeError, ValueError):  # an earlier layer's output meets this one, and cannot be broadcast
            pass
        one.together = False
    return score_of(edited, image.expand(len(changed), -1, -1, -1), objective)[1:]
