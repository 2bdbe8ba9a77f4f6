"""Convolutions whose way back torch takes slowly on a CPU, taken another way; the numbers are the same up to rounding.

Two kinds matter. The gradient of a *picture* is a transposed convolution into three channels, of which oneDNN computes sixteen;
here every position gives the gradient of a whole block of pixels, so that the sixteen are filled. And a single picture's *small*
maps are left by torch to a slow convolution of its own, in an order of memory that slows down what follows as well.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

_LANES = 16  # channels oneDNN computes at once
_BLOCKS = (1, 2, 4)
#: Below so many numbers in the gradient the picture's own way back is not worth its preparations.
_FEW = 150_000
#: torch leaves a single picture's convolution with a window up to 3 to its slow way below so many numbers (`ConvParams::use_mkldnn`).
_SMALL = 20_480
#: Below so many multiplications its slow way is the faster one.
_TINY = 8_000_000


class Axis(NamedTuple):
    """One axis of a convolution, transposed in blocks of pixels.

    Block p reads `window` rows of the gradient, from row p · `step` − `before` on. `taps` says of each pixel of a block through which
    tap of the kernel each of these rows reaches it; the kernel's size stands for none.
    """

    kernel: int
    block: int
    step: int
    window: int
    before: int
    taps: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, kernel: int, stride: int, padding: int, blocks: int) -> Axis:
        """For blocks of `blocks` × `stride` pixels."""
        block = blocks * stride
        first = -((kernel - 1 - padding) // stride)  # row r passes tap t on to pixel r · stride + t − padding
        window = (block - 1 + padding) // stride - first + 1
        rows = range(first, first + window)
        taps = tuple(
            tuple(tap if 0 <= (tap := pixel + padding - row * stride) < kernel else kernel for row in rows)
            for pixel in range(block)
        )
        return cls(kernel, block, blocks, window, -first, taps)


class FinishedConvolution(torch.autograd.Function):
    """Puts a finished convolution into the graph. Differentiable with respect to its input alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, output: Tensor, module: nn.Conv2d) -> Tensor:
        """`output` is what `module` made of `x`; it is given back as a part of the graph."""
        ctx.module, ctx.shape = module, x.shape
        ctx.save_for_backward(module.weight)
        ctx.mark_dirty(output)
        return output


class ImageConvolution(FinishedConvolution):
    """The convolution of a picture."""

    @staticmethod
    def pays(module: nn.Conv2d, x: Tensor) -> bool:
        """Whether it is faster than torch's way."""
        positions = math.prod(x.shape[2:]) // math.prod(module.stride)
        return on_onednn(x) and len(x) * positions * module.out_channels >= _FEW

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """(N, O, h, w) to (N, C, H, W)."""
        (weight,), module = ctx.saved_tensors, ctx.module
        return PictureGradient(weight, module.stride, module.padding)(gradients[0], ctx.shape), None, None


class SmallConvolution(torch.autograd.Function):
    """A convolution of a small map of one picture, by oneDNN there and back. Differentiable with respect to its input alone."""

    @staticmethod
    def pays(module: nn.Conv2d, x: Tensor) -> bool:
        """Whether torch would take its slow way."""
        if len(x) != 1 or x.numel() > _SMALL or not on_onednn(x):
            return False
        taps = math.prod(module.kernel_size) / math.prod(module.stride)
        return x.numel() * taps * module.out_channels >= _TINY

    @staticmethod
    def forward(ctx: Any, x: Tensor, _output: Tensor, module: nn.Conv2d) -> Tensor:
        """The convolution itself."""
        ctx.module, ctx.shape = module, x.shape
        ctx.save_for_backward(module.weight)
        x = x.contiguous(memory_format=torch.channels_last)
        weight, bias, padding = module.weight, module.bias, _padding(module)
        return torch.mkldnn_convolution(x, weight, bias, padding, module.stride, module.dilation, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The transposed convolution."""
        (gradient,), (weight,), module = gradients, ctx.saved_tensors, ctx.module
        lost = tuple(
            (size + 2 * padding - dilation * (kernel - 1) - 1) % stride
            for size, padding, dilation, kernel, stride in zip(
                ctx.shape[2:], module.padding, module.dilation, module.kernel_size, module.stride, strict=True
            )
        )
        made = functional.conv_transpose2d(
            gradient, weight, None, module.stride, module.padding, lost, 1, module.dilation
        )
        return made, None, None


def is_of_pictures(module: nn.Conv2d) -> bool:
    """Whether a convolution reads pictures in a way `PictureGradient` follows."""
    return (
        module.in_channels <= 4
        and module.dilation == (1, 1)
        and max(module.kernel_size) > 1
        and is_plain(module)
        and all(padding < kernel for kernel, padding in zip(module.kernel_size, _padding(module), strict=True))
    )


def may_be_small(module: nn.Conv2d) -> bool:
    """Whether torch could take its slow way with a convolution."""
    return is_plain(module) and max(module.kernel_size) > 1 and min(module.kernel_size) <= 3


class PictureGradient:
    """What pictures change a score by, whose gradient at the output of their convolution is given.

    The transposed convolution as a plain one: its outputs are the pixels of a block, its windows the positions that block was seen
    from, its weights the taps it was seen through.

    Parameters
    ----------
    weight
        (O, C, k, l) of that convolution.
    stride, padding
        Likewise.
    """

    def __init__(self, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]) -> None:
        self._channels = weight.shape[1]
        self._rows, self._columns = _axes(self._channels, (weight.shape[2], weight.shape[3]), stride, padding)
        self._written = _rewritten(weight, self._rows, self._columns)

    def __call__(self, gradient: Tensor, shape: torch.Size) -> Tensor:
        """(N, O, h, w) to that of pictures (N, C, H, W), whose shape is given."""
        rows, columns = self._rows, self._columns
        height, width = shape[2:]
        count = (-(-height // rows.block), -(-width // columns.block))
        reach = [
            (blocks - 1) * axis.step + axis.window - axis.before - size
            for blocks, axis, size in zip(count, (rows, columns), gradient.shape[2:], strict=True)
        ]
        # Padding is the same on both sides: where the end needs more, the beginning gets blocks beyond the picture, which are cut off.
        more = [max(0, -(-(need - axis.before) // axis.step)) for need, axis in zip(reach, (rows, columns), strict=True)]
        pads = [axis.before + blocks * axis.step for blocks, axis in zip(more, (rows, columns), strict=True)]
        found = functional.conv2d(gradient, self._written, None, (rows.step, columns.step), pads)
        found = found[..., more[0] : more[0] + count[0], more[1] : more[1] + count[1]]
        blocks = found.unflatten(1, (self._channels, rows.block, columns.block)).permute(0, 1, 4, 2, 5, 3)
        pixels = blocks.reshape(len(found), self._channels, count[0] * rows.block, count[1] * columns.block)
        return pixels[..., :height, :width]


def _rewritten(weight: Tensor, rows: Axis, columns: Axis) -> Tensor:
    """Weights (O, C, k, l) as (C · block pixels, O, window, window): each pixel's taps, zero where a position does not see it."""
    taps = _taps(rows, columns, weight.device)
    padded = functional.pad(weight, (0, 1, 0, 1)).flatten(2)
    chosen = padded[:, :, taps].transpose(0, 1)  # (C, O, block pixels · windows)
    shape = (weight.shape[1], weight.shape[0], rows.block * columns.block, rows.window, columns.window)
    return chosen.reshape(shape).transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)


@lru_cache(maxsize=64)
def _taps(rows: Axis, columns: Axis, device: torch.device) -> Tensor:
    """Where each tap stands in a kernel with a row and a column of zeros added, flattened: (block, block, window, window) likewise."""
    down, across = torch.tensor(rows.taps), torch.tensor(columns.taps)
    return (down[:, None, :, None] * (columns.kernel + 1) + across[None, :, None, :]).flatten().to(device)


@lru_cache(maxsize=64)
def _axes(
    channels: int, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> tuple[Axis, Axis]:
    """The blocks that cost least a pixel."""
    choices = [
        (Axis.of(kernel[0], stride[0], padding[0], down), Axis.of(kernel[1], stride[1], padding[1], across))
        for down, across in product(_BLOCKS, repeat=2)
    ]
    return min(choices, key=lambda pair: _cost(channels, *pair))


def _cost(channels: int, rows: Axis, columns: Axis) -> float:
    """Multiplications a pixel and channel of the gradient, those for nothing counted too."""
    pixels = rows.block * columns.block
    lanes = -(-channels * pixels // _LANES) * _LANES
    return lanes * rows.window * columns.window / pixels


def on_onednn(x: Tensor) -> bool:
    """Whether torch computes a convolution of `x` by oneDNN."""
    enabled: Any = torch.backends.mkldnn.enabled
    return x.device.type == "cpu" and x.dtype == torch.float32 and _HAS_ONEDNN and bool(enabled)


_HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch, "mkldnn_convolution")


def _padding(module: nn.Conv2d) -> tuple[int, int]:
    padding: Any = module.padding
    return padding[0], padding[1]


def is_plain(module: nn.Conv2d) -> bool:
    """Whether a convolution is of all channels, and pads with so many zeros."""
    return module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
