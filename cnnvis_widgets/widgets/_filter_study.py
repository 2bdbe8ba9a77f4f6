"""What is computed of one unit beside its cell: a large picture, pictures unlike it, the way to another unit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ._filter_wall import Cell, Wall, decoded, encoded

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.ascent import Ascent
    from ..engine.network import Network
    from ..engine.picture_cache import Cached, PictureCache

Kind = Literal["sharp", "variants", "between"]

#: Side of the large picture, pixels.
LARGE = 512
#: Steps that it is climbed on from the small one.
LARGE_STEPS = 48
#: Pictures that are kept unlike the unit's own.
VARIANTS = 3
#: Pictures from one unit to another, both ends included.
WAY = 7
#: What it is worth that two variants have nothing in common, as a multiple of the unit's response.
UNLIKE = 1.0
#: What it costs that neighbors on the way differ by all of their colors, as a multiple of a unit's response.
ALIGNED = 5.0


@dataclass(frozen=True)
class Errand:
    """What is asked for, of which unit."""

    kind: Kind
    layer: str
    channel: int
    other: int = -1

    @property
    def units(self) -> list[int]:
        """The channels whose pictures it begins with."""
        return [each for each in (self.channel, self.other) if each >= 0]


@dataclass(frozen=True)
class Found:
    """What has come of an errand: JPEG files after so many steps."""

    done: int
    steps: int
    pictures: tuple[bytes, ...] = field(repr=False)
    size: tuple[int, int] = (0, 0)
    scores: tuple[float, ...] = ()


def run(errand: Errand, network: Network, wall: Wall, cache: PictureCache | None) -> Iterator[Found]:
    """Compute it step by step; what is on the disk comes at once."""
    key = wall.key(errand.channel, errand.kind, errand.other, LARGE, LARGE_STEPS, UNLIKE, ALIGNED)
    kept = cache.get(key) if cache is not None else None
    known = _kept(kept) if kept is not None else None
    if known is not None:
        yield known
        return
    ascent, first = {"sharp": _large, "variants": _unlike, "between": _way}[errand.kind](errand, network, wall)
    found = _found(ascent, first)
    yield found
    while not ascent.finished:
        ascent.step()
        found = _found(ascent, first)
        yield found
    if cache is not None and all(map(math.isfinite, found.scores)):
        facts = {"done": found.done, "size": found.size, "scores": found.scores}
        cache.put(key, facts, {str(place): file for place, file in enumerate(found.pictures)})


def _kept(record: Cached) -> Found | None:
    """What a record holds; None if it is one of something else."""
    facts = record.facts
    try:
        done, size, scores = int(facts["done"]), tuple(facts["size"]), tuple(facts["scores"])
    except (LookupError, TypeError, ValueError):
        return None
    return Found(done, done, tuple(record.parts.values()), size, scores)


def _found(ascent: Ascent, first: int) -> Found:
    from ..engine.images import to_uint8

    pixels = to_uint8(ascent.pictures)[first:]
    scores = tuple(ascent.scores.tolist()[first:]) if ascent.done else ()
    return Found(ascent.done, ascent.total, tuple(map(encoded, pixels)), pixels.shape[1:3], scores)


def _large(errand: Errand, network: Network, wall: Wall) -> tuple[Ascent, int]:
    """On from the small picture, enlarged."""
    from ..engine.ascent import Ascent
    from ..engine.objectives import channel

    small = _picture(network, wall.cell(errand.channel))
    start = None if small is None else _enlarged(small, LARGE)
    recipe = replace(wall.recipe, steps=LARGE_STEPS if start is not None else wall.steps)
    objective = channel(errand.layer, errand.channel)
    return Ascent(network, objective, recipe, size=LARGE, start=start, seed=wall.seed), 0


def _unlike(errand: Errand, network: Network, wall: Wall) -> tuple[Ascent, int]:
    """The unit's own picture goes along, so that the others are kept unlike it too; it is not shown."""
    import torch

    from ..engine.ascent import Ascent
    from ._filter_unlike import kept_apart

    objective = kept_apart(errand.layer, errand.channel, UNLIKE)
    climb = partial(Ascent, network, objective, wall.recipe, size=wall.size)
    own = _picture(network, wall.cell(errand.channel))
    if own is None:
        return climb(seed=wall.seed, count=VARIANTS + 1), 1
    fresh = climb(seed=wall.seed + 1, count=VARIANTS).pictures  # noise
    return climb(start=torch.cat([own, fresh.to(own)]), seed=wall.seed, count=VARIANTS + 1), 1


def _way(errand: Errand, network: Network, wall: Wall) -> tuple[Ascent, int]:
    """Each picture wants a share of both units; neighbors are kept alike, so that one turns into the other."""
    from ..engine.ascent import Ascent
    from ..engine.feature_objectives import alignment
    from ..engine.objectives import channel

    one, other = (channel(errand.layer, each) for each in (errand.channel, errand.other))
    here, there = (1 / _response(wall.cell(each)) for each in (errand.channel, errand.other))
    shares = [place / (WAY - 1) for place in range(WAY)]
    aligned = ALIGNED * alignment("image")
    wanted = [((1 - share) * here) * one + (share * there) * other + aligned for share in shares]
    return Ascent(network, wanted, wall.recipe, size=wall.size, seed=wall.seed), 0


def _response(cell: Cell | None) -> float:
    """What the unit answers to its own picture; 1 where that is not known."""
    known = cell is not None and math.isfinite(cell.score) and abs(cell.score) > 1e-6
    return abs(cell.score) if cell is not None and known else 1.0


def _picture(network: Network, cell: Cell | None) -> Tensor | None:
    """A cell's picture (1, C, H, W) in [0, 1] with the network's channels."""
    from ..engine.images import from_array

    if cell is None or not len(cell.picture):
        return None
    if network.preprocess.channels not in (1, 3, None):
        return None
    picture = from_array(decoded(cell.jpeg), channels_last=True)
    return replace(network.preprocess, size=None).fit(picture).to(network.device)


def _enlarged(picture: Tensor, side: int) -> Tensor:
    from torch.nn import functional

    return functional.interpolate(picture, (side, side), mode="bicubic", antialias=True).clamp(0, 1)


def told(found: Found | None, **more: Any) -> dict[str, Any]:
    """What the page takes; nothing of nothing."""
    if found is None:
        return {}
    return {"done": found.done, "steps": found.steps, "size": list(found.size), "data": list(found.pictures), **more}
