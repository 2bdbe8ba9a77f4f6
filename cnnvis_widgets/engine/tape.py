"""Every operation that a forward pass does between the picture and its output, kept so that it can be undone by hand.

Torch's functions are met as they are called, so that the network may be written in any way: residual sums, concatenations,
functions, in-place operations. The record holds for one pass and changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_unflatten

#: A tensor on the way, numbered in the order in which they appear; an operation in place makes a new one.
Node: TypeAlias = int

_MAX_POOLS = (F.max_pool2d, torch.max_pool2d, F.adaptive_max_pool2d)


@dataclass(frozen=True, eq=False)
class Operation:
    """One call of a function.

    Attributes
    ----------
    function
        What was called, with `leaves` as its arguments (flattened; `structure` puts them together again).
    sources : dict
        Place among the leaves -> node: the arguments that depend on the picture.
    output : int
        The node made.
    shape : torch.Size
        Of the output.
    switches : Tensor or None
        For max-pooling, (1, C, rows, columns): the place of each winner in its plane.
    """

    function: Callable[..., Any]
    leaves: list[Any]
    structure: Any
    sources: dict[int, Node]
    output: Node
    shape: torch.Size
    part: int | None = None
    switches: Tensor | None = None

    @property
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """As it was called."""
        args, kwargs = tree_unflatten(self.leaves, self.structure)
        return args, kwargs

    def run(self, inputs: dict[int, Tensor]) -> Tensor:
        """The same call with other tensors in the places given."""
        leaves = [inputs.get(place, leaf) for place, leaf in enumerate(self.leaves)]
        args, kwargs = tree_unflatten(leaves, self.structure)
        made = self.function(*args, **kwargs)
        return made if self.part is None else made[self.part]


@dataclass
class Tape(TorchFunctionMode):
    """While open, notes what this thread's operations make of a picture.

    Attributes
    ----------
    operations : list of Operation
        In the order of execution.
    layers : dict
        Node -> the layer that has it as its output; the innermost, where several do.
    shapes : dict
        Node -> shape.
    prologue : int
        How many of the operations come before the model itself.
    """

    operations: list[Operation] = field(default_factory=list)
    layers: dict[Node, str] = field(default_factory=dict)
    shapes: dict[Node, torch.Size] = field(default_factory=dict)
    prologue: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self._nodes: dict[int, Node] = {}
        self._alive: list[Tensor] = []  # so that no id is used twice

    def follow(self, tensor: Tensor) -> Node:
        """Give a tensor its number."""
        node = len(self.shapes)
        self._nodes[id(tensor)] = node
        self._alive.append(tensor)
        self.shapes[node] = tensor.shape
        return node

    def node(self, tensor: Any) -> Node | None:
        """The number of a tensor, if it depends on the picture."""
        return self._nodes.get(id(tensor)) if isinstance(tensor, Tensor) else None

    def name(self, layer: str, tensor: Any) -> None:
        """Note that a tensor is the output of a layer."""
        node = self.node(tensor)
        if node is not None:
            self.layers.setdefault(node, layer)

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Called for every function of torch."""
        kwargs = kwargs or {}
        leaves, structure = tree_flatten((args, kwargs))
        sources = {place: node for place, leaf in enumerate(leaves) if (node := self.node(leaf)) is not None}
        if not sources:
            return func(*args, **kwargs)
        kept = [leaf.clone() if place in sources and _needs_values(func) else leaf for place, leaf in enumerate(leaves)]
        switches = _switches(func, args, kwargs) if func in _MAX_POOLS else None
        made = func(*args, **kwargs)
        for part, tensor in _tensors(made):
            if tensor.is_floating_point():
                before = self._nodes.get(id(tensor))
                if before is not None and before in sources.values() and not _in_place(func, tensor, leaves):
                    continue  # the same tensor handed on, as dropout does in evaluation mode
                operation = Operation(
                    func, kept, structure, sources, self.follow(tensor), tensor.shape, part, switches
                )
                self.operations.append(operation)
        return made


def _tensors(made: Any) -> Iterator[tuple[int | None, Tensor]]:
    if isinstance(made, Tensor):
        yield None, made
    elif isinstance(made, (tuple, list)):
        yield from ((part, each) for part, each in enumerate(made) if isinstance(each, Tensor))


def _in_place(func: Any, made: Tensor, leaves: list[Any]) -> bool:
    name = getattr(func, "__name__", "")
    written = name.endswith("_") and not name.endswith("__")
    asked = any(leaf is True for leaf in leaves)  # inplace=True
    return made is leaves[0] and (written or asked or name in ("__iadd__", "__isub__", "__imul__", "__itruediv__"))


def _needs_values(func: Any) -> bool:
    """Whether undoing it takes the numbers that went in; filters, sums and rectifiers need none."""
    return func not in _MAX_POOLS and getattr(func, "__name__", "") not in _LINEAR


_LINEAR = {"conv2d", "linear", "batch_norm", "relu", "relu_", "add", "add_", "__iadd__", "cat", "concat"}


def _switches(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    with torch.no_grad():
        if func is F.adaptive_max_pool2d:
            return F.adaptive_max_pool2d(args[0].float(), args[1] if len(args) > 1 else kwargs["output_size"], True)[1]  # noqa: FBT003
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        given = dict(zip(names, args[1:], strict=False)) | {key: kwargs[key] for key in names if key in kwargs}
        return F.max_pool2d(args[0].float(), **given, return_indices=True)[1]
