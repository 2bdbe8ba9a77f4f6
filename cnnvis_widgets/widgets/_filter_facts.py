"""What is known of the units of a layer without climbing: their weights, what they answer to the same pictures, which are alike."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.layers import Layer
    from ..engine.network import Network
    from ..engine.strongest import Strongest

#: Of filters over more inputs than this, the strongest inputs are shown; more where each is one pixel.
INPUTS = 16
PIXELS = 256
#: Units are alike if they answer alike to so many pictures.
PROBES = 64
#: Asked so many at once.
TOGETHER = 16
#: Patches shown of a unit.
PATCHES = 9
#: Side of a patch on the sheet of a cell, and on that of the chosen unit, pixels.
PATCH, LARGE_PATCH = 56, 112


def weights_of(network: Network, layer: str) -> dict[str, Any]:
    """The filters of a layer as the page takes them, or why there are none and where there are."""
    from ..engine.errors import LayerError
    from ..methods.filters import filters

    try:
        found = filters(network, layer)
    except LayerError as error:
        return {"layer": layer, "why": str(error), "near": _near(network, layer)}
    inputs, units, height, width = found.values.shape
    shown = inputs if found.rgb else min(inputs, PIXELS if height * width == 1 else INPUTS)
    chosen = _strongest_inputs(found.values, shown)
    values = np.take_along_axis(found.values.swapaxes(0, 1), chosen[:, :, None, None], 1)  # (K, shown, h, w)
    finite = np.nan_to_num(values, posinf=0, neginf=0)
    bound = np.abs(finite).reshape(units, -1).max(1, initial=0)
    levels = finite / np.where(bound > 0, bound, 1)[:, None, None, None] * 127
    return {
        "layer": layer,
        "why": "",
        "near": [],
        "rgb": found.rgb,
        "inputs": inputs,
        "shown": shown,
        "height": height,
        "width": width,
        "dead": [int(each) for each in np.flatnonzero(found.dead)],
        "chosen": chosen.astype("<i4").tobytes(),
        "bound": bound.astype("<f4").tobytes(),
        "data": levels.round().astype(np.int8).tobytes(),
    }


def _strongest_inputs(values: np.ndarray, count: int) -> np.ndarray:
    """int64 (K, count): of each filter (I, K, h, w), the inputs it reads most strongly, in their own order."""
    size = np.abs(np.nan_to_num(values)).sum((2, 3)).T
    return np.sort(np.argsort(-size, 1, kind="stable")[:, :count], 1)


def _near(network: Network, layer: str) -> list[str]:
    """The convolutions inside a layer; or else the last one before it, and the first one after."""
    from torch import nn

    names = [each.name for each in network.layers]
    kinds = {each.name for each in network.layers if isinstance(each.address.module, (nn.Conv2d, nn.ConvTranspose2d))}
    inside = [name for name in names if name in kinds and name.startswith(f"{layer}.")]
    at = names.index(layer)
    around = [*[name for name in names[:at] if name in kinds][-1:], *[name for name in names[at:] if name in kinds][:1]]
    return (inside or around)[:2]


def takes(network: Network, layer: str, size: tuple[int, int]) -> bool:
    """Whether a layer can be reached with pictures of another size than the network's own."""
    import torch

    gray = torch.full((1, network.preprocess.channels or 3, *size), 0.5, device=network.device)
    try:
        network.at_any_size().trace(gray, layer, logits=False)
    except Exception:  # noqa: BLE001 (a layer that wants its own size fails in any way)
        return False
    return True


def probes(network: Network, pictures: Sequence[Any]) -> list[Tensor]:
    """(1, C, H, W) each: pictures that every unit is asked about, evenly out of a data set, all of one size; of those it can give."""
    from ..engine.errors import CnnvisError
    from ..engine.strongest import picture_in

    places = np.unique(np.linspace(0, max(0, len(pictures) - 1), min(PROBES, len(pictures))).round().astype(int))
    read: list[Tensor] = []
    for place in places:
        with suppress(CnnvisError, IndexError):  # the search for the strongest patches says what is wrong with it
            read.append(network.read(picture_in(pictures[int(place)])))
    return [each for each in read if each.shape == read[0].shape]


def noise(network: Network, count: int, seed: int, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W): pictures with noise of many sizes in them, as large as the network's own; of `size` if it has none."""
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(seed)
    shape = (network.preprocess.channels or 3, *(network.preprocess.size or size))
    found = torch.zeros(count, *shape)
    for cells in (2, 4, 8, 16, 32):
        coarse = torch.rand((count, shape[0], cells, cells), generator=generator) - 0.5
        found += functional.interpolate(coarse, shape[1:], mode="bilinear")
    return (0.5 + 0.5 * found).clamp(0, 1).to(network.device)


def answer_to_noise(network: Network, layer: str) -> str:
    """In few digits what a layer answers to a picture of noise: what no weight tells shows here, rounding errors do not."""
    picture = noise(network, 1, 0, (PROBES, PROBES))
    answer = network.at_any_size().trace(picture, layer, logits=False)[layer].detach().double().flatten()
    found = []
    for part in (answer.clamp_min(0), (-answer).clamp_min(0)):
        places = part.new_tensor(range(len(part))) / len(part)
        found += [part.square().mean().sqrt(), (part * places).sum() / part.sum().clamp_min(1e-30)]
    return " ".join(f"{float(each):.3g}" for each in found)


def answers(network: Network, layer: Layer, pictures: Sequence[Tensor]) -> np.ndarray:
    """float32 (N, K): the mean answer of every unit to some pictures, (1, C, H, W) each."""
    import torch

    found = []
    for start in range(0, len(pictures), TOGETHER):
        some = torch.cat(list(pictures[start : start + TOGETHER]))
        maps = layer.maps(network.trace(some, layer.name, logits=False)[layer.name].detach())
        found.append(maps.float().mean((2, 3)).cpu())
    return torch.cat(found).numpy()


def profiles(answered: np.ndarray) -> np.ndarray:
    """int8 (K, N): what tells units apart; the cosine of two rows is the correlation of their answers."""
    centered = np.nan_to_num(answered - answered.mean(0)).T
    bound = np.abs(centered).max(1, initial=0, keepdims=True)
    return (centered / np.where(bound > 0, bound, 1) * 127).round().astype(np.int8)


def likeness(profile: np.ndarray, channel: int) -> np.ndarray:
    """float64 (K,): the correlation of every unit's answers with those of one; -1 to 1, NaN for a unit that never differs."""
    rows = profile.astype(np.float64)
    length = np.linalg.norm(rows, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = rows @ rows[channel] / (length * length[channel])
    return found


def sheet(found: Strongest, channel: int, side: int = PATCH) -> bytes:
    """The strongest patches of a unit as one WebP file, three in a row, 3 side × 3 side pixels.

    A patch at the border of its picture is smaller: what is not there is transparent.
    """
    across = math.isqrt(PATCHES)
    paper = Image.new("RGBA", (across * side, across * side))
    for rank in range(min(PATCHES, found.count(channel))):
        tile = Image.fromarray(np.ascontiguousarray(found.patch(channel, rank)))
        scale = side / max(tile.size)
        tile = tile.resize(
            (max(1, round(tile.width * scale)), max(1, round(tile.height * scale))), Image.Resampling.BILINEAR
        )
        middle = ((side - tile.width) // 2, (side - tile.height) // 2)
        paper.paste(tile, (rank % across * side + middle[0], rank // across * side + middle[1]))
    out = io.BytesIO()
    paper.save(out, "WEBP", quality=88, method=0)
    return out.getvalue()


def patches_of(found: Strongest, channel: int) -> list[dict[str, Any]]:
    """What is told of the strongest patches of a unit: the value, the picture's name, the box."""
    row = found.row(channel)
    return [
        {
            "value": float(found.values[row, rank]),
            "name": found.names.get(int(found.pictures[row, rank]), ""),
            "box": found.boxes[row, rank].tolist(),
        }
        for rank in range(min(PATCHES, found.count(channel)))
    ]
