"""What a score loses when channels of a layer are replaced: what lies before the layer runs once, what follows once a channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .errors import LayerError
from .gradients import score_of
from .layers import Layer
from .network import Network
from .objectives import Objective

#: What a channel becomes: a number everywhere, or its own mean over positions.
Replacement: TypeAlias = "float | Literal['mean']"
_SAME = 1e-3


class Ablation:
    """One layer's output for one picture, (1, …), with single channels replaced in turn."""

    def __init__(self, layer: Layer, output: Tensor, value: Replacement = 0.0) -> None:
        self.layer, self.output = layer, output
        self.axis = output.ndim - 1 if output.ndim == 3 or layer.channels_last else 1
        lines = output.movedim(self.axis, 1)[0].flatten(0, -1).unflatten(0, (output.shape[self.axis], -1))
        self.values = lines.mean(1) if value == "mean" else torch.full_like(lines[:, 0], float(value))
        moved = (lines - self.values[:, None]).abs().amax(1)
        order = moved.argsort(descending=True, stable=True)
        #: Channels that a replacement changes, those it changes most first.
        self.changing = order[(moved > 0)[order]]
        self._together = True  # whether what follows may run on all outputs at once

    def without(self, channels: Tensor) -> Tensor:
        """(1 + K, …): the output as it is, then with each of K channels replaced."""
        changed = self.output.repeat(1 + len(channels), *([1] * (self.output.ndim - 1)))
        lines = changed.movedim(self.axis, 1)
        width = (len(channels), *([1] * (lines.ndim - 2)))
        lines[torch.arange(1, 1 + len(channels)), channels] = self.values[channels].view(width)
        return changed

    def scores(self, network: Network, image: Tensor, objective: Objective, channels: Tensor, clean: Tensor) -> Tensor:
        """The score with each of some channels replaced, (K,); `clean` is that of the picture (1, C, H, W) as it is."""
        changed = self.without(channels)
        edited = network.edited(self.layer.name, lambda _: changed)
        if self._together:
            try:
                scores = score_of(edited, image, objective)
                if len(scores) == len(changed) and torch.isclose(scores[0], clean, rtol=_SAME, atol=_SAME):
                    return scores[1:]
            except (RuntimeError, ValueError):  # an earlier layer's output meets this one, and cannot be broadcast
                pass
            self._together = False
        return score_of(edited, image.expand(len(changed), -1, -1, -1), objective)[1:]


def chosen_channels(layer: Layer, channels: Sequence[int] | None) -> np.ndarray:
    """Channels of a layer, int64, all by default; negative ones count from the end.

    Raises
    ------
    LayerError
        If the layer has no such channel, or one is named twice.
    """
    if channels is None:
        return np.arange(layer.channels)
    given = np.atleast_1d(np.asarray(channels))
    whole = given.ndim == 1 and given.dtype.kind in "iu" and len(given) > 0
    if not whole or (given < -layer.channels).any() or (given >= layer.channels).any():
        msg = f"{layer.name} has channels 0–{layer.channels - 1}; {channels!r} are not some of them."
        raise LayerError(msg)
    found = given.astype(np.int64) % layer.channels
    if len(np.unique(found)) < len(found):
        msg = f"Some channels of {layer.name} are named twice in {channels!r}: give each once."
        raise LayerError(msg)
    return found
