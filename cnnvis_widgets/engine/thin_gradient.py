"""Layers differentiated for less than autograd takes; the numbers are the same.

The gradient of one class's score is zero in every channel but one of a convolution that gives the classes. Autograd
transposes the whole convolution all the same: for SqueezeNet that is a quarter of the cost of a forward pass. Here only the
channels whose gradient is not zero take part. And the gradient of a global average is one number a channel, which autograd
writes out for every position; here it is a view. More of the kind: `convolution_gradients`.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input

from .convolution_gradients import (
    FinishedConvolution,
    ImageConvolution,
    SmallConvolution,
    is_of_pictures,
    is_plain,
    may_be_small,
)

#: How a gradient is taken: `pays(module, x)` says where, `apply(x, output, module)` gives the output as a part of the graph.
Function: TypeAlias = Any
#: Module -> how its gradient is taken.
Thin: TypeAlias = "Mapping[nn.Module, Function]"
#: These compute the output themselves.
_WHOLE = (SmallConvolution,)


class ThinConvolution(FinishedConvolution):
    """A convolution of whose channels few matter."""

    @staticmethod
    def pays(_module: nn.Module, _x: Tensor) -> bool:
        """Always."""
        return True

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The transposed convolution over the channels that matter."""
        (gradient,) = gradients
        (weight,) = ctx.saved_tensors
        module = ctx.module
        axes = (0, 2, 3)
        channels = ((gradient.amin(axes) != 0) | (gradient.amax(axes) != 0)).nonzero()[
            :, 0
        ]  # NaN is not zero: it stays
        if len(channels) == 0:
            return gradient.new_zeros(ctx.shape), None, None
        if len(channels) <= gradient.shape[1] // 4:
            weight, gradient = weight[channels], gradient[:, channels]
        made = conv2d_input(ctx.shape, weight, gradient, module.stride, module.padding, module.dilation, module.groups)
        return made, None, None


class Part(NamedTuple):
    """The channels of a convolution that are computed, and what the others read."""

    channels: list[int]
    rest: float


class PartOfConvolution(FinishedConvolution):
    """A convolution of which only some channels are computed."""

    @staticmethod
    def pays(_module: nn.Module, _x: Tensor) -> bool:
        """Always."""
        return True

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, output: Tensor, module: nn.Conv2d, channels: list[int]
    ) -> Tensor:
        """As that of any finished one, with the channels that were computed."""
        ctx.channels = channels
        return FinishedConvolution.forward(ctx, x, output, module)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """The transposed convolution over these channels."""
        if not ctx.channels:
            return gradients[0].new_zeros(ctx.shape), None, None, None
        gradient, weight, module = gradients[0][:, ctx.channels], ctx.saved_tensors[0][ctx.channels], ctx.module
        made = conv2d_input(ctx.shape, weight, gradient, module.stride, module.padding, module.dilation)
        return made, None, None, None


class GlobalAverage(torch.autograd.Function):
    """Puts a finished average over all positions into the graph."""

    @staticmethod
    def pays(_module: nn.Module, _x: Tensor) -> bool:
        """Always."""
        return True

    @staticmethod
    def forward(ctx: Any, x: Tensor, output: Tensor, _module: nn.Module) -> Tensor:
        """`output` (N, C, 1, 1) is the mean of `x` (N, C, h, w)."""
        ctx.shape = x.shape
        ctx.mark_dirty(output)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The same share for every position."""
        height, width = ctx.shape[2:]
        return (gradients[0] / (height * width)).expand(ctx.shape), None, None


def thin_layers(
    model: nn.Module,
    classes: int | None,
    *,
    to_image: bool = False,
    among: Collection[nn.Module] | None = None,
) -> Thin:
    """Convolutions with as many channels as there are classes, where these are many, and global averages.

    With `to_image`, where the gradient goes all the way, also convolutions of pictures and of small maps. With `among`, only these
    modules are looked at.
    """
    modules = model.modules() if among is None else among
    found = ((module, _function_for(module, classes or 0, to_image=to_image)) for module in modules)
    return {module: function for module, function in found if function is not None}


def _function_for(module: nn.Module, classes: int, *, to_image: bool) -> Function | None:
    if is_watched(module) or "forward" in vars(module):
        return None  # what it does may be something else
    if _is_global_average(module):
        return GlobalAverage
    if _gives_classes(module, classes):
        return ThinConvolution
    return _faster(module) if to_image and type(module) is nn.Conv2d else None


def _faster(module: nn.Conv2d) -> Function | None:
    """A faster way than torch's through a convolution."""
    if is_of_pictures(module):
        return ImageConvolution
    return SmallConvolution if may_be_small(module) else None


def _is_global_average(module: nn.Module) -> bool:
    return type(module) is nn.AdaptiveAvgPool2d and module.output_size in (1, (1, 1), [1, 1])


def _gives_classes(module: nn.Module, classes: int) -> bool:
    return type(module) is nn.Conv2d and module.out_channels == classes >= 32 and is_plain(module)


class ThinHooks:
    """Hooks that put such layers into the graph in the thin way while a gradient is being recorded.

    Parameters
    ----------
    modules
        What is differentiated in the thin way.
    parts
        Convolutions of which only some channels are computed.

    Attributes
    ----------
    used : set of nn.Module
        What has been differentiated in the thin way.
    """

    of_a_pass = True

    def __init__(self, modules: Thin, parts: Mapping[nn.Module, Part] | None = None) -> None:
        self._thin, self._parts = modules, parts or {}
        self.used: set[nn.Module] = set()
        self._recording = False
        self._thread = threading.get_ident()
        self._input: Tensor | None = None
        watched = dict.fromkeys([*modules, *self._parts])
        self._handles = [module.register_forward_pre_hook(self._before) for module in watched]
        self._handles += [module.register_forward_hook(self._after) for module in watched]

    def remove(self) -> None:
        """Leave the modules as they were."""
        for handle in self._handles:
            handle.remove()

    def _before(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Tensor] | None:
        self._recording, self._input = False, None
        if threading.get_ident() != self._thread or len(args) != 1 or args[0].ndim != 4:
            return None  # somebody else runs the model meanwhile, perhaps to train it
        function, x = self._function_of(module), args[0]
        self._recording = (
            function is not None and torch.is_grad_enabled() and x.requires_grad and function.pays(module, x)
        )
        if self._recording:
            torch.set_grad_enabled(False)
        if module in self._parts or (self._recording and function in _WHOLE):
            self._input = x
            return (x[:0],)  # the module runs on no picture: its output tells the size
        return None

    def _after(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if threading.get_ident() != self._thread or not (self._recording or self._input is not None):
            return None
        x = args[0]
        if self._input is not None:
            x = self._input
            if module in self._parts:
                output = _some_channels(module, x, self._parts[module], output.shape[2:])
        if self._recording:
            torch.set_grad_enabled(True)
            self.used.add(module)
            return self._recorded(module, x, output)
        return output

    def _function_of(self, module: nn.Module) -> Function | None:
        return PartOfConvolution if module in self._parts else self._thin.get(module)

    def _recorded(self, module: nn.Module, x: Tensor, output: Tensor) -> Tensor:
        function: Function = self._function_of(module)
        more = [self._parts[module].channels] if module in self._parts else []
        made: Tensor = function.apply(x, output, module, *more)
        return made


def _some_channels(module: nn.Module, x: Tensor, part: Part, size: Sequence[int]) -> Tensor:
    """What a convolution makes of `x` in some of its channels."""
    conv: Any = module
    channels, found = part.channels, x
    if channels:
        bias = None if conv.bias is None else conv.bias[channels]
        found = functional.conv2d(x, conv.weight[channels], bias, conv.stride, conv.padding, conv.dilation)
    shape = (len(x), conv.out_channels, *size)
    output = torch.empty(shape, dtype=found.dtype, device=x.device, memory_format=torch.channels_last).fill_(part.rest)
    if channels:
        output[:, channels] = found
    return output


def lean_heads(model: nn.Module, classes: int, wanted: int) -> tuple[nn.Module, ...]:
    """Convolutions that give the classes and nobody else watches, where few of their channels are wanted."""
    return tuple(
        module
        for module in model.modules()
        if _gives_classes(module, classes) and wanted <= classes // 4 and not is_watched(module)
    )


def is_watched(module: nn.Module) -> bool:
    """Whether the user has hooks of their own: they may change what the module gives. Those of a pass in another thread are ours."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)  # noqa: SLF001
    return any(not getattr(getattr(hook, "__self__", None), "of_a_pass", False) for some in hooks for hook in some.values())
