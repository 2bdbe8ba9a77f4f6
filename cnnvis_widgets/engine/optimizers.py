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
        return OnePassAdam(leaves, rate, fused=True, maximize=True)
    except RuntimeError:
        return torch.optim.Adam(leaves, rate, maximize=True)


def uphill(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it goes up the gradients it is given; else these have to be turned round."""
    return bool(optimizer.param_groups[0].get("maximize", False))


class OnePassAdam(torch.optim.Adam):
    """Torch's, which looks at every step again for what could be different about the leaves; that takes longer than the step."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step."""
        group = self.param_groups[0]
        states = [self.state[leaf] for leaf in group["params"]]
        if not all(states):
            super().step(closure)  # the first one: it makes the averages
            return
        gradients = [leaf.grad for leaf in group["params"]]
        means, squares, counts = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
        torch._foreach_add_(counts, 1)
        one_pass: Any = torch._fused_adam_  # what torch's own step calls
        (slow, slower), rate = group["betas"], group["lr"]
        options = {"weight_decay": 0.0, "eps": group["eps"], "amsgrad": False, "maximize": True}
        one_pass(group["params"], gradients, means, squares, [], counts, lr=rate, beta1=slow, beta2=slower, **options)


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
