"""A network's view of pictures on their way up: of any size where it can, and with a gradient even where its units are silent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .errors import SIZE_REFUSALS, AscentError, CnnvisError
from .feature_objectives import one_each
from .network import Network
from .objectives import Objective
from .prepared import Prepared

#: Every so-manieth number of a gradient is looked at first; mostly one of them is not zero.
_SOME = 499


class Silence(NamedTuple):
    """Which pictures (N,) had no gradient, and which have none either where closed ReLUs may be pulled open."""

    before: Tensor
    still: Tensor


class View:
    """What a network says of a batch of pictures, and how that changes with them.

    Parameters
    ----------
    network
        Its module is not changed.
    objective
        What is asked.
    count
        How many pictures.
    """

    def __init__(self, network: Network, objective: Objective, count: int) -> None:
        self.objective = objective
        self.count = count
        self._free = network.at_any_size()
        self._sparing = self._free.sparing()
        self._prepared = Prepared(self._free, objective)
        self._own = network.preprocess.size
        self._channels = network.preprocess.channels or 3
        self._taken: dict[tuple[int, int], bool] = {}
        self._refused: dict[tuple[int, int], Exception] = {}

    def scores(self, pictures: Tensor) -> Tensor:
        """The objective (N,) of pictures as they are."""
        _, (score,) = self._free.ask(self.sized(pictures), self.objective)
        return one_each(score, self.count, self.objective.name).detach()

    def climb(self, pictures: Tensor, awake: Tensor, *, often: bool = False) -> tuple[Tensor, Tensor, Silence]:
        """The scores of pictures of a size that is taken, and their gradient there.

        Parameters
        ----------
        pictures
            (N, C, H, W).
        awake
            Bool (N,): of the others the gradient does not matter.
        often
            Whether it is worth finding out what need not be computed.

        Returns
        -------
        (scores (N,), gradients (N, C, H, W), which were silent)
        """
        score, gradient = self._climbed(pictures, often=often)
        gradient = gradient.contiguous()  # as the transforms' way back wants it
        silent = _zero(gradient).cpu() & awake
        if not silent.any():
            return score, gradient, Silence(silent, silent)
        redirected = self._redirected(pictures)
        both = torch.where(silent.to(gradient.device).view(-1, 1, 1, 1), redirected, gradient)
        return score, both, Silence(silent, silent & _zero(redirected).cpu())

    def _climbed(self, pictures: Tensor, *, often: bool) -> tuple[Tensor, Tensor]:
        prepared = self._prepared.answer(pictures) if often else None
        if prepared is not None:
            one_each(prepared[0], self.count, self.objective.name)
            return prepared
        network = self._sparing if often else self._free
        trace, (score,) = network.ask(pictures, self.objective, wrt="image")
        one_each(score, self.count, self.objective.name)
        return score.detach(), trace.gradient(score, "image")

    def _redirected(self, pictures: Tensor) -> Tensor:
        """The gradient that pulls closed ReLUs open."""
        trace, (score,) = self._free.ask(pictures, self.objective, wrt="image", rectify="redirected")
        return trace.gradient(score, "image").contiguous()

    # sizes ----------------------------------------------------------------------------------------------------------

    def sized(self, pictures: Tensor) -> Tensor:
        """Pictures at a size the network takes: as they are where it takes any, else at its own."""
        size = (pictures.shape[2], pictures.shape[3])
        if self._own is None or size == self._own or self._takes(size):
            return pictures
        return functional.interpolate(pictures, self._own, mode="bilinear", align_corners=False)

    def check(self, size: tuple[int, int]) -> None:
        """Say it if pictures of that size can neither be looked at nor be brought to a size that can."""
        if self._own is None and not self._takes(size):
            error = str(self._refused[size]).strip().splitlines()
            why = f" ({error[0]})" if error else ""
            msg = (
                f"{self._free.name} does not take pictures of {size[0]}×{size[1]} pixels{why}: give another size, fewer octaves, "
                "or the network's own size by preprocess=Preprocess(size=…)."
            )
            raise AscentError(msg) from self._refused[size]

    def room(self, size: tuple[int, int], pad: int) -> int:
        """How many of `pad` pixels can be put around pictures: all of them, or none where the network takes one size only."""
        return pad if pad and self._takes((size[0] + 2 * pad, size[1] + 2 * pad)) else 0

    def _takes(self, size: tuple[int, int]) -> bool:
        """Whether the network, up to what is asked of it, runs on pictures of that size; tried once."""
        if size not in self._taken:
            gray = torch.full((self.count, self._channels, *size), 0.5, device=self._free.device)
            try:
                with recording(on=False):
                    self._free.ask(gray, self.objective)
            except CnnvisError:  # the objective's own word, which no other size would change
                raise
            except SIZE_REFUSALS as error:
                self._taken[size], self._refused[size] = False, error
            else:
                self._taken[size] = True
        return self._taken[size]


@contextmanager
def recording(*, on: bool) -> Iterator[None]:
    """Gradients recorded or not, whatever mode the caller is in; tensors made inside are ordinary ones."""
    with torch.inference_mode(mode=False), torch.set_grad_enabled(on):
        yield


def _zero(gradient: Tensor) -> Tensor:
    """Which pictures' gradients are zero everywhere, (N,)."""
    some = gradient.flatten(1)[:, ::_SOME].any(1)
    if some.all():
        return ~some
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1) == 0
