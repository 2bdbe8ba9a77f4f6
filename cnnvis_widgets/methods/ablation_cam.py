"""Class activation maps without gradients: each channel is switched off, and the fall of the score is its weight."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from ..engine.ablation import Ablation
from ..engine.cams import Reshape, cam_of_each, chosen_layers, grid
from ..engine.gradients import score_of
from ..engine.images import ImageLike
from ..engine.layers import Layer
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.results import Heatmap
from ..engine.steps import Step, Steps


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
        _Weighed(network.layer(name), output[picture : picture + 1], reshape)
        for picture, _ in asked
        for name, output in zip(layers, outputs, strict=True)
    ]
    total = sum(-(-len(one.changing) // batch) or 1 for one in work)
    return Steps(_ablate(network, images, asked, layers, work, batch, total), total)


class _Weighed(Ablation):
    """One layer's output for one picture, (1, …), and the weights of the channels asked so far."""

    def __init__(self, layer: Layer, output: Tensor, reshape: Reshape | None) -> None:
        super().__init__(layer, output)
        self.activation = grid(layer, output, reshape)[0].float()
        self.weights = torch.zeros(len(self.activation), device=output.device)

    def map(self) -> Tensor:
        """(h, w)."""
        return torch.einsum("chw,c->hw", self.activation, self.weights)


def _ablate(
    network: Network,
    images: Tensor,
    asked: list[tuple[int, Objective]],
    layers: tuple[str, ...],
    work: list[_Weighed],
    batch: int,
    total: int,
) -> Generator[Step[Heatmap], None, None]:
    done = 0
    for index, one in enumerate(work):
        picture, objective = asked[index // len(layers)]
        image = images[picture : picture + 1]
        clean = score_of(network, image, objective)[0]
        for some in one.changing.split(batch) if len(one.changing) else (one.changing,):
            if len(some) and clean != 0:
                fallen = one.scores(network, image, objective, some, clean)
                one.weights[some] = (clean - fallen) / clean.abs()
            done += 1
            yield Step(done, total, cam_of_each([each.map() for each in work], images, "Ablation-CAM", layers, asked))
