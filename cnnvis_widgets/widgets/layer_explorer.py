"""Every layer of a network on a picture: its maps as a wall, one of them large."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from . import _poster
from ._base import Update, Viewer, built
from ._traits import option, state

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.layers import Layer

#: Maps larger than this are averaged down for the wall of tiles.
TILE = 64
#: Bins of the histogram of activations, four decades wide.
BINS = 24
DECADES = 4


class LayerExplorer(Viewer):
    """Layers in execution order, the chosen layer's activation maps as a grid, one map large over the picture.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    image
        A picture or a list of them: anything that `Network.read` takes.
    **options
        `layer` (its name), `channel`, `colormap`.

    Examples
    --------
    >>> explorer = LayerExplorer(network, "cat.jpg", layer="features.7")  # doctest: +SKIP
    >>> explorer.observe(lambda change: print(change.new), "channel")  # doctest: +SKIP
    """

    _esm = built("layer_explorer.js")
    _css = built("layer_explorer.css")
    title = "Layer explorer"

    colormap = option(traitlets.Enum(["tide", "viridis", "gray"], "tide"))
    maps = state(traitlets.Dict(), ts="Maps | Empty")
    unit = state(traitlets.Dict(), ts="Unit | Empty")
    activity = state(traitlets.Dict(), ts="Activity | Empty")

    _asks: ClassVar[tuple[str, ...]] = ("image", "layer", "channel")

    def __init__(self, network: Any, image: Any = None, **options: Any) -> None:
        self._shown: tuple[int, str, np.ndarray] | None = None
        super().__init__(network, image, **options)

    def _work(self) -> Iterator[Update]:
        image, layer, channel = self.image, self.layer, self.channel
        changes: dict[str, Any] = {}
        started = perf_counter()
        values = self._values(image, layer)
        if (self.maps.get("image"), self.maps.get("layer")) != (image, layer):
            milliseconds = (perf_counter() - started) * 1000
            changes["message"] = (
                f"{layer}: {len(values)} maps of {self.pictures[image]['name']} in {milliseconds:.0f} ms"
            )
            changes["maps"] = packed(values, image, layer)
        let_go = channel < 0 and (self.unit.get("image"), self.unit.get("layer")) == (image, layer)
        shown = -1 if let_go else self._channel(values, layer, channel)
        changes["unit"] = {} if let_go else _unit(values, image, layer, shown)
        surveyed = self.activity.get("image") == image
        yield Update(changes, None if surveyed else 0.5, {"channel": (channel, shown)})
        if not surveyed:
            yield Update(self._survey(image))

    def _values(self, image: int, layer: str) -> np.ndarray:
        """The maps of a layer, float32 (C, h, w); the last ones asked for are kept."""
        from ..methods.activation_maps import activation_maps

        if self._shown is None or self._shown[:2] != (image, layer):
            values = activation_maps(self.network, self._input(), layer).values[0]
            self._shown = (image, layer, values)
        return self._shown[2]

    def _channel(self, values: np.ndarray, layer: str, asked: int) -> int:
        """The channel asked for; the strongest one where none is chosen, or where the layer has changed to a smaller one."""
        if 0 <= asked < len(values):
            return asked
        if asked >= len(values) and self.unit.get("layer") == layer:
            self._checked_channel(asked)
        return int(np.nan_to_num(values.mean((1, 2)), nan=-np.inf).argmax())

    def _survey(self, image: int) -> dict[str, Any]:
        """Predictions and the histogram of activations of every layer, in one forward pass."""
        names = [layer.name for layer in self.network.layers if not layer.container]
        bins, predictions = self.network.survey(self._inputs[image], _log_histogram, names)
        scores = predictions.probabilities[0].astype(np.float32).tobytes()
        return {"activity": {"image": image, "bins": bins}, "pictures": self._scored(scores, image)}

    def _release(self) -> None:
        super()._release()
        self._shown = None

    def _poster(self) -> bytes | None:
        if self._shown is None:
            return None
        image, layer, values = self._shown
        return _poster.wall(f"{self.title}   {self.subject}", layer, values, self._inputs[image])

    def _archived(self) -> dict[str, Any]:
        """The tiles of every layer on every picture."""
        entries: dict[str, Any] = {}
        names = [layer.name for layer in self.network.layers if not layer.container]
        for image, picture in enumerate(self._inputs):
            packs, _ = self.network.survey(picture, partial(_deflated, image=image), names)
            entries |= {f"{image}|{name}": pack for name, pack in packs.items()}
        return {"kind": "layer_explorer", "entries": entries}


def _deflated(layer: Layer, activation: Tensor, *, image: int) -> dict[str, Any]:
    pack = packed(layer.maps(activation)[0].float().cpu().numpy(), image, layer.name)
    return {**pack, "data": zlib.compress(pack["data"], 6)}


def packed(values: np.ndarray, image: int, layer: str) -> dict[str, Any]:
    """Maps (C, h, w) as 8-bit tiles with their true ranges and statistics."""
    channels, height, width = values.shape
    flat = values.reshape(channels, -1)
    low, high = flat.min(1), flat.max(1)
    tiles = _averaged(values)
    span = np.where(high > low, high - low, 1)[:, None, None]
    scaled = np.nan_to_num((tiles - low[:, None, None]) / span * 255, nan=0, posinf=255, neginf=0)
    return {
        "image": image,
        "layer": layer,
        "channels": channels,
        "height": tiles.shape[1],
        "width": tiles.shape[2],
        "full": [height, width],
        "lo": low.astype(np.float32).tobytes(),
        "hi": high.astype(np.float32).tobytes(),
        "mean": flat.mean(1).astype(np.float32).tobytes(),
        "zeros": (flat == 0).mean(1).astype(np.float32).tobytes(),
        "peak": flat.argmax(1).astype(np.int32).tobytes(),
        "data": scaled.round().clip(0, 255).astype(np.uint8).tobytes(),
    }


def _averaged(values: np.ndarray) -> np.ndarray:
    """Maps no larger than a tile; larger ones averaged by area."""
    height, width = values.shape[1:]
    if max(height, width) <= TILE:
        return values
    import torch

    scale = TILE / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return torch.nn.functional.interpolate(torch.from_numpy(values)[None], size, mode="area")[0].numpy()


def _unit(values: np.ndarray, image: int, layer: str, channel: int) -> dict[str, Any]:
    """One map as it is, and the five channels most like it."""
    chosen = np.ascontiguousarray(values[channel], dtype=np.float32)
    return {
        "image": image,
        "layer": layer,
        "channel": channel,
        "height": chosen.shape[0],
        "width": chosen.shape[1],
        "data": chosen.tobytes(),
        "similar": similar(values, channel),
    }


def similar(values: np.ndarray, channel: int, count: int = 5) -> list[int]:
    """The channels whose maps point most nearly the same way (cosine of the angle between them), best first."""
    flat = np.nan_to_num(values.reshape(len(values), -1))
    lengths = np.linalg.norm(flat, axis=1)
    cosine = flat @ flat[channel] / np.maximum(lengths * lengths[channel], 1e-12)
    cosine[channel] = -np.inf
    best = np.argsort(-cosine, kind="stable")[:count]
    return [int(index) for index in best if cosine[index] > 0]


def _log_histogram(_layer: Layer, activation: Tensor) -> bytes:
    """How often each size of activation occurs: four decades below the largest, on a log scale, as 24 bytes."""
    import torch

    size = activation.detach().flatten()[:: max(1, activation.numel() // 20_000)].float().abs()
    peak = activation.detach().abs().amax().float() if activation.numel() else torch.tensor(0.0)
    if not torch.isfinite(peak) or peak == 0:
        return bytes(BINS)
    exponents = (size / peak).log10().clamp(-DECADES, 0)[size > 0]
    counts = torch.histc(exponents, BINS, -DECADES, 0)
    return bytes((counts / counts.max().clamp(min=1) * 255).round().to(torch.uint8).tolist())
