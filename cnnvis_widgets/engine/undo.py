"""Operations undone by hand, as in a deconvolutional network: unpool by switches, rectify, filter with transposed kernels.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014. Where several pooling windows have the same
winner, what they hand back is summed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .rectifier import as_relu
from .stages import Deed
from .tape import Operation


class Undone(NamedTuple):
    """What an operation hands back to each argument that depends on the picture: place among its leaves -> signal."""

    deed: Deed
    text: str
    signals: dict[int, Tensor]


def undo(operation: Operation, signal: Tensor, shapes: dict[int, torch.Size]) -> Undone | None:
    """Hand a signal at an operation's output back to its arguments; None where it changes nothing.

    Parameters
    ----------
    operation
        What was done.
    signal
        In the shape of its output.
    shapes
        Place among the operation's leaves -> shape of the tensor there.
    """
    args, kwargs = operation.arguments
    place = next(iter(operation.sources))
    if as_relu(operation.function, args, kwargs) is not None:
        negative = float((signal < 0).float().mean())
        return Undone("rectify", f"negative values set to zero: {negative:.0%} of them", {place: signal.clamp(min=0)})
    name = getattr(operation.function, "__name__", "").strip("_")
    by_hand = _RULES.get("max_pool2d" if operation.switches is not None else name)
    done = by_hand(operation, signal, shapes) if by_hand is not None and len(operation.sources) <= _MOST[name] else None
    if done is not None:
        return done
    if name in _UNCHANGING:
        return None
    return _derivative(operation, signal, name)


def _filter(operation: Operation, signal: Tensor, shapes: dict[int, torch.Size]) -> Undone | None:
    """The transposed convolution, without the bias."""
    given = _arguments(operation, ("input", "weight", "bias", "stride", "padding", "dilation", "groups"))
    ((place, shape),) = shapes.items()
    stride, padding, dilation = (_pair(given.get(name, default)) for name, default in _CONVOLUTION)
    if stride is None or padding is None or dilation is None or len(shape) != 4:
        return None  # padding="same" may be uneven
    weight, groups = given["weight"], given.get("groups", 1)
    rest = [
        shape[2 + axis]
        - ((signal.shape[2 + axis] - 1) * stride[axis] - 2 * padding[axis] + dilation[axis] * (weight.shape[2 + axis] - 1) + 1)
        for axis in (0, 1)
    ]
    if any(not 0 <= more < max(stride[axis], dilation[axis]) for axis, more in enumerate(rest)):
        return None
    back = F.conv_transpose2d(signal, weight, None, stride, padding, rest, groups, dilation)
    size = " × ".join(map(str, weight.shape[2:]))
    each = ", each channel by itself" if groups == signal.shape[1] > 1 else f", {groups} groups" if groups > 1 else ""
    steps = f", stride {stride[0]}" if stride[0] > 1 else ""
    text = f"{signal.shape[1]} to {shape[1]} channels, transposed {size} filters{steps}{each}"
    return Undone("filter", text, {place: back})


def _linear(operation: Operation, signal: Tensor, shapes: dict[int, torch.Size]) -> Undone | None:
    weight = _arguments(operation, ("input", "weight", "bias"))["weight"]
    (place,) = shapes
    text = f"{weight.shape[0]} to {weight.shape[1]} values, transposed weights"
    return Undone("filter", text, {place: signal @ weight})


def _unpool(operation: Operation, signal: Tensor, shapes: dict[int, torch.Size]) -> Undone | None:
    """Each value goes to the place of its window's winner; those of overlapping windows are summed."""
    ((place, shape),) = shapes.items()
    switches = operation.switches
    assert switches is not None  # noqa: S101 (for the type checker)
    flat = signal.new_zeros(*shape[:2], shape[2] * shape[3])
    back = flat.scatter_add(2, switches.flatten(2), signal.flatten(2)).unflatten(2, tuple(shape[2:]))
    text = f"{signal.shape[2]} × {signal.shape[3]} to {shape[2]} × {shape[3]} places, each value to its window's winner"
    return Undone("unpool", text, {place: back})


def _scale(operation: Operation, signal: Tensor, shapes: dict[int, torch.Size]) -> Undone | None:
    """BatchNorm in evaluation mode multiplies each channel; its shift has no part in the way back."""
    names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
    given = _arguments(operation, names)
    (place,) = shapes
    if given.get("training") or given.get("running_var") is None:
        return None
    factor = (given["running_var"] + given.get("eps", 1e-5)).rsqrt()
    if given.get("weight") is not None:
        factor = factor * given["weight"]
    shaped = factor.view(1, -1, *[1] * (signal.ndim - 2))
    return Undone("scale", f"each of {len(factor)} channels times its BatchNorm's factor", {place: signal * shaped})


def _times(operation: Operation, signal: Tensor, shapes: dict[int, torch.Size]) -> Undone | None:
    """A product with something that does not depend on the picture, as in normalization."""
    ((place, shape),) = shapes.items()
    (factor,) = (leaf for other, leaf in enumerate(operation.leaves[:2]) if other != place)
    if shape != operation.shape:
        return None
    return Undone("scale", "times the factor it was multiplied with", {place: signal * factor})


def _sum(operation: Operation, signal: Tensor, shapes: dict[int, torch.Size]) -> Undone | None:
    """Every summand gets the signal."""
    _, kwargs = operation.arguments
    if any(shape != operation.shape for shape in shapes.values()) or kwargs.get("alpha", 1) != 1:
        return None
    text = f"the same signal to {len(shapes)} summands" if len(shapes) > 1 else "the signal as it is"
    return Undone("sum", text, dict.fromkeys(shapes, signal))


def _split(operation: Operation, signal: Tensor, shapes: dict[int, torch.Size]) -> Undone | None:
    args, kwargs = operation.arguments
    axis = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    if len(shapes) != len(args[0]):
        return None  # a part that does not depend on the picture
    parts = signal.split([shape[axis] for shape in shapes.values()], axis)
    sizes = " and ".join(str(part.shape[axis]) for part in parts)
    return Undone("split", f"{signal.shape[axis]} channels into {sizes}", dict(zip(shapes, parts, strict=True)))


def _derivative(operation: Operation, signal: Tensor, name: str) -> Undone:
    """Any other operation, by its own derivative."""
    with torch.enable_grad():
        inputs = {place: operation.leaves[place].detach().clone().requires_grad_() for place in operation.sources}
        # Handed on as copies, since the operation may write into them.
        made = operation.run({place: each.clone() for place, each in inputs.items()})
        found = torch.autograd.grad(made, list(inputs.values()), signal, allow_unused=True)
    pairs = zip(inputs.items(), found, strict=True)
    signals = {place: torch.zeros_like(each) if part is None else part for (place, each), part in pairs}
    deed: Deed = "spread" if "pool" in name or name == "mean" else "reshape" if name in _RESHAPING else "derivative"
    words = {"spread": "each value in equal shares to the places it averaged", "reshape": "the same values, ordered anew"}
    return Undone(deed, words.get(deed, f"the derivative of {name}"), signals)


_CONVOLUTION = (("stride", 1), ("padding", 0), ("dilation", 1))
_UNCHANGING = {"dropout", "contiguous", "clone", "detach", "alias", "feature_dropout", "float", "to"}
_RESHAPING = {"flatten", "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "getitem", "chunk", "split"}
_Rule = Callable[[Operation, Tensor, dict[int, torch.Size]], Undone | None]
_RULES: dict[str, _Rule] = {
    "conv2d": _filter,
    "linear": _linear,
    "max_pool2d": _unpool,
    "batch_norm": _scale,
    "mul": _times,
    "imul": _times,
    "add": _sum,
    "iadd": _sum,
    "cat": _split,
    "concat": _split,
}


class _Most(dict[str, int]):
    """How many arguments may depend on the picture for a rule to hold: one, but for sums and concatenations."""

    def __missing__(self, name: str) -> int:
        return 1


_MOST = _Most(add=2, iadd=2, cat=10_000, concat=10_000)


def _arguments(operation: Operation, names: tuple[str, ...]) -> dict[str, Any]:
    args, kwargs = operation.arguments
    return dict(zip(names, args, strict=False)) | kwargs


def _pair(value: Any) -> tuple[int, int] | None:
    if isinstance(value, str):
        return (0, 0) if value == "valid" else None
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))
