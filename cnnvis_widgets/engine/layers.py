"""The layers of a model as one forward pass calls them: names, shapes, nesting, receptive fields."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .forward import Address, evaluating, lock_of, pick
from .receptive_field import FieldTracker, ReceptiveField

_PASSIVE = ("Dropout", "Identity", "Flatten")


@dataclass(frozen=True)
class Layer:
    """One call of one module.

    Attributes
    ----------
    name : str
        Dotted, as in `named_modules`; the second call of a module ends in `_1`, the third in `_2`, …. Parts of a
        structured output are `name[part]`.
    kind : str
        The class of the module.
    shape : tuple of int
        Of its output for one picture, without the batch axis, at the size the network takes.
    parent : str
        The block it is part of; "" at the top. Plain `Sequential`s are no blocks.
    container : bool
        A plain `Sequential`, whose output is that of its last part.
    receptive_field : ReceptiveField or None
        None if it sees the whole picture, has no spatial axes, or cannot be followed.
    channels_last : bool
        Whether its maps lie as (h, w, C), as in Swin.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parent: str
    container: bool
    receptive_field: ReceptiveField | None
    channels_last: bool
    address: Address = field(repr=False, compare=False)

    @property
    def channels(self) -> int:
        """How many units side by side: C of maps (C, h, w) or (h, w, C), of a vector (C,), of tokens (T, C)."""
        if len(self.shape) == 2 or (self.channels_last and self.shape):
            return self.shape[-1]
        return self.shape[0] if self.shape else 1

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its maps; (0, 0) without spatial axes."""
        if len(self.shape) != 3:
            return (0, 0)
        return (self.shape[0], self.shape[1]) if self.channels_last else (self.shape[1], self.shape[2])

    def channels_first(self, activation: Tensor) -> Tensor:
        """Its output, or a gradient of that shape, with the channels on axis 1: (N, C, h, w), (N, C, T) or (N, C)."""
        tokens = activation.ndim == 3
        return activation.movedim(-1, 1) if tokens or (self.channels_last and activation.ndim == 4) else activation

    def maps(self, activation: Tensor) -> Tensor:
        """Its output as maps (N, C, h, w): vectors become 1 × 1, tokens 1 × T."""
        activation = self.channels_first(activation)
        if activation.ndim == 4:
            return activation
        if activation.ndim == 3:
            return activation[:, :, None]
        return activation.reshape(len(activation), -1, 1, 1)

    @property
    def spatial(self) -> bool:
        """Whether its maps have more than one position."""
        return self.size[0] * self.size[1] > 1

    @property
    def passive(self) -> bool:
        """Whether it changes nothing in evaluation mode, or only pools."""
        return self.kind.startswith(_PASSIVE) or "Pool" in self.kind


def discover(model: nn.Module, x: Tensor) -> tuple[dict[str, Layer], set[str], Any]:
    """Run the model once and note every module call.

    Returns
    -------
    (layers by name in execution order, names of those whose output is overwritten in place later, the model's output)
    """
    watch = _Watch(model, x)
    with torch.inference_mode(mode=False), torch.no_grad(), lock_of(model), evaluating(model):
        output = watch.run()
    return watch.layers, watch.overwritten(), output


def before_pyramid(layers: Iterable[Layer]) -> str | None:
    """Where a backbone ends in maps of several sizes: the layer that all of them are made of, if it can be told.

    A feature pyramid is built on the last map of what lies inside it; without one, each map is made of the map before.
    """
    groups: dict[str, list[str]] = {}
    for layer in layers:
        if layer.name.endswith("]") and layer.spatial:
            groups.setdefault(layer.name.rpartition("[")[0], []).append(layer.name)
    several = {base: names for base, names in groups.items() if len(names) > 1}
    outer = next(iter(several), None)
    if outer is None:
        return None
    inner = next((base for base in several if base.startswith(f"{outer}.")), None)
    return several[inner][-1] if inner else several[outer][0]


class _Call:
    """A module call under way: its place in the order, and the block around it."""

    def __init__(self, module: nn.Module, parent: str, order: int) -> None:
        self.module, self.parent, self.order = module, parent, order
        self.name = ""


class _Watch:
    def __init__(self, model: nn.Module, x: Tensor) -> None:
        self.model, self.x = model, x
        self.names = {module: name for name, module in model.named_modules() if name}
        self.fields = FieldTracker(x)
        self.taken = set(self.names.values())
        self.stack: list[_Call] = []
        self.calls: dict[nn.Module, int] = {}
        self.rows: list[tuple[int, Layer]] = []
        self.outputs: dict[str, tuple[Tensor, int]] = {}
        self.order = 0
        self.thread = threading.get_ident()

    @property
    def layers(self) -> dict[str, Layer]:
        """By name, in the order in which the calls began."""
        return {layer.name: layer for _, layer in sorted(self.rows, key=lambda row: row[0])}

    def run(self) -> Any:
        handles = []
        for module in self.names:
            handles.append(module.register_forward_pre_hook(self._enter))
            handles.append(module.register_forward_hook(self._leave))
        try:
            with self.fields:
                return self.model(self.x)
        finally:
            for handle in handles:
                handle.remove()

    def overwritten(self) -> set[str]:
        """Layers whose output changed after they gave it: something wrote into it in place."""
        return {name for name, (tensor, version) in self.outputs.items() if tensor._version != version}

    def _enter(self, module: nn.Module, _args: Any) -> None:
        if threading.get_ident() != self.thread:
            return
        block = next((call for call in reversed(self.stack) if not is_container(call.module)), None)
        call = _Call(module, block.name if block else "", self.order)
        call.name = self._unique(module, len([c for c in self.stack if c.module is module]))
        self.stack.append(call)
        self.order += 1

    def _unique(self, module: nn.Module, nested: int) -> str:
        base, repeat = self.names[module], self.calls.get(module, 0) + nested
        if repeat == 0:
            return base
        name = f"{base}_{repeat}"
        while name in self.taken:
            name += "_"
        return name

    def _leave(self, module: nn.Module, _args: Any, output: Any) -> None:
        if threading.get_ident() != self.thread:
            return
        call = self.stack.pop()
        while call.module is not module:  # a call that failed, and whose error the model caught
            call = self.stack.pop()
        number = self.calls.get(module, 0)
        self.calls[module] = number + 1
        self.taken.add(call.name)
        for part in parts(output):
            tensor = pick(output, part)
            if isinstance(module, (nn.Linear, nn.LayerNorm)) and tensor.ndim == 4:
                self.fields.note_channels_last(tensor)  # they work along the last axis
            name = call.name if part is None else f"{call.name}[{part}]"
            self.outputs[name] = (tensor, tensor._version)
            layer = Layer(
                name=name,
                kind=type(module).__name__,
                shape=tuple(tensor.shape[1:]),
                parent=call.parent,
                container=is_container(module),
                receptive_field=self.fields.of(tensor) if tensor.ndim == 4 else None,
                channels_last=self.fields.has_channels_last(tensor),
                address=Address(name, module, number, part),
            )
            self.rows.append((call.order, layer))


def is_container(module: nn.Module) -> bool:
    """A plain `Sequential` only passes things on; subclasses of it are blocks with a meaning."""
    return type(module) is nn.Sequential


def parts(output: Any) -> list[str | int | None]:
    """The keys of the tensors in an output: [None] for a tensor, keys or indices one level down for structures."""
    if isinstance(output, Tensor):
        return [None]
    if isinstance(output, Mapping):
        return [key for key, value in output.items() if isinstance(value, Tensor)]
    if isinstance(output, (list, tuple)):
        return [index for index, value in enumerate(output) if isinstance(value, Tensor)]
    return []
