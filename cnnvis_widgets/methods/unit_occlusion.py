"""Which channels a class needs: units are taken away instead of pixels."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from ..engine.ablation import Ablation, Replacement, chosen_channels
from ..engine.errors import LayerError
from ..engine.gradients import score_of
from ..engine.images import ImageLike, to_uint8
from ..engine.layers import Layer
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.steps import Step, Steps
from ..engine.unit_ranking import UnitRanking


def unit_occlusion(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    layer: str | None = None,
    channels: Sequence[int] | None = None,
    value: Replacement = 0.0,
    batch: int = 32,
) -> Steps[UnitRanking]:
    """How much a score falls when each channel of a layer is switched off by itself.

    What lies before the layer runs once, what follows once a channel. The channels that are changed most come first; those that
    are not changed at all need no pass. Channels that do the same work can stand in for each other: taken away one at a time,
    none of them seems to be needed.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture. A class stands for
        its score before the softmax; for the fall in probability give `class_probability(…)`.
    layer
        Whose channels; by default the last block that still has spatial axes.
    channels
        Which of them, all by default.
    value
        What each of a channel's values becomes: a number, or "mean", the channel's own mean over positions: then it still tells
        how much, but no longer where.
    batch
        How many channels are taken away at once.

    Returns
    -------
    Steps of UnitRanking
        `falls` (N, channels), signed, in units of the score. Partial results hold the channels asked so far, others are NaN.

    Raises
    ------
    LayerError
        If there is no such layer or channel, or the layer has no positions to take a mean over.
    TargetError
        If there is no such class.
    ValueError
        If value or batch are none.

    References
    ----------
    Morcos et al., "On the Importance of Single Directions for Generalization", ICLR 2018. Zhou et al., "Revisiting the Importance
    of Individual Units in CNNs via Ablation", 2018.
    """
    _check(value, batch)
    read = network.layer(network.last_spatial_layer if layer is None else layer)
    units = chosen_channels(read, channels)
    images = network.read(images)
    asked = one_by_one(target, network, images)
    output = network.trace(images, read.name, logits=False)[read.name].detach()
    _check_positions(read, output, value)
    work = [Ablation(read, output[picture : picture + 1], value) for picture, _ in asked]
    note = f"Each unit by itself became {'its mean over positions' if value == 'mean' else f'{value:g}'}."
    return Steps(_take_away(network, images, asked, work, units, note, batch), len(units) * len(asked))


class _Falls:
    """What is known so far."""

    def __init__(self, asked: list[tuple[int, Objective]], units: np.ndarray, clean: list[Tensor]) -> None:
        self.clean = torch.stack(clean).cpu().numpy()
        self.targets = tuple(objective.name for _, objective in asked)
        self.units, self.columns = units, {int(unit): column for column, unit in enumerate(units)}
        self.values = np.full((len(asked), len(units)), np.nan, np.float32)
        self.done = 0

    def set(self, row: int, units: Sequence[int], falls: np.ndarray | float) -> None:
        self.values[row, [self.columns[int(unit)] for unit in units]] = falls
        self.done += len(units)

    def result(self, layer: Layer, images: np.ndarray, note: str) -> UnitRanking:
        addresses = tuple(f"{layer.name}:{unit}" for unit in self.units)
        return UnitRanking(self.values.copy(), addresses, self.clean, self.targets, images, (note,))


def _take_away(
    network: Network,
    images: Tensor,
    asked: list[tuple[int, Objective]],
    work: list[Ablation],
    units: np.ndarray,
    note: str,
    batch: int,
) -> Generator[Step[UnitRanking], None, None]:
    shown = to_uint8(images.detach())[[picture for picture, _ in asked]]
    clean = [score_of(network, images[picture : picture + 1], objective)[0] for picture, objective in asked]
    found = _Falls(asked, units, clean)
    for row, ((picture, objective), one) in enumerate(zip(asked, work, strict=True)):
        changing = one.changing[torch.from_numpy(np.isin(one.changing.cpu(), units)).to(one.changing.device)]
        found.set(row, np.setdiff1d(units, changing.cpu()).tolist(), 0)
        for some in changing.split(batch) if len(changing) else (changing,):
            if len(some):
                scores = one.scores(network, images[picture : picture + 1], objective, some, clean[row])
                found.set(row, some.tolist(), (clean[row] - scores).cpu().numpy())
            yield Step(found.done, found.values.size, found.result(one.layer, shown, note))


def _check(value: Replacement, batch: int) -> None:
    if value != "mean" and (isinstance(value, (str, bool)) or not isfinite(value)):
        msg = f"value is {value!r}: give the number that a channel becomes, such as 0, or 'mean'."
        raise ValueError(msg)
    if batch < 1:
        msg = f"batch is {batch}: take away at least one channel at once."
        raise ValueError(msg)


def _check_positions(layer: Layer, output: Tensor, value: Replacement) -> None:
    if value == "mean" and output[0].numel() == layer.channels:
        msg = (
            f"{layer.name} gives {layer.shape} for a picture, one value a channel, which is its own mean: use value=0."
        )
        raise LayerError(msg)
