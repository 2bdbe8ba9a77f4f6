"""What each pixel contributes to the score, complete: the parts add up to the whole."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import functional as F

from ..engine.errors import ImageError
from ..engine.gradients import as_array, fitting_batch, gradient_of, score_of
from ..engine.images import ImageLike, to_uint8
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.results import Heatmap
from ..engine.steps import Step, Steps

Baseline: TypeAlias = "Literal['black', 'white', 'mean', 'blur', 'noise'] | float | np.ndarray | Tensor"


def integrated_gradients(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    baseline: Baseline = "black",
    steps: int = 32,
    batch: int | None = None,
    seed: int = 0,
) -> Steps[Heatmap]:
    """Integrated gradients: the gradient averaged on the straight way from a baseline to the picture, times their difference.

    The integral is taken with Gauss and Legendre's points. How far the map's sum is from the difference in score is on the
    result: `completeness_error`.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture.
    baseline
        Where the way begins: "black", "white", "mean" (the color that normalization sends to 0), "blur" (the picture without
        its details), "noise" (uniform, of `seed`), a gray level in [0, 1], or a picture (C, H, W) in [0, 1].
    steps
        Points on the way; each costs one forward and one backward pass.
    batch
        How many of them are computed at once; by default few enough for the caches.
    seed
        Of the baseline "noise".

    Returns
    -------
    Steps of Heatmap
        Partial results hold the part of the way done, scaled to its share. In the last, `values` (N, H, W) are signed sums
        over the color channels in units of the score, `channels` (N, C, H, W), `completeness_error` (N,).

    Raises
    ------
    ImageError
        If the baseline does not fit the pictures.
    TargetError
        If there is no such class.

    References
    ----------
    Sundararajan et al., "Axiomatic Attribution for Deep Networks", ICML 2017.
    """
    if steps < 1 or (batch is not None and batch < 1):
        msg = f"steps and batch count passes, at least 1; {steps} and {batch} were given."
        raise ValueError(msg)
    images = network.read(images)
    batch = fitting_batch(images, 8) if batch is None else batch
    asked = one_by_one(target, network, images)
    starts = _start(network, images, baseline, seed)
    count = -(-steps // batch)
    return Steps(_walk(network, images, asked, starts, steps, batch), count * len(asked))


def _walk(
    network: Network, images: Tensor, asked: list[tuple[int, Objective]], starts: Tensor, steps: int, batch: int
) -> Generator[Step[Heatmap], None, None]:
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    places, shares = torch.tensor((nodes + 1) / 2), torch.tensor(weights / 2)
    free, done, total = network.unbounded(), 0, -(-steps // batch) * len(asked)
    channels = torch.zeros(len(asked), *images.shape[1:], device=images.device)
    errors = np.full(len(asked), np.nan, np.float32)
    for row, (picture, objective) in enumerate(asked):
        image, start = (_ordered(each[picture : picture + 1].detach()) for each in (images, starts))
        way, mean = image - start, torch.zeros_like(image[0])
        for place, share in zip(places.split(batch), shares.split(batch), strict=True):
            at = start + place.to(way).view(-1, 1, 1, 1) * way
            gradient = gradient_of(free, at, objective).movedim(1, -1)  # as it lies in memory
            mean += (share.to(way) @ gradient.flatten(1)).view(gradient.shape[1:]).movedim(-1, 0)
            channels[row] = mean * way[0]
            done += 1
            if done % -(-steps // batch) == 0:
                errors[row] = _error(free, objective, torch.cat([start, image]), channels[row])
            yield Step(done, total, _result(images, asked, channels, errors, steps))


def _ordered(picture: Tensor) -> Tensor:
    """In the layout that the network wants, so that no point on the way has to be copied into it."""
    return picture.contiguous(memory_format=torch.channels_last)


def _error(network: Network, objective: Objective, ends: Tensor, channels: Tensor) -> float:
    low, high = score_of(network, ends, objective).double().tolist()
    return float(channels.double().sum()) - (high - low)


def _result(
    images: Tensor, asked: list[tuple[int, Objective]], channels: Tensor, errors: np.ndarray, steps: int
) -> Heatmap:
    names = tuple(objective.name for _, objective in asked)
    pictures = to_uint8(images[[picture for picture, _ in asked]])
    notes = (f"{steps} points on the way from the baseline.",)
    values = as_array(channels)
    return Heatmap(
        values.sum(1),
        pictures,
        "Integrated gradients",
        targets=names,
        notes=notes,
        channels=values.copy(),
        completeness_error=errors.copy(),
    )


def _start(network: Network, images: Tensor, baseline: Baseline, seed: int) -> Tensor:
    """A baseline for each picture, (N, C, H, W)."""
    count, channels, height, width = images.shape
    if isinstance(baseline, str):
        if baseline == "black":
            return torch.zeros_like(images)
        if baseline == "white":
            return torch.ones_like(images)
        if baseline == "mean":
            return network.preprocess.neutral(images).expand_as(images)
        if baseline == "blur":
            size = max(height, width) // 4 | 1
            padded = F.pad(images.detach(), [min(size // 2, width - 1), min(size // 2, height - 1)], padding_mode="reflect")
            return F.center_crop(F.gaussian_blur(padded, [size, size], [size / 4, size / 4]), [height, width])
        if baseline == "noise":
            chance = torch.Generator().manual_seed(seed)
            return torch.rand(1, channels, height, width, generator=chance).to(images).expand_as(images)
        msg = f"There is no baseline {baseline!r}: choose black, white, mean, blur, noise, a gray level or a picture."
        raise ImageError(msg)
    given = torch.as_tensor(baseline, dtype=images.dtype, device=images.device)
    if given.ndim and tuple(given.shape[-3:]) not in {(channels, height, width), (channels, 1, 1)}:
        msg = f"The baseline is {tuple(given.shape)} and the pictures are {(channels, height, width)}: give one of that shape."
        raise ImageError(msg)
    if given.ndim == 4 and len(given) not in (1, count):
        msg = f"{count} pictures need {count} baselines, one each, or a single one; {len(given)} were given."
        raise ImageError(msg)
    if not (torch.isfinite(given).all() and given.min() >= 0 and given.max() <= 1):
        msg = "A baseline is a picture with values in [0, 1]; this one has others."
        raise ImageError(msg)
    return given.expand_as(images)
