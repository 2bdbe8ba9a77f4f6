"""What is pulled in a picture: units with weights, and which way they grow from pixel to pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from .errors import SIZE_REFUSALS, AscentError, CnnvisError, LayerError
from .network import Network
from .plain_numbers import number
from .rectifier import Rule
from .tiling import Tiling, cut, within
from .trace import IMAGE, Trace

_ENOUGH = 512  # pixels of a picture's sides that show whether the layers can work on it


class Found(NamedTuple):
    """How strong a unit is in a picture: what its pull is measured in, and how active it is on average."""

    strength: float
    activity: float


@dataclass(frozen=True)
class Pull:
    """One unit that is pulled."""

    layer: str
    channel: int | None
    weight: float
    features: Tensor | None = None  # (C, positions) of the guide

    def response(self, maps: Tensor) -> Tensor:
        """What is climbed, summed over the positions of (1, C, h, w)."""
        if self.channel is not None:
            return maps[:, self.channel].sum()
        if self.features is None:
            return maps.square().sum() / 2
        return (self.features.T @ maps[0].flatten(1)).amax(0).sum()

    def sums(self, maps: Tensor) -> tuple[float, float, int]:
        """(the size of the response, the activity, how many positions), summed over positions."""
        maps = maps.detach().float()
        positions = maps.shape[2] * maps.shape[3]
        if self.channel is not None:
            own = maps[:, self.channel]
            return float(own.abs().sum()), float(own.sum()), positions
        size = maps.abs().mean(1)
        strength = maps.square().sum() / 2 if self.features is None else size.sum() * maps.shape[1]
        return float(strength), float(size.sum()), positions


class Slope:
    """Which way the pulled units grow: gradients of pictures of any size, whole or tile by tile.

    Parameters
    ----------
    network
        One that takes pictures of any size.
    pulls
        Unit -> weight.
    guide
        (1, C, h, w), or None.
    tile
        Side of a tile in pixels, or None.
    """

    def __init__(self, network: Network, pulls: Mapping[str, float], guide: Tensor | None, tile: int | None) -> None:
        self.network = network
        if not isinstance(pulls, Mapping):
            msg = (
                f"What is pulled is {pulls!r}: give units with weights, such as {{{network.last_spatial_layer!r}: 1}}."
            )
            raise AscentError(msg)
        self.pulls = {str(name): _pull(network, str(name), weight) for name, weight in pulls.items()}
        if not any(pull.weight for pull in self.pulls.values()):
            msg = "Nothing is pulled, since every weight is 0: give a layer or a channel a weight, such as 1."
            raise AscentError(msg)
        self.layers = tuple(dict.fromkeys(pull.layer for pull in self.pulls.values()))
        if guide is not None:
            error = self.refusal(guide)
            if error is not None:
                size = "×".join(map(str, _size(guide)))
                msg = f"A guide of {size} pixels does not go through {network.name} up to {self.layers[-1]!r}: give a larger one."
                raise AscentError(msg) from error
            self.pulls = {name: self._guided(pull, guide) for name, pull in self.pulls.items()}
        self.tiling = Tiling.for_fields(tile, (network.layer(name).receptive_field for name in self.layers))

    def at(
        self, picture: Tensor, start: Mapping[str, Found], *, corner: tuple[float, float] = (0.0, 0.0)
    ) -> tuple[Tensor, dict[str, Found]]:
        """The gradient of all pulls together, (1, C, H, W), and how strong the units are.

        Parameters
        ----------
        start
            What each unit's pull is counted in.
        corner
            Where the tiles begin, in [0, 1] of a tile.
        """
        gradient, found = self._gradient(picture, start, corner, None)
        if not gradient.any():
            # Every ReLU on the way is shut: what would open them is found by letting the gradient through.
            gradient, found = self._gradient(picture, start, corner, "redirected")
        if not torch.isfinite(gradient).all():
            msg = (
                f"The gradient of {', '.join(self.pulls)} holds values that are no numbers: are the network's weights?"
            )
            raise AscentError(msg)
        if not gradient.any():
            msg = f"Nothing leads up: no change of the picture changes {', '.join(self.pulls)}. Pull another layer or channel."
            raise AscentError(msg)
        return gradient, found

    def measure(self, picture: Tensor) -> dict[str, Found]:
        """How strong each unit is in a picture."""
        seen = _Sums(self.pulls)
        for _, patch in self.tiling.tiles(_size(picture)):
            seen.add(self.network.trace(cut(picture, patch), *self.layers, logits=False))
        return seen.means()

    def activities(self, found: Mapping[str, Found]) -> dict[str, float]:
        """Unit -> activity."""
        return {name: each.activity for name, each in found.items()}

    def refusal(self, picture: Tensor) -> Exception | None:
        """Why a picture of this size does not go through the layers; None if it does."""
        try:
            self.network.trace(picture[..., :_ENOUGH, :_ENOUGH], *self.layers, logits=False)
        except CnnvisError:
            raise
        except SIZE_REFUSALS as error:
            return error
        return None

    def _gradient(
        self, picture: Tensor, start: Mapping[str, Found], corner: tuple[float, float], rectify: Rule | None
    ) -> tuple[Tensor, dict[str, Found]]:
        whole, seen = torch.zeros_like(picture), _Sums(self.pulls)
        for core, patch in self.tiling.tiles(_size(picture), corner):
            part = cut(picture, patch)
            trace = self.network.trace(part, *self.layers, wrt=IMAGE, logits=False, rectify=rectify)
            cut(whole, core).copy_(cut(self._gradient_of(trace, start), within(core, patch)))
            seen.add(trace)
        return whole, seen.means()

    def _gradient_of(self, trace: Trace, start: Mapping[str, Found]) -> Tensor:
        """Of all pulls together, in a picture or a tile of one."""
        with torch.inference_mode(mode=False), torch.enable_grad():
            climbed = torch.zeros((), device=trace.images.device)
            for name, pull in self.pulls.items():
                climbed = climbed + pull.weight * _scale(start[name]) * pull.response(_maps(trace, pull.layer))
        return trace.gradient(climbed, IMAGE)

    def _guided(self, pull: Pull, guide: Tensor) -> Pull:
        if pull.channel is not None:
            return pull
        maps = _maps(self.network.trace(guide, pull.layer, logits=False), pull.layer)
        return replace(pull, features=maps[0].flatten(1).detach())


class _Sums:
    """Means over the positions of all tiles."""

    def __init__(self, pulls: Mapping[str, Pull]) -> None:
        self.pulls = pulls
        self.sums = dict.fromkeys(pulls, (0.0, 0.0, 0))

    def add(self, trace: Trace) -> None:
        for name, pull in self.pulls.items():
            strength, activity, positions = self.sums[name]
            more = pull.sums(_maps(trace, pull.layer))
            self.sums[name] = strength + more[0], activity + more[1], positions + more[2]

    def means(self) -> dict[str, Found]:
        return {
            name: Found(strength / max(count, 1), activity / max(count, 1))
            for name, (strength, activity, count) in self.sums.items()
        }


def _pull(network: Network, name: str, weight: float) -> Pull:
    layer, _, channel = name.rpartition(":")
    known = {each.name for each in network.layers}
    if name in known or not layer or not channel.isdigit():
        layer, channel = name, ""
    count = network.layer(layer).channels
    if channel and int(channel) >= count:
        msg = f"{layer} has channels 0–{count - 1}; {channel} is not one of them."
        raise LayerError(msg)
    if not math.isfinite(number(weight)):
        msg = f"The weight of {name} is {weight!r}: give a number."
        raise AscentError(msg)
    return Pull(layer, int(channel) if channel else None, float(number(weight)))


def _maps(trace: Trace, layer: str) -> Tensor:
    """(1, C, h, w); a vector counts as one position, tokens as a row of them."""
    return trace.network.layer(layer).maps(trace[layer])


def _scale(found: Found) -> float:
    """What makes pulls of different strength comparable; a silent unit counts as it is."""
    return 1 / found.strength if found.strength > 0 and math.isfinite(found.strength) else 1.0


def _size(picture: Tensor) -> tuple[int, int]:
    return picture.shape[2], picture.shape[3]
