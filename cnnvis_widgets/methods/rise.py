"""Explanation by chance: the picture is seen through thousands of random masks, and what was seen when the score was high counts."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..engine.gradients import fitting_batch, score_of
from ..engine.images import ImageLike, to_uint8
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one
from ..engine.perturbation import Fill, filled
from ..engine.results import Heatmap
from ..engine.steps import Step, Steps


def rise(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    masks: int = 1000,
    cells: int = 7,
    share: float = 0.5,
    fill: Fill = "gray",
    seed: int = 0,
    batch: int | None = None,
) -> Steps[Heatmap]:
    """RISE: how much higher a score is on average when a pixel is seen.

    Each mask is a coarse grid of cells that are open or shut by chance, drawn out bilinearly and shifted by chance by up to a
    cell. The paper's map is the mean of score × mask, divided by the share of what is open. It holds the mean score everywhere,
    whatever the picture; here that constant is taken off, so that the sign tells what speaks for and against, and scores may
    be of any kind.

    Parameters
    ----------
    network
        The network to explain; it is only asked, never looked into.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    target
        A class index, a label, an `Objective`, a function of the output that gives (N,); a sequence with one of these for
        each picture, or several for a single picture. By default the most probable class of each picture. A class stands for
        its score before the softmax; the paper takes `class_probability(…)`.
    masks
        How many, one forward pass each. The noise falls with their square root; the paper takes 4000 to 8000.
    cells
        Rows and columns of the coarse grid.
    share
        How probable it is that a cell is open, between 0 and 1.
    fill
        What is seen where a mask is shut, as for `cnnvis_widgets.engine.perturbation.filled`.
    seed
        Of the masks, which are the same for every picture, and of the noise.
    batch
        How many masked pictures are computed at once; by default few enough for the caches.

    Returns
    -------
    Steps of Heatmap
        `values` (N, H, W), signed, in units of the score. Partial results hold the masks asked so far.

    Raises
    ------
    ValueError
        If masks, cells, share or batch are out of range.
    ImageError
        If there is no such fill.
    TargetError
        If there is no such class.

    References
    ----------
    Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.
    """
    images = network.read(images)
    size = (images.shape[2], images.shape[3])
    if masks < 1 or not 1 <= cells <= min(size) or not 0 < share < 1 or (batch is not None and batch < 1):
        msg = (
            f"masks is {masks}, cells {cells}, share {share} and batch {batch}: give at least one mask and a batch of at least 1, "
            f"1 to {min(size)} cells, and a share between 0 and 1."
        )
        raise ValueError(msg)
    asked = one_by_one(target, network, images)
    fills = filled(images, fill, seed=seed)
    drawn = _Masks(size, masks, cells, share, seed)
    return Steps(_ask(network, images, fills, asked, drawn, batch or fitting_batch(images, 16)), masks * len(asked))


class _Masks:
    """Random masks, each fixed by the seed and its number, made when they are asked for."""

    def __init__(self, size: tuple[int, int], count: int, cells: int, share: float, seed: int) -> None:
        chance = np.random.default_rng(seed)
        self.size, self.share = size, share
        self.cell = (-(-size[0] // cells), -(-size[1] // cells))
        self.grids = torch.from_numpy(chance.random((count, cells, cells)) < share).float()
        self.shifts = chance.integers(0, self.cell, (count, 2))

    def __len__(self) -> int:
        return len(self.grids)

    def part(self, numbers: range) -> Tensor:
        """(B, H, W) in [0, 1]: 1 where the picture is seen."""
        height, width = self.size
        wide = (self.grids.shape[1] + 1) * self.cell[0], (self.grids.shape[2] + 1) * self.cell[1]
        grids = self.grids[numbers.start : numbers.stop, None]
        large = functional.interpolate(grids, wide, mode="bilinear", align_corners=False)[:, 0]
        corners = self.shifts[numbers.start : numbers.stop].tolist()
        cut = [one[top : top + height, left : left + width] for one, (top, left) in zip(large, corners, strict=True)]
        return torch.stack(cut).clamp_(0, 1)  # rounding goes beyond


class _Sums:
    """What has been asked of one picture so far."""

    def __init__(self, size: tuple[int, int], device: torch.device) -> None:
        self.count, self.score = 0, 0.0
        self.weighted = torch.zeros(size, dtype=torch.float64, device=device)
        self.seen = torch.zeros(size, dtype=torch.float64, device=device)

    def add(self, masks: Tensor, scores: Tensor) -> None:
        masks, scores = masks.double(), scores.double()
        self.count += len(masks)
        self.score += float(scores.sum())
        self.weighted += torch.einsum("b,bhw->hw", scores, masks)
        self.seen += masks.sum(0)

    def values(self, share: float) -> Tensor:
        """(H, W): the mean of (score less its mean) × mask, divided by the share; zero before the first."""
        number = max(self.count, 1)
        return (self.weighted - self.score / number * self.seen) / (number * share)


def _ask(
    network: Network, images: Tensor, fills: Tensor, asked: list[tuple[int, Objective]], masks: _Masks, batch: int
) -> Generator[Step[Heatmap], None, None]:
    free, done, total = network.unbounded(), 0, len(masks) * len(asked)
    shown = to_uint8(images.detach())[[picture for picture, _ in asked]]
    names = tuple(objective.name for _, objective in asked)
    values = np.zeros((len(asked), *masks.size), np.float32)
    for row, (picture, objective) in enumerate(asked):
        image, fill, sums = images[picture].detach(), fills[picture].detach(), _Sums(masks.size, images.device)
        for start in range(0, len(masks), batch):
            part = masks.part(range(start, min(start + batch, len(masks)))).to(images)
            seen = torch.lerp(fill, image, part[:, None]).contiguous(memory_format=torch.channels_last)
            sums.add(part, score_of(free, seen, objective))
            values[row] = sums.values(masks.share).float().cpu().numpy()
            done += len(part)
            note = f"{sums.count} masks, each cell open with probability {masks.share:g}."
            yield Step(done, total, Heatmap(values.copy(), shown, "RISE", targets=names, notes=(note,)))
