"""The optimizers of a recipe, as torch has them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .recipe import LBFGS, Adam, Optimizer, Plain


def optimizer_of(chosen: Optimizer, leaves: list[Tensor]) -> torch.optim.Optimizer:
    """What moves leaves by their gradients as a recipe says; see `uphill` for which way."""
    if isinstance(chosen, LBFGS):
        return torch.optim.LBFGS(leaves, chosen.rate, max_iter=1, history_size=chosen.memory)
    if isinstance(chosen, Adam):
        return _adam(leaves, chosen.rate)
    return PlainSteps(leaves, chosen.rate, normalized=isinstance(chosen, Plain) and chosen.normalized)


def _adam(leaves: list[Tensor], rate: float) -> torch.optim.Optimizer:
    """In one pass over memory where this torch can on this device."""
    try:
        return torch.optim.Adam(leaves, rate, fused=True, maximize=True)
    except RuntimeError:
        return torch.optim.Adam(leaves, rate, maximize=True)


def uphill(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it goes up the gradients it is given; else these have to be turned round."""
    return bool(optimizer.param_groups[0].get("maximize", False))


class PlainSteps(torch.optim.Optimizer):
    """Down the gradient by a rate; divided by its mean size in each picture, if normalized."""

    def __init__(self, leaves: list[Tensor], rate: float, *, normalized: bool) -> None:
        super().__init__(leaves, {"lr": rate, "normalized": normalized})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step."""
        for group in self.param_groups:
            for leaf in group["params"]:
                gradient = leaf.grad
                if group["normalized"]:
                    size = gradient.abs().flatten(1).mean(1).clamp_min(1e-12)
                    gradient = gradient / size.view(-1, *[1] * (gradient.ndim - 1))
                leaf.sub_(gradient, alpha=group["lr"])
