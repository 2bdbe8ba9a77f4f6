"""What an ascent is begun with: what is climbed, sizes, seeds, start pictures; and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .errors import AscentError, ImageError
from .images import MAX_PIXELS, ImageLike, decode
from .network import Network
from .objectives import Objective, Target, as_objective
from .plain_numbers import number, whole

Start: TypeAlias = "ImageLike | Sequence[ImageLike] | None"


def objectives_of(target: Target | Sequence[Target], network: Network) -> tuple[list[Objective], bool]:
    """One or several things to climb as objectives, and whether it was a single one.

    Raises
    ------
    TargetError
        If one of them is none.
    AscentError
        If there are none.
    """
    given: Any = target.tolist() if isinstance(target, (np.ndarray, Tensor)) else target
    single = isinstance(given, (str, Objective)) or not isinstance(given, Sequence)
    found = [as_objective(each, network) for each in ([given] if single else given)]
    if not found:
        msg = "There is nothing to climb: give an objective, a class index or a label, or several."
        raise AscentError(msg)
    return found, single


def pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """(height, width) of a side, or of both; None as it is."""
    if size is None:
        return None
    several = isinstance(size, Iterable) and not isinstance(size, str)
    given: Any = size if several else (size, size)
    sides = [whole(each) for each in given]
    if len(sides) != 2 or min(sides) < 1 or sides[0] * sides[1] > MAX_PIXELS:
        msg = (
            f"size is {size!r}: give a side in pixels, or (height, width), each at least 1 and {MAX_PIXELS // 1_000_000} megapixels "
            "at most."
        )
        raise AscentError(msg)
    return sides[0], sides[1]


def generators(seed: int | Sequence[int], count: int, *, alike: bool) -> list[torch.Generator]:
    """One for each picture: from the same seed, or from one after the other."""
    return [torch.Generator().manual_seed(each) for each in seeds_of(seed, count, alike=alike)]


def seeds_of(seed: int | Sequence[int], count: int, *, alike: bool) -> list[int]:
    """A seed for each picture: the same, or one after the other, where a single one is given.

    Raises
    ------
    AscentError
        If one is no whole number of 64 bits, or there is another number of them.
    """
    single = not isinstance(seed, Iterable) or isinstance(seed, str)
    given: list[Any] = [seed] * count if single else list(seed)  # type: ignore[arg-type]
    if len(given) != count:
        msg = f"{count} pictures need {count} seeds, one each, or a single one; {len(given)} were given."
        raise AscentError(msg)
    seeds = [number(each) for each in given]
    for each, found in zip(given, seeds, strict=True):
        if not -(2**63) <= found < 2**63 or found != int(found):
            msg = f"A seed is {each!r}: give a whole number, such as 0."
            raise AscentError(msg)
    return [int(each) + (index if single and not alike else 0) for index, each in enumerate(seeds)]


def normal(generators: Sequence[torch.Generator], size: tuple[int, ...]) -> Tensor:
    """Noise (N, *size), each picture's from its own generator."""
    return torch.stack([torch.randn(size, generator=each) for each in generators])


def starts_of(start: Any, count: int) -> list[Any]:
    """Start pictures as a list: one, or one each.

    Raises
    ------
    ImageError
        If there is another number of them.
    """
    several = isinstance(start, (list, tuple)) or (isinstance(start, (Tensor, np.ndarray)) and start.ndim == 4)
    found = list(start) if several else [start]
    if len(found) not in (1, count):
        msg = f"{count} pictures are climbed and {len(found)} given to start with: give one, or one each."
        raise ImageError(msg)
    return found


def start_pictures(start: Any, network: Network, shape: tuple[int, int, int, int]) -> Tensor:
    """Pictures to start with, of any kind that a network reads, as (N, C, H, W)."""
    whole = replace(network.preprocess, size=None, resize=None)
    sized = torch.cat([resized(whole.fit(decode(each)), shape[2:]) for each in starts_of(start, shape[0])])
    return sized.expand(shape[0], -1, -1, -1).to(network.device)


def resized(pictures: Tensor, size: Sequence[int]) -> Tensor:
    """Pictures (N, C, H, W) at another size."""
    if tuple(pictures.shape[2:]) == tuple(size):
        return pictures
    return functional.interpolate(pictures, tuple(size), mode="bilinear", antialias=True, align_corners=False)
