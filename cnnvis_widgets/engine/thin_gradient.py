"""Two layers that heads of networks have, differentiated for less than autograd takes; the numbers are the same.

The gradient of one class's score is zero in every channel but one of a convolution that gives the classes. Autograd
transposes the whole convolution all the same: for SqueezeNet that is a quarter of the cost of a forward pass. Here only the
channels whose gradient is not zero take part. And the gradient of a global average is one number a channel, which autograd
writes out for every position; here it is a view.
"""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_input


class ThinConvolution(torch.autograd.Function):
    """Puts a finished convolution into the graph. Differentiable with respect to its input alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, output: Tensor, module: nn.Conv2d) -> Tensor:
        """`output` is what `module` made of `x`; it is given back as a part of the graph."""
        ctx.module, ctx.shape = module, x.shape
        ctx.save_for_backward(module.weight)
        ctx.mark_dirty(output)
        return output

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


class GlobalAverage(torch.autograd.Function):
    """Puts a finished average over all positions into the graph."""

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


def thin_layers(model: nn.Module, classes: int | None) -> tuple[nn.Module, ...]:
    """Convolutions with as many channels as there are classes, where these are many, and global averages."""
    return tuple(
        module for module in model.modules() if _is_global_average(module) or _gives_classes(module, classes or 0)
    )


def _is_global_average(module: nn.Module) -> bool:
    return type(module) is nn.AdaptiveAvgPool2d and module.output_size in (1, (1, 1), [1, 1])


def _gives_classes(module: nn.Module, classes: int) -> bool:
    return (
        type(module) is nn.Conv2d
        and module.out_channels == classes >= 32
        and module.groups == 1
        and not isinstance(module.padding, str)
        and module.padding_mode == "zeros"
    )


class ThinHooks:
    """Hooks that put such layers into the graph in the thin way while a gradient is being recorded."""

    def __init__(self, modules: tuple[nn.Module, ...]) -> None:
        self._recording = False
        self._thread = threading.get_ident()
        self._handles = [module.register_forward_pre_hook(self._before) for module in modules]
        self._handles += [module.register_forward_hook(self._after) for module in modules]

    def remove(self) -> None:
        """Leave the modules as they were."""
        for handle in self._handles:
            handle.remove()

    def _before(self, _module: nn.Module, args: tuple[Any, ...]) -> None:
        if threading.get_ident() != self._thread:
            return  # somebody else runs the model meanwhile, perhaps to train it
        self._recording = torch.is_grad_enabled() and len(args) == 1 and args[0].ndim == 4 and args[0].requires_grad
        if self._recording:
            torch.set_grad_enabled(False)

    def _after(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if threading.get_ident() != self._thread or not self._recording:
            return None
        torch.set_grad_enabled(True)
        thin = ThinConvolution if isinstance(module, nn.Conv2d) else GlobalAverage
        made: Tensor = thin.apply(args[0], output, module)
        return made
