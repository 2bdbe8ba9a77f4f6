"""Modules and functions of torch, read as operations that can be computed in part."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .operations import AveragePool, Convolution, MaxPool, Operation, Pointwise, Window

#: Activations by the type of their module: (function, in place).
_MODULES: dict[type[nn.Module], tuple[Callable[..., Tensor], Callable[..., Tensor] | None]] = {
    nn.ReLU: (torch.relu, torch.relu_),
    nn.ReLU6: (functional.relu6, lambda x: x.clamp_(0, 6)),
    nn.Sigmoid: (torch.sigmoid, torch.sigmoid_),
    nn.Tanh: (torch.tanh, torch.tanh_),
    nn.SiLU: (functional.silu, lambda x: functional.silu(x, inplace=True)),
    nn.Hardswish: (functional.hardswish, lambda x: functional.hardswish(x, inplace=True)),
    nn.Hardsigmoid: (functional.hardsigmoid, lambda x: functional.hardsigmoid(x, inplace=True)),
    nn.Mish: (functional.mish, None),
    nn.Softsign: (functional.softsign, None),
    nn.LogSigmoid: (functional.logsigmoid, None),
    nn.Tanhshrink: (functional.tanhshrink, None),
}
#: Those with parameters, which the module itself applies; it holds nothing else.
_CALLED = (
    nn.LeakyReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.Hardtanh,
    nn.Softplus,
    nn.PReLU,
    nn.Threshold,
    nn.Hardshrink,
)
#: Modules that do nothing in evaluation mode.
IDLE = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)
#: Functions of one position, whatever further numbers they are given.
_POINTWISE: frozenset[Any] = frozenset(
    {
        torch.relu,
        torch.relu_,
        torch.sigmoid,
        torch.tanh,
        torch.abs,
        torch.exp,
        torch.sqrt,
        torch.neg,
        torch.clamp,
        operator.neg,
        abs,
        functional.relu,
        functional.relu_,
        functional.relu6,
        functional.leaky_relu,
        functional.elu,
        functional.selu,
        functional.celu,
        functional.gelu,
        functional.silu,
        functional.mish,
        functional.hardswish,
        functional.hardsigmoid,
        functional.hardtanh,
        functional.softplus,
        functional.sigmoid,
        functional.tanh,
        functional.threshold,
        "relu",
        "relu_",
        "sigmoid",
        "sigmoid_",
        "tanh",
        "tanh_",
        "abs",
        "exp",
        "sqrt",
        "neg",
        "clamp",
        "clamp_",
        "clamp_min",
        "clamp_min_",
        "float",
    }
)
#: Functions that write over what they are given, and those that do the same without.
_WITHOUT_WRITING: dict[Any, Callable[..., Tensor]] = {torch.relu_: torch.relu, functional.relu_: functional.relu}
#: Functions of two maps, or of a map and a number.
_PAIRED: dict[Any, Callable[..., Tensor]] = {
    operator.add: torch.add,
    operator.iadd: torch.add,
    torch.add: torch.add,
    "add": torch.add,
    "add_": torch.add,
    operator.sub: torch.sub,
    operator.isub: torch.sub,
    torch.sub: torch.sub,
    "sub": torch.sub,
    "sub_": torch.sub,
    operator.mul: torch.mul,
    operator.imul: torch.mul,
    torch.mul: torch.mul,
    "mul": torch.mul,
    "mul_": torch.mul,
    operator.truediv: torch.div,
    operator.itruediv: torch.div,
    torch.div: torch.div,
    "div": torch.div,
    "div_": torch.div,
    torch.maximum: torch.maximum,
    torch.minimum: torch.minimum,
}


def pointwise(target: Any) -> Callable[..., Tensor] | None:
    """A function of one position, by the function or the name of the method; None if it is none."""
    if target not in _POINTWISE:
        return None
    if not isinstance(target, str):
        return _WITHOUT_WRITING.get(target, target)
    name = target.removesuffix("_")
    return lambda x, *rest, **options: getattr(x, name)(*rest, **options)


def paired(target: Any) -> Callable[..., Tensor] | None:
    """A function of two maps, by the function or the name of the method; None if it is none."""
    return _PAIRED.get(target)


def writes_to_its_input(target: Any, options: dict[str, Any]) -> bool:
    """Whether a function or method overwrites its first argument."""
    if isinstance(target, str):
        return target.endswith("_") and not target.endswith("__")
    in_place = target in (operator.iadd, operator.isub, operator.imul, operator.itruediv, torch.relu_, functional.relu_)
    return in_place or bool(options.get("inplace"))


def activation(module: nn.Module) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor] | None] | None:
    """What an activation module does, and the same in place; None if it is none."""
    if type(module) in _MODULES:
        return _MODULES[type(module)]
    if type(module) in _CALLED:
        return _without_writing(module), None
    return None


def _without_writing(module: nn.Module) -> Callable[[Tensor], Tensor]:
    if getattr(module, "inplace", False):
        return lambda x: module(x.clone())
    return module


def convolution(name: str, source: str, module: nn.Conv2d) -> Convolution | None:
    """A convolution module as an operation; None if it pads otherwise than with zeros, or unevenly."""
    dilation, size = _both(module.dilation), _both(module.kernel_size)
    if isinstance(module.padding, str):
        extents = [d * (k - 1) for d, k in zip(dilation, size, strict=True)]
        if module.padding == "same" and any(extent % 2 for extent in extents):
            return None
        padding = (0, 0) if module.padding == "valid" else (extents[0] // 2, extents[1] // 2)
    else:
        padding = _both(module.padding)
    if module.padding_mode != "zeros" and any(padding):
        return None
    rows, columns = (
        Window(dilation[axis] * (size[axis] - 1) + 1, module.stride[axis], padding[axis]) for axis in (0, 1)
    )
    bias = None if module.bias is None else module.bias.detach().clone()
    weight = module.weight.detach().clone()
    return Convolution(name, [source], weight, bias, dilation, module.groups, rows=rows, columns=columns)


def max_pool(
    name: str, source: str, size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: Any = 0
) -> MaxPool:
    """A max pool as an operation."""
    size, dilation, padding = _both(size), _both(dilation), _both(padding)
    stride = _both(stride) if stride not in (None, [], ()) else size
    rows, columns = (Window(dilation[a] * (size[a] - 1) + 1, stride[a], padding[a]) for a in (0, 1))
    return MaxPool(name, [source], dilation, bool(ceil_mode), rows=rows, columns=columns, pad_value=-torch.inf)


def average_pool(
    name: str,
    source: str,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: Any = 0,
    count_include_pad: Any = 1,
    divisor_override: Any = None,
) -> AveragePool:
    """An average pool as an operation."""
    size, padding = _both(size), _both(padding)
    stride = _both(stride) if stride not in (None, [], ()) else size

    def pool(x: Tensor) -> Tensor:
        return functional.avg_pool2d(
            x, size, stride, padding, bool(ceil_mode), bool(count_include_pad), divisor_override
        )

    rows, columns = (Window(size[a], stride[a], padding[a]) for a in (0, 1))
    return AveragePool(name, [source], pool, rows=rows, columns=columns)


def _both(given: Any) -> tuple[int, int]:
    both = tuple(given) if isinstance(given, (tuple, list)) else (given, given)
    return (int(both[0]), int(both[-1]))


def module_operation(name: str, source: str, module: nn.Module) -> Operation | None:
    """A module with one input as an operation; None if it has to be computed whole."""
    if type(module) is nn.Conv2d:
        return convolution(name, source, module)
    if type(module) is nn.MaxPool2d and not module.return_indices:
        geometry = module.kernel_size, module.stride, module.padding, module.dilation
        return max_pool(name, source, *geometry, module.ceil_mode)
    if type(module) is nn.AvgPool2d:
        geometry_ = module.kernel_size, module.stride, module.padding
        counting = module.ceil_mode, module.count_include_pad, module.divisor_override
        return average_pool(name, source, *geometry_, *counting)
    if type(module) is nn.BatchNorm2d and module.running_mean is not None:
        scale, shift = (each.view(1, -1, 1, 1) for each in scale_and_shift(module))
        return Pointwise(name, [source], lambda x: torch.addcmul(shift, x, scale), safe=True)
    found = activation(module)
    return None if found is None else Pointwise(name, [source], *found, safe=True)


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What batch normalization with fixed statistics multiplies by and adds, (C,)."""
    mean, variance = norm.running_mean.detach(), norm.running_var.detach()  # type: ignore[union-attr]
    scale = torch.rsqrt(variance.double() + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.detach().double()
    shift = -mean.double() * scale
    if norm.bias is not None:
        shift = shift + norm.bias.detach().double()
    return scale.to(mean.dtype), shift.to(mean.dtype)
