"""Class activation maps without gradients: each channel is asked what the network says of the part it covers."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from ..engine.cams import Reshape, cam_of_each, chosen_layers, grid, to_unit, upsampled
from ..engine.gradients import fitting_batch, score_of
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.results import Heatmap
from ..engine.steps import Step, Steps


def score_cam(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | Sequence[str] | None = None,
    reshape: Reshape | None = None,
    batch: int | None = None,
) -> Steps[Heatmap]:
    """Score-CAM of a class, or of any objective: one forward pass for each channel of a layer, none backward.

    Each channel's map is scaled to [0, 1], enlarged (bilinear) and multiplied with the picture, so that what it does not cover
    fades to the color that normalization sends to 0. A channel's weight is the softmax over channels of the score then.
    Channels that are flat all give the same picture, which is asked once. The largest channels come first, so that partial maps
    are already worth looking at.

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
        Where to read, or several layers to fuse; by default the last block that still has spatial axes.
    reshape
        For layers of tokens (vision transformers): the grid (rows, columns), or a function (N, tokens, C) -> (N, C, h, w).
    batch
        How many masked pictures are computed at once; by default few enough for the caches.

    Returns
    -------
    Steps of Heatmap
        `values` (N, h, w), raw, at the layer's resolution. Partial results weigh the channels asked so far.

    Raises
    ------
    LayerError
        If there is no such layer, or it has no spatial axes.
    TargetError
        If there is no such class.

    References
    ----------
    Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", CVPR workshop 2020. The paper
    normalizes after enlarging; here before, so that the mask does not depend on the picture's size.
    """
    layers = chosen_layers(network, layer, reshape)
    images = network.read(images)
    batch = batch or fitting_batch(images, 16)
    asked = one_by_one(target, network, images)
    trace = network.trace(images, *layers, logits=False)
    activations = [grid(network.layer(name), trace[name], reshape) for name in layers]
    work = [_Channels(each[picture]) for picture, _ in asked for each in activations]
    total = sum(-(-len(one.varying) // batch) or 1 for one in work)
    return Steps(_ask(network, images, asked, layers, work, batch, total), total)


class _Channels:
    """The maps of one layer for one picture, and the scores of those asked so far."""

    def __init__(self, activation: Tensor) -> None:
        self.activation = activation.float()
        low, high = self.activation.flatten(1).aminmax(dim=1)
        order = (high - low).argsort(descending=True, stable=True)
        self.varying = order[(high > low)[order]]
        self.flat = order[(high <= low)[order]]
        self.scores = torch.full((len(activation),), -torch.inf, device=activation.device)

    def values(self) -> Tensor:
        """(h, w): the channels asked, weighted by the softmax of their scores; zero before the first."""
        if not torch.isfinite(self.scores).any():
            return torch.zeros_like(self.activation[0])
        return torch.einsum("chw,c->hw", self.activation, self.scores.softmax(0))


def _ask(
    network: Network,
    images: Tensor,
    asked: list[tuple[int, Objective]],
    layers: tuple[str, ...],
    work: list[_Channels],
    batch: int,
    total: int,
) -> Generator[Step[Heatmap], None, None]:
    free, done = network.unbounded(), 0
    for index, channels in enumerate(work):
        picture, objective = asked[index // len(layers)]
        image = images[picture : picture + 1].detach()
        neutral = network.preprocess.neutral(image)
        difference = (image - neutral).contiguous(memory_format=torch.channels_last)
        if len(channels.flat):
            channels.scores[channels.flat] = score_of(free, neutral.expand_as(image).clone(), objective)
        for some in channels.varying.split(batch) if len(channels.varying) else (channels.varying,):
            if len(some):
                masks = upsampled(to_unit(channels.activation[None, some]), image.shape[2:])
                channels.scores[some] = score_of(free, neutral + masks.movedim(1, 0) * difference, objective)
            done += 1
            yield Step(done, total, cam_of_each([each.values() for each in work], images, "Score-CAM", layers, asked))
