"""What need not be computed of a layer whose other channels nobody reads.

A channel of a block depends on one channel of the block's last convolution, or on none where branches are joined. All the others
take a tenth of the time of an ascent. Which ones they are is not read off the code but tried: the gradient says which channels
matter, NaN in all others has to leave the score as it is, and score and gradient without them have to be those of the whole. If they
are not, all is computed. What escapes this is a network that decides by its other channels, and for the first time only later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from .convolution_gradients import is_plain
from .objectives import Objective, channels_read
from .thin_gradient import Part, is_watched

if TYPE_CHECKING:
    from .layers import Layer
    from .network import Network

_FEW = 4  # a convolution is spared where at most one channel of so many is read


class Sparing:
    """What may be left out in one network, for each question that is asked of it again and again."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, int], ...], Mapping[nn.Module, Part]] = {}

    def parts(self, network: Network, images: Tensor, objectives: Sequence[Objective]) -> Mapping[nn.Module, Part]:
        """The convolutions that are to be computed in part for this question; found when it is asked first."""
        read = channels_read(objectives)
        if not read or any(objective.logits for objective in objectives):
            return {}
        if _is_watched(network, read):
            self._known.pop(read, None)
            return {}
        if read not in self._known:
            self._known[read] = found_parts(network, images, objectives)
        return self._known[read]


class Answer(NamedTuple):
    """Scores (N,) of objectives, and their gradient at the picture."""

    scores: tuple[Tensor, ...]
    gradient: Tensor

    def is_like(self, other: Answer) -> bool:
        """Whether both are the same up to rounding."""
        off = (self.gradient - other.gradient).abs().max()
        return _alike(self.scores, other.scores) and bool(off <= 1e-3 * other.gradient.abs().max())


def found_parts(network: Network, images: Tensor, objectives: Sequence[Objective]) -> Mapping[nn.Module, Part]:
    """The convolutions of which these objectives read few channels.

    Parameters
    ----------
    network
        Its module is not changed.
    images
        (N, C, H, W), what is asked about.
    objectives
        They read some channels of layers, and no class.
    """
    read = channels_read(objectives) or ()
    whole, gradients = _gradients(network.with_parts({}), images, objectives, _convolutions(network, read))
    parts = {}
    for module, gradient in gradients.items():
        count = gradient.shape[1]
        matter = set((gradient.abs().amax((0, 2, 3)) != 0).nonzero()[:, 0].tolist())
        # A unit that is silent has no gradient; mostly it hangs on the channel of its own number.
        matter |= {index % count for _, index in read if index < count}
        if len(matter) <= count // _FEW:
            parts[module] = sorted(matter)
    if _right(network, images, objectives, parts, whole):
        return _filled(parts, 0.0)
    alone = {module: few for module, few in parts.items() if _right(network, images, objectives, {module: few}, whole)}
    return _filled(alone, 0.0) if _right(network, images, objectives, alone, whole) else {}


def _convolutions(network: Network, read: Sequence[tuple[str, int]]) -> list[Layer]:
    """Plain convolutions within the layers that are read, each called once."""
    within = {module for name, _ in read for module in network.layer(name).address.module.modules()}
    calls = [layer.address.module for layer in network.layers]
    return [
        layer
        for layer in network.layers
        if (module := layer.address.module) in within and calls.count(module) == 1
        if type(module) is nn.Conv2d and is_plain(module)
    ]


def _is_watched(network: Network, read: Sequence[tuple[str, int]]) -> bool:
    """Whether the user has hooks or a `forward` of their own in the layers that are read: they are to see what they always see."""
    within = (module for name in dict(read) for module in network.layer(name).address.module.modules())
    return any(is_watched(module) or "forward" in vars(module) for module in within)


def _gradients(
    network: Network, images: Tensor, objectives: Sequence[Objective], layers: Sequence[Layer]
) -> tuple[Answer, dict[nn.Module, Tensor]]:
    """The answer of the whole network, and how it changes with the outputs of these layers."""
    outputs: dict[nn.Module, Tensor] = {}

    def kept(module: nn.Module, output: Tensor) -> Tensor:
        outputs[module] = output
        return output

    for layer in layers:
        network = network.edited(layer.name, partial(kept, layer.address.module))
    trace, scores = network.ask(images, *objectives, wrt="image")
    with torch.inference_mode(mode=False), torch.enable_grad():
        total = torch.stack([score.sum() for score in scores]).sum()
        wanted = [trace.images, *outputs.values()]
        depends = total.requires_grad and all(each.requires_grad for each in wanted)
        found = torch.autograd.grad(total, wanted, allow_unused=True) if depends else [None] * len(wanted)
    gradients = [torch.zeros_like(x) if g is None else g for g, x in zip(found, wanted, strict=True)]
    return Answer(scores, gradients[0]), dict(zip(outputs, gradients[1:], strict=True))


def _right(
    network: Network,
    images: Tensor,
    objectives: Sequence[Objective],
    parts: Mapping[nn.Module, list[int]],
    whole: Answer,
) -> bool:
    """Whether the answer stays as it is when the other channels are no numbers, and with its gradient when they are 0."""
    _, broken = network.with_parts(_filled(parts, torch.nan)).ask(images, *objectives)
    if not _alike(broken, whole.scores):
        return False
    answer, _ = _gradients(network.with_parts(_filled(parts, 0.0)), images, objectives, [])
    return answer.is_like(whole)


def _filled(parts: Mapping[nn.Module, list[int]], rest: float) -> dict[nn.Module, Part]:
    return {module: Part(channels, rest) for module, channels in parts.items()}


def _alike(scores: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    pairs = zip(scores, others, strict=True)
    return all(torch.allclose(one, other, rtol=1e-3, atol=1e-5) for one, other in pairs)
