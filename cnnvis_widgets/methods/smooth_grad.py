"""The gradient without its noise: averaged over many noisy copies of the picture."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ..engine.gradients import as_array, fitting_batch, gradient_of
from ..engine.images import ImageLike, to_uint8
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.results import Heatmap
from ..engine.steps import Step, Steps

#: A method that can be averaged: (network, images, target) -> Heatmap, or the steps to one.
Attribution: TypeAlias = "Callable[..., Heatmap | Steps[Heatmap]]"


def smooth_grad(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    of: Attribution | None = None,
    samples: int = 16,
    noise: float = 0.15,
    batch: int | None = None,
    seed: int = 0,
) -> Steps[Heatmap]:
    """SmoothGrad: the mean of a map over copies of the picture with Gaussian noise.

    Parameters
    ----------
    network
        The network to explain.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture.
    of
        What is averaged: any method of this package that takes a network, pictures and a target, such as
        `guided_backprop`. By default the signed gradient.
    samples
        How many noisy copies.
    noise
        Standard deviation of the noise, as a share of a pixel's full range. Noisy pixels are not cut off at 0 and 1.
    batch
        How many copies are computed at once; by default few enough for the caches.
    seed
        The same seed gives the same noise, for every picture.

    Returns
    -------
    Steps of Heatmap
        Partial results are the mean so far. `values` (N, H, W) are signed sums over the color channels, `channels`
        (N, C, H, W) the mean gradient; with `of`, the mean of what that method gives.

    Raises
    ------
    TargetError
        If there is no such class.
    ValueError
        If there is no sample, or the noise is negative.

    References
    ----------
    Smilkov et al., "SmoothGrad: removing noise by adding noise", arXiv:1706.03825.
    """
    if samples < 1 or (batch is not None and batch < 1) or not noise >= 0:
        msg = f"samples and batch are at least 1 and noise at least 0; {samples}, {batch} and {noise} were given."
        raise ValueError(msg)
    images = network.read(images)
    batch = fitting_batch(images, 8) if batch is None else batch
    asked = one_by_one(target, network, images)
    return Steps(_average(network, images, asked, of, samples, noise, batch, seed), -(-samples // batch) * len(asked))


def _average(
    network: Network,
    images: Tensor,
    asked: list[tuple[int, Objective]],
    of: Attribution | None,
    samples: int,
    noise: float,
    batch: int,
    seed: int,
) -> Generator[Step[Heatmap], None, None]:
    free, done, total = network.unbounded(), 0, -(-samples // batch) * len(asked)
    made: list[_Mean] = [_Mean() for _ in asked]
    for row, (picture, objective) in enumerate(asked):
        chance = torch.Generator().manual_seed(seed)
        for start in range(0, samples, batch):
            count = min(batch, samples - start)
            grain = torch.randn(count, *images.shape[1:], generator=chance) * noise
            noisy = images[picture : picture + 1].detach() + grain.to(images)
            made[row].add(*(_gradients(free, noisy, objective) if of is None else _maps(of, free, noisy, objective)))
            done += 1
            yield Step(done, total, _result(images, asked, made, of, samples, noise))


class _Mean:
    """The mean of maps that come in batches, and what else is known of them."""

    def __init__(self) -> None:
        self.count = 0
        self.values: Tensor | None = None
        self.channels: Tensor | None = None
        self.made: Heatmap | None = None

    def add(self, values: Tensor, channels: Tensor | None, made: Heatmap | None) -> None:
        """Values (n, h, w), channels (n, C, H, W)."""
        before, self.count = self.count, self.count + len(values)
        self.values = _moved(self.values, values, before)
        self.channels = None if channels is None else _moved(self.channels, channels, before)
        self.made = made


def _moved(mean: Tensor | None, batch: Tensor, before: int) -> Tensor:
    total = batch.sum(0) if mean is None else mean * before + batch.sum(0)
    return total / (before + len(batch))


def _gradients(network: Network, noisy: Tensor, objective: Objective) -> tuple[Tensor, Tensor, None]:
    gradient = gradient_of(network, noisy, objective)
    return gradient.sum(1), gradient, None


def _maps(
    of: Attribution, network: Network, noisy: Tensor, objective: Objective
) -> tuple[Tensor, Tensor | None, Heatmap]:
    made = of(network, noisy, objective)
    if isinstance(made, Steps):
        made = made.result()
    channels = None if made.channels is None else torch.from_numpy(made.channels)
    return torch.from_numpy(made.values), channels, made


def _result(
    images: Tensor,
    asked: list[tuple[int, Objective]],
    means: list[_Mean],
    of: Attribution | None,
    samples: int,
    noise: float,
) -> Heatmap:
    done = next(each for each in means if each.values is not None)
    assert done.values is not None  # noqa: S101 (for the type checker)
    blank = torch.zeros_like(done.values)
    values = torch.stack([blank if each.values is None else each.values for each in means])
    channels = None
    if done.channels is not None:
        empty = torch.zeros_like(done.channels)
        channels = as_array(torch.stack([empty if each.channels is None else each.channels for each in means]))
    inner = done.made
    return Heatmap(
        as_array(values),
        to_uint8(images[[picture for picture, _ in asked]]),
        "SmoothGrad" if inner is None else f"SmoothGrad of {inner.method}",
        "" if inner is None else inner.layer,
        tuple(objective.name for _, objective in asked),
        (f"Mean over {samples} copies with noise of {noise:g}.",),
        channels,
        None if inner is None else inner.relus,
    )
