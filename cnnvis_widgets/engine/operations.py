"""What a network computes, as operations: those that look at a neighborhood, those that look at one position, and all others.

The first two can be computed for a part of a map. Each knows the part of its input that a part of its output is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

#: Names of the activations that a convolution can apply while its output is still in the registers.
_FUSED: dict[str, tuple[str, list[float]]] = {"relu": ("relu", []), "relu6": ("hardtanh", [0.0, 6.0])}
#: A convolution keeps at most so many bytes of weights in orders for different sizes.
_PACKED_BYTES = 12_000_000


class Window(NamedTuple):
    """How an operation looks along one axis: over how many positions, how far apart its windows are, and how much is padded."""

    extent: int = 1
    stride: int = 1
    padding: int = 0


@dataclass(eq=False)
class Operation:
    """One step of a network.

    Attributes
    ----------
    name : str
        Of its output, unlike any other.
    inputs : list of str
        The outputs it reads that depend on the picture.
    """

    name: str
    inputs: list[str]

    def whole(self, *values: Any) -> Any:
        """The output for whole inputs (B, …)."""
        raise NotImplementedError


@dataclass(eq=False)
class Pointwise(Operation):
    """A function of one position: activations, normalization with fixed statistics, numbers added and multiplied.

    Attributes
    ----------
    function
        Of a tensor (B, C, h, w).
    in_place
        The same, written over its input, where there is such a function.
    """

    function: Callable[[Tensor], Tensor]
    in_place: Callable[[Tensor], Tensor] | None = None
    #: Whether it makes numbers out of numbers, whatever they are.
    safe: bool = False

    def whole(self, *values: Any) -> Any:  # noqa: D102
        return self.function(values[0])


@dataclass(eq=False)
class Join(Operation):
    """Several maps of the same height and width in, one out, position by position: a sum, a product, a concatenation."""

    function: Callable[..., Tensor]
    concatenates: bool = False
    safe: bool = True

    def whole(self, *values: Any) -> Any:  # noqa: D102
        return self.function(*values)


@dataclass(eq=False)
class Opaque(Operation):
    """Anything else: it is computed whole."""

    call: Callable[..., Any]
    #: Whether it reads nothing but the shape.
    shape_only: bool = False
    #: Whether it is computed in full precision where other operations are not, since its weights are the model's.
    raised: bool = False
    #: How many weights it has.
    numbers: int = 0

    def whole(self, *values: Any) -> Any:  # noqa: D102
        if self.raised:
            values = tuple(each.float() if _is_half(each) else each for each in values)
        return self.call(*values)


def _is_half(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bfloat16 and value.device.type != "meta"


@dataclass(eq=False)
class Local(Operation):
    """An operation whose output at a position is made of a window of its input: `rows` and `columns` say which.

    Attributes
    ----------
    pad_value : float
        What stands beyond the edge.
    """

    rows: Window = field(kw_only=True)
    columns: Window = field(kw_only=True)
    pad_value: float = field(default=0.0, kw_only=True)

    def part(self, patch: Tensor) -> Tensor:
        """The output of a patch that has its surroundings, and what lies beyond the edge, already around it."""
        raise NotImplementedError

    def work(self, channels: int) -> float:
        """Multiply-adds for one position of the output in all channels (for pools: comparisons and additions, which count less)."""
        raise NotImplementedError


@dataclass(eq=False)
class Convolution(Local):
    """A convolution with what follows it at the same position: normalization is in its weights, an activation is its `then`."""

    weight: Tensor
    bias: Tensor | None
    dilation: tuple[int, int]
    groups: int
    then: str = ""
    #: Whether its activation may be applied by the processor's convolution itself, which makes 0 of what is not a number.
    fuses: bool = False
    _packed: dict[Any, Tensor] = field(default_factory=dict)

    @property
    def stride(self) -> tuple[int, int]:
        """Down and across."""
        return self.rows.stride, self.columns.stride

    def whole(self, *values: Any) -> Any:  # noqa: D102
        return self._convolved(values[0], (self.rows.padding, self.columns.padding))

    def part(self, patch: Tensor) -> Tensor:  # noqa: D102
        return self._convolved(patch, (0, 0))

    def work(self, channels: int) -> float:  # noqa: D102
        return self.weight.numel()

    def of_channels(self, channels: Sequence[int]) -> Convolution:
        """One that computes only some channels of the output; a convolution without groups."""
        bias = None if self.bias is None else self.bias[list(channels)]
        return replace(self, weight=self.weight[list(channels)], bias=bias, _packed={})

    def ready(self, x: Tensor, padding: tuple[int, int] | None = None) -> Callable[[Tensor], Tensor]:
        """What computes it for inputs like `x`, padded with so many zeros; to be called as long as they have the same size."""
        around = (self.rows.padding, self.columns.padding) if padding is None else padding
        packed = self._in_order(x, around)
        if packed is None:
            options = self.weight, self.bias, self.stride, around, self.dilation, self.groups
            return lambda given: self._activated(functional.conv2d(given, *options))
        name, numbers = _FUSED.get(self.then if self.fuses else "", ("none", []))
        convolve = torch.ops.mkldnn._convolution_pointwise  # noqa: SLF001 (what torch.compile itself calls)
        rest = packed, self.bias, around, self.stride, self.dilation, self.groups, name, numbers, ""
        if self.fuses or not self.then:
            return lambda given: convolve(given, *rest)
        return lambda given: self._activated(convolve(given, *rest))

    def _convolved(self, x: Tensor, padding: tuple[int, int]) -> Tensor:
        x = x.to(self.weight.dtype)
        return self.ready(x, padding)(x)

    def _activated(self, made: Tensor) -> Tensor:
        if not self.then:
            return made
        return made.relu_() if self.then == "relu" else made.clamp_(0, 6)

    def _in_order(self, x: Tensor, padding: tuple[int, int]) -> Tensor | None:
        """The weights in the order that the processor's convolutions want for such an input; None if they take any.

        The order is the same for all sizes where channels come in multiples of 64. Elsewhere weights in the order for another
        size take ten times as long as weights in no order, so each size has its own, as long as they are few.
        """
        key = None if not any(each % 64 for each in self.weight.shape[:2]) else (*x.shape, padding)
        if key in self._packed:
            return self._packed[key]
        full = bool(self._packed) and (len(self._packed) + 1) * self.weight.nbytes > _PACKED_BYTES
        if full or not _can_pack(self.weight):
            return None
        pack = torch.ops.mkldnn._reorder_convolution_weight  # noqa: SLF001
        try:
            self.weight = self.weight.contiguous(memory_format=torch.channels_last)
            made: Tensor = pack(self.weight, padding, self.stride, self.dilation, self.groups, list(x.shape))
        except (RuntimeError, TypeError):  # another version of torch
            return None
        self._packed[key] = made
        return made


def _can_pack(weight: Tensor) -> bool:
    return (
        weight.device.type == "cpu"
        and weight.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
        and bool(torch.backends.mkldnn.enabled)
    )


@dataclass(eq=False)
class MaxPool(Local):
    """The largest value of a window."""

    dilation: tuple[int, int]
    ceil_mode: bool

    @property
    def size(self) -> tuple[int, int]:
        """Of the window, down and across."""
        return _size(self.rows, self.dilation[0]), _size(self.columns, self.dilation[1])

    @property
    def stride(self) -> tuple[int, int]:
        """Down and across."""
        return self.rows.stride, self.columns.stride

    def whole(self, *values: Any) -> Any:  # noqa: D102
        padding = self.rows.padding, self.columns.padding
        return functional.max_pool2d(values[0], self.size, self.stride, padding, self.dilation, self.ceil_mode)

    def part(self, patch: Tensor) -> Tensor:  # noqa: D102
        return functional.max_pool2d(patch, self.size, self.stride, 0, self.dilation)

    def work(self, channels: int) -> float:  # noqa: D102
        return self.rows.extent * self.columns.extent * channels


@dataclass(eq=False)
class AveragePool(Local):
    """The mean of a window; at the edges it is divided by another number, so this is kept for every position."""

    function: Callable[[Tensor], Tensor]

    def whole(self, *values: Any) -> Any:  # noqa: D102
        return self.function(values[0])

    def part(self, patch: Tensor) -> Tensor:
        """The sums: what they are divided by is another matter."""
        size, stride = (self.rows.extent, self.columns.extent), (self.rows.stride, self.columns.stride)
        return functional.avg_pool2d(patch, size, stride, divisor_override=1)

    def divisor(self, clean: Tensor) -> Tensor:
        """What the sum at each position is divided by, (1, 1, h, w), found by pooling ones; `clean` is an input (1, C, H, W)."""
        ones = torch.ones_like(clean[:, :1])
        high, wide = ones.shape[2:]
        shares = self.function(ones)
        bottom = (shares.shape[2] - 1) * self.rows.stride + self.rows.extent - self.rows.padding - high
        right = (shares.shape[3] - 1) * self.columns.stride + self.columns.extent - self.columns.padding - wide
        edges = (self.columns.padding, max(0, right), self.rows.padding, max(0, bottom))
        counted = self.part(functional.pad(ones, edges))[:, :, : shares.shape[2], : shares.shape[3]]
        return counted / shares

    def work(self, channels: int) -> float:  # noqa: D102
        return self.rows.extent * self.columns.extent * channels


def _size(window: Window, dilation: int) -> int:
    return (window.extent - 1) // dilation + 1
