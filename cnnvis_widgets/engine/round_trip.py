"""A network's operations there and back: from a picture to some of its layers, and from their gradients to the picture's.

Autograd keeps what any gradient could need, asks each module's hooks, and applies activations one by one. An ascent asks for one
gradient only, hundreds of times with the same weights: these are kept in the order the processor wants them, for both ways, and
activations are applied in the convolution. What else a network does is left to autograd, one operation at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.grad import conv2d_input

from .convolution_gradients import PictureGradient
from .flow import PICTURE, Flow, FlowError
from .operations import Convolution, Join, MaxPool, Opaque, Operation, Window
from .thin_gradient import Part

_CHANNELS_OF_PICTURES = 4


class Way:
    """One operation, there and back.

    Attributes
    ----------
    masked : bool
        Whether the gradients it is given are zero already where its activation passes none on.
    """

    masked = False

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.name, self.inputs = operation.name, operation.inputs

    def there(self, *values: Any) -> Any:
        """The output; what the way back needs is kept until then."""
        raise NotImplementedError

    def back(self, gradient: Tensor) -> Sequence[Tensor | None]:
        """The gradient of each input, given that of the output; None where it is zero."""
        raise NotImplementedError


class AnyWay(Way):
    """An operation that autograd differentiates."""

    def there(self, *values: Any) -> Any:  # noqa: D102
        self._given = [each.detach().requires_grad_() if _changes(each) else each for each in values]
        with torch.enable_grad():
            self._made = self.operation.whole(*self._given)
        if isinstance(self._made, Tensor):
            return self._made.detach()
        if not any(_changes(each) for each in values) or _reads_shape(self.operation):
            return self._made
        msg = f"{self.name} gives {type(self._made).__name__}"
        raise FlowError(msg)

    def back(self, gradient: Tensor) -> Sequence[Tensor | None]:  # noqa: D102
        given, made = self._given, self._made
        self._given, self._made = [], None
        wanted = [each for each in given if _changes(each)]
        if not wanted or not made.requires_grad:
            return [None] * len(given)
        found = iter(torch.autograd.grad(made, wanted, gradient, allow_unused=True))
        return [next(found) if _changes(each) else None for each in given]


class JoinWay(Way):
    """Maps one behind the other."""

    def there(self, *values: Any) -> Any:  # noqa: D102
        self._channels = [each.shape[1] for each in values]
        return torch.cat(values, 1)

    def back(self, gradient: Tensor) -> Sequence[Tensor | None]:  # noqa: D102
        return gradient.split(self._channels, 1)


class Transposed:
    """The way back through a convolution: a convolution too, where there is one of the same work."""

    def __init__(self, operation: Convolution) -> None:
        self._operation = operation
        self._of_pictures = _of_pictures(operation)
        self._ready: dict[torch.Size, Callable[[Tensor], Tensor]] = {}

    def __call__(self, gradient: Tensor, shape: torch.Size) -> Tensor:
        """The gradient of an input of that shape."""
        if self._of_pictures is not None:
            return self._of_pictures(gradient, shape)
        if shape not in self._ready:
            turned = _turned(self._operation)
            self._ready = {shape: turned.ready(gradient) if turned is not None else self._by_torch(shape)}
        return self._ready[shape](gradient)

    def _by_torch(self, shape: torch.Size) -> Callable[[Tensor], Tensor]:
        operation = self._operation
        padding = operation.rows.padding, operation.columns.padding
        options = operation.stride, padding, operation.dilation, operation.groups
        return lambda gradient: conv2d_input(shape, operation.weight, gradient, *options)


class ConvolutionWay(Way):
    """A convolution and its activation."""

    operation: Convolution

    def __init__(self, operation: Convolution, transposed: Transposed) -> None:
        super().__init__(operation)
        self._transposed = transposed
        self._shape = torch.Size()

    def there(self, *values: Any) -> Any:  # noqa: D102
        (x,) = values
        x = x.contiguous(memory_format=torch.channels_last)
        if x.shape != self._shape:
            self._shape, self._run = x.shape, self.operation.ready(x)
        made = self._run(x)
        self._made = made if self.operation.then else None
        return made

    def back(self, gradient: Tensor) -> Sequence[Tensor | None]:  # noqa: D102
        operation, made = self.operation, self._made
        self._made = None
        if made is not None and not self.masked:
            gradient = _masked(gradient, made, operation.then)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        return [self._transposed(gradient, self._shape)]


class PartWay(Way):
    """A convolution of which some channels are computed; the others read a number."""

    operation: Convolution

    def __init__(self, operation: Convolution, part: Part) -> None:
        super().__init__(operation)
        self._part, self._count = part, operation.weight.shape[0]
        few = operation.of_channels(part.channels) if part.channels else None
        self._few = ConvolutionWay(few, Transposed(few)) if few is not None else None
        self._where = _as_slice(part.channels)

    def there(self, *values: Any) -> Any:  # noqa: D102
        (x,) = values
        self._shape = x.shape
        found = self._few.there(x) if self._few is not None else None
        size = [
            (length + 2 * axis.padding - axis.extent) // axis.stride + 1
            for length, axis in zip(x.shape[2:], (self.operation.rows, self.operation.columns), strict=True)
        ]
        shape = (len(x), self._count, *size)
        made = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        made.fill_(self._part.rest)
        if found is not None:
            made[:, self._where] = found
        return made

    def back(self, gradient: Tensor) -> Sequence[Tensor | None]:  # noqa: D102
        return [None] if self._few is None else self._few.back(gradient[:, self._where])


class MaxPoolWay(Way):
    """The largest value of a window, and where it was.

    Attributes
    ----------
    masks : str
        The activation of what it pools, if it is to see to it that nothing goes back that this does not pass on.
    """

    operation: MaxPool
    masks = ""

    def __init__(self, operation: MaxPool) -> None:
        super().__init__(operation)
        self._geometry = (
            operation.size,
            operation.stride,
            (operation.rows.padding, operation.columns.padding),
            operation.dilation,
            operation.ceil_mode,
        )

    def there(self, *values: Any) -> Any:  # noqa: D102
        (self._given,) = values
        self._made, self._from = torch.ops.aten.max_pool2d_with_indices(self._given, *self._geometry)
        return self._made

    def back(self, gradient: Tensor) -> Sequence[Tensor | None]:  # noqa: D102
        if self.masks:
            gradient = _masked(gradient, self._made, self.masks)
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        back = torch.ops.aten.max_pool2d_with_indices_backward
        found = back(gradient, self._given, *self._geometry, self._from)
        self._given = self._made = self._from = None
        return [found]


class RoundTrip:
    """The operations that lead from a picture to some of a network's layers.

    Parameters
    ----------
    flow
        The network; the convolutions' weights are its own.
    wanted
        Names of the outputs that are asked for.
    parts
        Convolutions, by name, of which only some channels are computed.
    """

    def __init__(self, flow: Flow, wanted: Sequence[str], parts: Mapping[str, Part] | None = None) -> None:
        self.wanted = tuple(wanted)
        needed, operations = set(wanted), []
        for operation in reversed(flow.operations):
            if operation.name in needed:
                operations.append(operation)
                needed.update(operation.inputs)
        self._ways = [_way(operation, flow, (parts or {}).get(operation.name)) for operation in reversed(operations)]
        self._last = {name: way for way in self._ways for name in way.inputs}
        self._let_pools_mask()
        #: Whether modules of the model itself take part.
        self.calls_modules = any(type(way) is AnyWay for way in self._ways)

    def there(self, picture: Tensor) -> dict[str, Tensor]:
        """What is wanted of the network's input (N, C, H, W)."""
        values: dict[str, Any] = {PICTURE: picture}
        with torch.no_grad():
            for way in self._ways:
                values[way.name] = way.there(*(values[name] for name in way.inputs))
                for name in way.inputs:
                    if self._last[name] is way and name not in self.wanted:
                        values.pop(name, None)
        return {name: values[name] for name in self.wanted}

    def back(self, gradients: Mapping[str, Tensor]) -> Tensor | None:
        """The gradient of the input, given those of what was wanted; None if it does not depend on it."""
        left = dict(gradients)
        with torch.no_grad():
            for way in reversed(self._ways):
                gradient = left.pop(way.name, None)
                if gradient is None:
                    continue
                for name, found in zip(way.inputs, way.back(gradient), strict=True):
                    if found is not None:
                        left[name] = left[name] + found if name in left else found
        return left.get(PICTURE)

    def _let_pools_mask(self) -> None:
        """Where a pool alone reads what a convolution gives, the activation's mask is taken there: on a map a quarter as large."""
        users = Counter(name for way in self._ways for name in way.inputs)
        by_name = {way.name: way for way in self._ways}
        for way in self._ways:
            source = by_name.get(way.inputs[0]) if isinstance(way, MaxPoolWay) else None
            if not isinstance(source, ConvolutionWay) or not isinstance(way, MaxPoolWay):
                continue
            if users[source.name] == 1 and source.name not in self.wanted:
                way.masks, source.masked = source.operation.then, True


def _way(operation: Operation, flow: Flow, part: Part | None) -> Way:
    if isinstance(operation, Convolution):
        if part is not None:
            return PartWay(operation, part)
        if operation.name not in flow.transposed:
            flow.transposed[operation.name] = Transposed(operation)
        return ConvolutionWay(operation, flow.transposed[operation.name])
    if isinstance(operation, Join) and operation.concatenates:
        return JoinWay(operation)
    return MaxPoolWay(operation) if isinstance(operation, MaxPool) else AnyWay(operation)


def _as_slice(channels: Sequence[int]) -> slice | list[int]:
    """Neighboring channels as a slice, which takes a tenth of the time."""
    low, high = min(channels, default=0), max(channels, default=-1) + 1
    return slice(low, high) if list(channels) == list(range(low, high)) else list(channels)


def _reads_shape(operation: Operation) -> bool:
    return isinstance(operation, Opaque) and operation.shape_only


def _changes(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _masked(gradient: Tensor, made: Tensor, then: str) -> Tensor:
    """What an activation passes back, given what it gave."""
    if then == "relu":
        return torch.ops.aten.threshold_backward(gradient, made, 0)
    return torch.ops.aten.hardtanh_backward(gradient, made, 0.0, 6.0)


def _of_pictures(operation: Convolution) -> PictureGradient | None:
    """The way back to a picture; None if it is none that the convolution reads."""
    size = operation.weight.shape[2:]
    sides = operation.rows, operation.columns
    reads_pictures = operation.weight.shape[1] <= _CHANNELS_OF_PICTURES and max(size) > 1 and operation.groups == 1
    if not reads_pictures or operation.dilation != (1, 1) or any(side.padding >= side.extent for side in sides):
        return None
    return PictureGradient(operation.weight, operation.stride, (sides[0].padding, sides[1].padding))


def _turned(operation: Convolution) -> Convolution | None:
    """The way back as a convolution: each tap turned round, and what was given becomes what is asked; None with a stride."""
    sides = operation.rows, operation.columns
    if operation.stride != (1, 1) or any(side.padding >= side.extent for side in sides):
        return None
    rows, columns = (Window(side.extent, 1, side.extent - 1 - side.padding) for side in sides)
    groups = operation.groups
    weight = operation.weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flip(2, 3)
    name, source = f"{operation.name} back", operation.name
    return Convolution(name, [source], weight, None, operation.dilation, groups, rows=rows, columns=columns)
