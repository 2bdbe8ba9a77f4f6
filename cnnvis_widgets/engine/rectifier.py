"""How a ReLU passes gradients back: as it is differentiated, guided, as in a DeconvNet, or redirected where it lets nothing through.

ReLUs are met where they are computed, as functions, so that it makes no difference whether a network has them as modules, as
functions, in place or reused; and nothing in the network is touched. What is overridden holds for the calling thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Rule: TypeAlias = Literal["guided", "deconvnet", "redirected"]

_INFINITY = float("inf")
_PLAIN = (F.relu, torch.relu, Tensor.relu)
_IN_PLACE = (torch.relu_, F.relu_, Tensor.relu_)
_SMOOTH = (F.gelu, F.silu, F.elu, F.hardswish, F.leaky_relu, F.prelu, F.selu, F.celu, F.mish, F.softplus, F.sigmoid)


class RectifiedGradient(torch.autograd.Function):
    """A ReLU, with a ceiling or none, whose gradient follows a rule."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float, in_place: bool, rule: Rule) -> Tensor:  # noqa: FBT001 (torch calls it so)
        """max(0, min(x, ceiling))."""
        if rule == "guided":
            ctx.save_for_backward((x > 0) & (x < ceiling))  # a mask, since the output itself may be overwritten
        if rule == "redirected":
            below = x <= 0
            ctx.save_for_backward(~below if ceiling == _INFINITY else ~below & (x < ceiling), below)
        limits = {"min": 0.0} if ceiling == _INFINITY else {"min": 0.0, "max": ceiling}
        if in_place:
            ctx.mark_dirty(x)
            return x.clamp_(**limits)
        return x.clamp(**limits)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Rectify what comes back; guided, also keep it only where the forward pass was open."""
        (gradient,) = gradients
        if len(ctx.saved_tensors) == 2:
            return _redirected(gradient, *ctx.saved_tensors), None, None, None
        passed = gradient.clamp(min=0)
        for mask in ctx.saved_tensors:
            passed = passed * mask
        return passed, None, None, None


def _redirected(gradient: Tensor, opened: Tensor, below: Tensor) -> Tensor:
    """As differentiated; but where nothing of a picture passes, what pulls closed units up passes, and what pulls capped ones down."""
    passed = gradient * opened
    silent = torch.linalg.vector_norm(passed.flatten(1), dim=1) == 0
    if not silent.any():
        return passed
    towards = torch.where(below, gradient.clamp(min=0), torch.where(opened, gradient, gradient.clamp(max=0)))
    return torch.where(silent.view(-1, *[1] * (gradient.ndim - 1)), towards, passed)


class Rectifier(TorchFunctionMode):
    """While open, ReLUs computed by this thread pass gradients back by a rule.

    Parameters
    ----------
    rule
        "guided" (Springenberg et al. 2015): what is positive, where the forward pass was positive.
        "deconvnet" (Zeiler and Fergus 2014): what is positive, wherever. "redirected" (Lucid, Olah et al. 2017): as differentiated,
        but in a picture of which nothing would pass, closed units can be pulled open: so an ascent can begin at a silent unit.

    Attributes
    ----------
    count : int
        How many ReLUs were met on the way of a gradient.
    others : tuple of str
        Which other activation functions were; these pass their own gradient.
    """

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule
        self.restart()

    def restart(self) -> None:
        """Count from 0 again."""
        self.count = 0
        self._others: dict[str, None] = {}

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the other activation functions met."""
        return tuple(self._others)

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Called for every function of torch."""
        kwargs = kwargs or {}
        found = as_relu(func, args, kwargs)
        x = args[0] if args else kwargs.get("input")
        recording = torch.is_grad_enabled() and isinstance(x, Tensor) and x.requires_grad
        if found is None or not recording:
            if recording and func in _SMOOTH:
                self._others[func.__name__.strip("_")] = None
            return func(*args, **kwargs)
        self.count += 1
        ceiling, in_place = found
        return RectifiedGradient.apply(x, ceiling, in_place, self.rule)


def as_relu(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[float, bool] | None:
    """(ceiling, whether in place) if this call of a function is a ReLU."""
    if func in _PLAIN or func in _IN_PLACE:
        return _INFINITY, func in _IN_PLACE or bool(_given(args, kwargs, 1, "inplace", default=False))
    if func is F.relu6:
        return 6.0, bool(_given(args, kwargs, 1, "inplace", default=False))
    if func in (F.hardtanh, F.hardtanh_):
        low, high = _given(args, kwargs, 1, "min_val", default=-1.0), _given(args, kwargs, 2, "max_val", default=1.0)
        in_place = func is F.hardtanh_ or bool(_given(args, kwargs, 3, "inplace", default=False))
        return (float(high), in_place) if low == 0 else None
    if func in (torch.clamp_min, Tensor.clamp_min, Tensor.clamp_min_):
        return (_INFINITY, func is Tensor.clamp_min_) if _is_zero(_given(args, kwargs, 1, "min")) else None
    if func in (torch.clamp, Tensor.clamp, Tensor.clamp_):
        high = _given(args, kwargs, 2, "max")
        if _is_zero(_given(args, kwargs, 1, "min")) and (high is None or isinstance(high, (int, float))):
            return _INFINITY if high is None else float(high), func is Tensor.clamp_
    return None


def _given(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str, default: Any = None) -> Any:
    return args[place] if len(args) > place else kwargs.get(name, default)


def _is_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and value == 0
