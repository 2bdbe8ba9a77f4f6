"""Which input pixels a unit sees, followed through a forward pass as it runs.

Every operation of one forward is watched, so any control flow works and no graph is traced. The arithmetic is that of
Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary


@dataclass(frozen=True)
class Span:
    """The field along one axis, in input pixels: a unit at position p sees `size` pixels around `start + jump * p`."""

    size: float
    jump: float
    start: float

    def window(self, kernel: int, stride: int, padding: int, dilation: int) -> Span:
        """After a convolution or pooling."""
        reach = (kernel - 1) * dilation
        start = self.start + (reach / 2 - padding) * self.jump
        return Span(self.size + reach * self.jump, self.jump * stride, start)

    def spread(self, kernel: int, stride: int, padding: int, dilation: int) -> Span:
        """After a transposed convolution: the union over the phases that its outputs have within a stride."""
        reach = (kernel - 1) * dilation
        jump = self.jump / stride
        return Span(self.size + reach * jump, jump, self.start + (padding - reach / 2) * jump)

    def scaled(self, factor: float, neighbors: int) -> Span:
        """After resampling by `factor` from so many neighbors on each side (1: bilinear, 2: bicubic)."""
        jump = self.jump / factor
        return Span(self.size + 2 * neighbors * self.jump, jump, self.start + (jump - self.jump) / 2)

    def union(self, other: Span) -> Span | None:
        """Seen by either; None where the two do not share a grid."""
        if abs(self.jump - other.jump) > 1e-6:
            return None
        low = min(self.start - self.size / 2, other.start - other.size / 2)
        high = max(self.start + self.size / 2, other.start + other.size / 2)
        return Span(high - low, self.jump, (low + high) / 2)


@dataclass(frozen=True)
class ReceptiveField:
    """The input pixels a unit sees, before clipping at the border of the picture."""

    rows: Span
    columns: Span

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """(top, left, bottom, right) in input pixels, unclipped, of the unit at (row, column)."""
        y, x = self.rows.start + self.rows.jump * row, self.columns.start + self.columns.jump * column
        half_height, half_width = self.rows.size / 2, self.columns.size / 2
        return y - half_height, x - half_width, y + half_height, x + half_width


class FieldTracker(TorchDispatchMode):
    """Watches a forward pass and knows the receptive field of every tensor in it.

    A tensor without an entry sees everything, or is not a picture: `of` returns None for it.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fields: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._last: WeakIdKeyDictionary = WeakIdKeyDictionary()  # tensors known to lie as (N, h, w, C)
        self._fields[image] = ReceptiveField(Span(1, 1, 0.5), Span(1, 1, 0.5))

    def of(self, tensor: Tensor) -> ReceptiveField | None:
        """The field of a tensor seen in this pass."""
        field = self._fields.get(tensor)
        return field if isinstance(field, ReceptiveField) else None

    def has_channels_last(self, tensor: Tensor) -> bool:
        """Whether the axes of a tensor seen in this pass are (N, h, w, C)."""
        return tensor in self._last

    def note_channels_last(self, tensor: Tensor) -> None:
        """Know this of a tensor; what is computed from it in the same shape is laid out alike."""
        self._last[tensor] = True

    def _follow_layout(self, func: Any, args: Sequence[Any], out: Tensor) -> None:
        if func.overloadpacket.__name__ == "permute":
            turned = list(args[1]) == [0, 2, 3, 1] and args[0] not in self._last
        else:
            turned = any(tensor.shape == out.shape and tensor in self._last for tensor in _tensors(args))
        if turned:
            self._last[out] = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, then note what its result sees."""
        out = func(*args, **(kwargs or {}))
        result = out[0] if isinstance(out, (tuple, list)) and out and isinstance(out[0], Tensor) else out
        if isinstance(result, Tensor) and result.ndim == 4:
            self._follow_layout(func, args, result)
        if isinstance(result, Tensor) and result.ndim >= 3:
            field = self._after(func, args, kwargs or {}, result)
            if field is not None:
                self._fields[result] = field
            elif result in self._fields:
                del self._fields[result]
        if isinstance(out, (tuple, list)) and result in self._fields:
            for part in out[1:]:
                if isinstance(part, Tensor) and part.shape[2:] == result.shape[2:]:
                    self._fields[part] = self._fields[result]
        return out

    def _after(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Tensor) -> ReceptiveField | None:
        rule = _RULES.get(func.overloadpacket.__name__)
        source = args[0] if args and isinstance(args[0], Tensor) else None
        if rule is not None and source is not None:
            field = self.of(source)
            return None if field is None else rule(field, args, kwargs, out)
        return self._pointwise(args, out)

    def _pointwise(self, args: Sequence[Any], out: Tensor) -> ReceptiveField | None:
        """Additions, joins, activations: the union of all inputs that lie on the same grid as the output."""
        fields = []
        for tensor in _tensors(args):
            if tensor.ndim == out.ndim and tensor.shape[2:] == out.shape[2:]:
                field = self.of(tensor)
                if field is None and tensor.shape[0] == out.shape[0] and not isinstance(tensor, torch.nn.Parameter):
                    return None
                if field is not None:
                    fields.append(field)
            elif tensor.ndim >= 3 and tensor.shape[-1] != 1 and tensor.shape[2:] != out.shape[2:]:
                return None
        if not fields:
            return None
        merged = fields[0]
        for field in fields[1:]:
            rows, columns = merged.rows.union(field.rows), merged.columns.union(field.columns)
            if rows is None or columns is None:
                return None
            merged = ReceptiveField(rows, columns)
        return merged


def _tensors(args: Sequence[Any]) -> list[Tensor]:
    flat: list[Tensor] = []
    for item in args:
        if isinstance(item, Tensor):
            flat.append(item)
        elif isinstance(item, (tuple, list)):
            flat.extend(part for part in item if isinstance(part, Tensor))
    return flat


def _two(value: Any, default: int) -> tuple[int, int]:
    value = [default] if value is None or value == [] else ([value] if isinstance(value, int) else list(value))
    return int(value[0]), int(value[-1])


def _windowed(field: ReceptiveField, kernel: Any, stride: Any, padding: Any, dilation: Any) -> ReceptiveField:
    kernel, padding, dilation = _two(kernel, 1), _two(padding, 0), _two(dilation, 1)
    stride = kernel if stride is None or stride == [] else _two(stride, 1)
    rows = field.rows.window(kernel[0], stride[0], padding[0], dilation[0])
    return ReceptiveField(rows, field.columns.window(kernel[1], stride[1], padding[1], dilation[1]))


def _get(args: Sequence[Any], index: int) -> Any:
    return args[index] if len(args) > index else None


def _convolution(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField | None:
    weight, stride, padding, dilation, transposed = args[1], args[3], args[4], args[5], args[6]
    if weight.ndim != 4:
        return None
    if transposed:
        kernel, stride, padding, dilation = weight.shape[2:], _two(stride, 1), _two(padding, 0), _two(dilation, 1)
        rows = field.rows.spread(kernel[0], stride[0], padding[0], dilation[0])
        return ReceptiveField(rows, field.columns.spread(kernel[1], stride[1], padding[1], dilation[1]))
    return _windowed(field, weight.shape[2:], stride, padding, dilation)


def _pool(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField:
    return _windowed(field, args[1], _get(args, 2), _get(args, 3), 1)


def _max_pool(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField:
    return _windowed(field, args[1], _get(args, 2), _get(args, 3), _get(args, 4))


def _adaptive(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField | None:
    return field if args[0].shape[2:] == out.shape[2:] else None


def _resample(neighbors: int) -> _Rule:
    def rule(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField:
        factors = [out.shape[axis] / args[0].shape[axis] for axis in (2, 3)]
        return ReceptiveField(field.rows.scaled(factors[0], neighbors), field.columns.scaled(factors[1], neighbors))

    return rule


def _sees_everything(*_: Any) -> None:
    return None


def _same_picture(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField | None:
    """Views, copies and channel shuffles: the grid stays if the last two sizes do."""
    same = args[0].ndim >= 3 and out.ndim >= 3 and args[0].shape[-2:] == out.shape[-2:]
    return field if same else None


def _cropped(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField | None:
    axis, start, step = _get(args, 1) or 0, _get(args, 2) or 0, _get(args, 4) or 1
    if axis not in (2, 3, -1, -2):
        return field
    if start < 0:
        start = max(0, start + args[0].shape[axis])
    span = field.rows if axis in (2, -2) else field.columns
    moved = Span(span.size, span.jump * step, span.start + span.jump * start)
    return ReceptiveField(moved, field.columns) if axis in (2, -2) else ReceptiveField(field.rows, moved)


def _padded(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField:
    pad = list(args[1]) + [0] * 4
    rows = Span(field.rows.size, field.rows.jump, field.rows.start - pad[2] * field.rows.jump)
    return ReceptiveField(
        rows, Span(field.columns.size, field.columns.jump, field.columns.start - pad[0] * field.columns.jump)
    )


_Rule = Callable[[ReceptiveField, Sequence[Any], dict[str, Any], Tensor], ReceptiveField | None]


def _turned(field: ReceptiveField, args: Sequence[Any], _: Any, out: Tensor) -> ReceptiveField | None:
    """Axes exchanged or reversed: the grid stays if rows and columns are not among them."""
    axes = args[1] if isinstance(args[1], (tuple, list)) else args[1:3]
    moved = [axis % out.ndim for axis in axes]
    if len(moved) == out.ndim:  # a permutation
        return field if moved[-2:] == [out.ndim - 2, out.ndim - 1] else None
    return None if {out.ndim - 2, out.ndim - 1} & set(moved) else field


_VIEWS = ("view", "_unsafe_view", "reshape", "clone", "_to_copy", "contiguous", "alias", "detach", "expand")
_RULES: dict[str, _Rule] = {
    "convolution": _convolution,
    "max_pool2d_with_indices": _max_pool,
    "max_pool2d": _max_pool,
    "avg_pool2d": _pool,
    "_adaptive_avg_pool2d": _adaptive,
    "adaptive_max_pool2d": _adaptive,
    "upsample_bilinear2d": _resample(1),
    "upsample_nearest2d": _resample(1),
    "upsample_bicubic2d": _resample(2),
    "slice": _cropped,
    **dict.fromkeys(("constant_pad_nd", "reflection_pad2d", "replication_pad2d"), _padded),
    **dict.fromkeys(("permute", "transpose", "flip"), _turned),
    "mean": _sees_everything,
    "sum": _sees_everything,
    "amax": _sees_everything,
    "roll": _sees_everything,
    "index": _sees_everything,
    "_softmax": _sees_everything,
    "bmm": _sees_everything,
    "mm": _sees_everything,
    "addmm": _sees_everything,
    "native_layer_norm": _sees_everything,
    **dict.fromkeys(_VIEWS, _same_picture),
}
