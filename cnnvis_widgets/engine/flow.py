"""A network as a list of operations, read off by torch.fx, with its own copy of the weights."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks

from .operations import Convolution, Join, Opaque, Operation, Pointwise
from .readings import (
    IDLE,
    average_pool,
    max_pool,
    module_operation,
    paired,
    pointwise,
    scale_and_shift,
    writes_to_its_input,
)

PICTURE = "picture"
_SHAPES = ("size", "dim", "numel")
_RELU = (functional.relu, functional.relu_, torch.relu, torch.relu_, "relu", "relu_")
#: What these return lies in the memory of what they are given.
_VIEWS = (
    *(
        "view",
        "view_as",
        "reshape",
        "transpose",
        "permute",
        "chunk",
        "split",
        "narrow",
        "select",
        "squeeze",
        "unsqueeze",
    ),
    *("expand", "flatten", "unbind", "detach", "swapaxes", "movedim", "unfold", "diagonal", "t"),
)


class FlowError(Exception):
    """Why a network cannot be written as a list of operations."""


@dataclass
class Flow:
    """What a network computes, in order.

    Attributes
    ----------
    operations : list of Operation
        In the order of computing; inputs are named by the operation they come from, the picture is `PICTURE`.
    output
        What the model returns, with names in place of tensors.
    calls : dict
        (module, how-manieth call) -> the name of its output.
    """

    operations: list[Operation]
    output: Any
    calls: dict[tuple[nn.Module, int], str]
    #: For which sizes of pictures its scores were compared with the network's own.
    trials: set[Any] = field(default_factory=set)
    #: How covers of pictures of one size were put together, by what that depends on; the same for every picture.
    prospects: dict[Any, Any] = field(default_factory=dict)
    #: The ways back through its convolutions, by name, as `round_trip` makes them.
    transposed: dict[str, Any] = field(default_factory=dict)

    def lean(self, head: nn.Module, classes: Sequence[int]) -> Flow | None:
        """With only some channels of a convolution that is called once; None if it is none of the operations."""
        name = self.calls.get((head, 0))
        if (head, 1) in self.calls or not any(
            each.name == name and isinstance(each, Convolution) for each in self.operations
        ):
            return None
        made = [each.of_channels(classes) if each.name == name else each for each in self.operations]  # type: ignore[attr-defined]
        return Flow(made, self.output, self.calls, self.trials, self.prospects)

    def lowered(self, dtype: torch.dtype) -> Flow:
        """With convolutions of lower precision; their weights are its own."""
        for operation in self.operations:
            if isinstance(operation, Opaque):
                operation.raised = True
            if isinstance(operation, Convolution):
                operation.weight = operation.weight.to(dtype)
                operation.bias = None if operation.bias is None else operation.bias.to(dtype)
        return self


#: While torch.fx follows a model, it has put something of its own in place of what every module's call does, in all threads.
_following = threading.Lock()


class _Tracer(fx.Tracer):
    """Follows a model with hooks of its own only down to the hooked modules, and notes where each module's output is.

    What other threads call meanwhile is not its business.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self.calls: dict[tuple[nn.Module, int], fx.Node] = {}
        self._count: dict[nn.Module, int] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_hooked(m) or super().is_leaf_module(m, module_qualified_name)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        found = super().call_module(m, forward, args, kwargs)
        call = self._count[m] = self._count.get(m, -1) + 1
        if isinstance(found, fx.Proxy):
            self.calls[m, call] = found.node
        return found

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What a module has by a name."""
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def is_hooked(module: nn.Module) -> bool:
    """Whether somebody else watches or changes what a module does."""
    return bool(module._forward_hooks or module._forward_pre_hooks) or "forward" in vars(module)  # noqa: SLF001


def read_flow(
    model: nn.Module,
    keep: Collection[tuple[nn.Module, int]] = (),
) -> Flow:
    """Write a model down as operations.

    Parameters
    ----------
    model
        In evaluation mode.
    keep
        Calls of modules whose output is wanted as it is: nothing is merged into them.

    Raises
    ------
    FlowError
        If torch.fx cannot follow the model.
    """
    if is_hooked(model) or _global_forward_hooks or _global_forward_pre_hooks:
        msg = "somebody else's hooks watch the whole model"
        raise FlowError(msg)
    tracer = _Tracer()
    try:
        with _following:
            graph = tracer.trace(model)
    except Exception as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        msg = f"torch.fx cannot follow the model ({first[0]})"
        raise FlowError(msg) from error
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if len([node for node in inputs if not node.args]) != 1:
        msg = f"the model takes {len(inputs)} inputs"
        raise FlowError(msg)
    kept = {tracer.calls[call] for call in keep if call in tracer.calls}
    _drop_idle(graph, model, kept, tracer.calls)
    _without_writing(graph, model)
    writer = _Writer(model, graph, kept)
    _let_fuse(writer.operations)
    calls = {call: writer.names[node] for call, node in tracer.calls.items() if node in writer.names}
    return Flow(writer.operations, writer.output, calls)


def _drop_idle(graph: fx.Graph, model: nn.Module, kept: set[fx.Node], calls: dict[Any, fx.Node]) -> None:
    """Take out what does nothing in evaluation mode: then what it returns and what it was given are one thing."""
    for node in list(graph.nodes):
        if node in kept or not _is_idle(node, model):
            continue
        source = node.args[0]
        node.replace_all_uses_with(source)
        for call, noted in list(calls.items()):
            if noted is node:
                calls[call] = source
        graph.erase_node(node)


def _is_idle(node: fx.Node, model: nn.Module) -> bool:
    if not node.args or not isinstance(node.args[0], fx.Node):
        return False
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        return type(module) in IDLE and not is_hooked(module) and len(node.args) == 1
    if node.op != "call_function":
        return False
    if node.target in (functional.dropout, functional.dropout2d):
        given = node.kwargs.get("training", node.args[2] if len(node.args) > 2 else True)
        return given is False
    if getattr(node.target, "__name__", "") == "stochastic_depth":
        given = node.kwargs.get("training", node.args[3] if len(node.args) > 3 else True)
        return given is False
    return False


def _without_writing(graph: fx.Graph, model: nn.Module) -> None:
    """Where an operation overwrites its input, whoever reads that input later reads the operation's output."""
    nodes = list(graph.nodes)
    place = {node: index for index, node in enumerate(nodes)}
    for node in nodes:
        if not node.args or not isinstance(node.args[0], fx.Node) or not _overwrites(node, model):
            continue
        source = node.args[0]
        if _is_view(source, model) or node.target is operator.setitem:
            msg = f"the model writes into a part of a tensor ({node.name})"
            raise FlowError(msg)
        for user in list(source.users):
            if place[user] > place[node]:
                user.replace_input_with(source, node)


def _is_view(node: fx.Node, model: nn.Module) -> bool:
    if node.op == "call_module":
        return type(model.get_submodule(str(node.target))) in (nn.Flatten, nn.Unflatten)
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return node.op in ("call_function", "call_method") and name in (*_VIEWS, "getitem", "getattr")


def _overwrites(node: fx.Node, model: nn.Module) -> bool:
    if node.op == "call_module":
        return bool(getattr(model.get_submodule(str(node.target)), "inplace", False))
    if node.target is operator.setitem:
        return True
    return node.op in ("call_function", "call_method") and writes_to_its_input(node.target, dict(node.kwargs))


def _let_fuse(operations: Sequence[Operation]) -> None:
    """Let convolutions apply their activations themselves, where nothing before them can make what is not a number."""
    doubtful: set[str] = set()
    for operation in operations:
        unsafe = isinstance(operation, Opaque) or not getattr(operation, "safe", True)
        if unsafe or doubtful.intersection(operation.inputs):
            doubtful.add(operation.name)
        elif isinstance(operation, Convolution):
            operation.fuses = True


class _Writer:
    """Writes the nodes of a graph down as operations, one after the other, merging what can be computed together."""

    def __init__(self, model: nn.Module, graph: fx.Graph, kept: set[fx.Node]) -> None:
        self.model, self.kept = model, kept
        self.operations: list[Operation] = []
        self.output: Any = None
        self.names: dict[fx.Node, str] = {}  # nodes that depend on the picture
        self._made: dict[fx.Node, Operation] = {}
        self._fixed: dict[fx.Node, Any] = {}  # nodes that do not
        for node in graph.nodes:
            self._write(node)

    def _write(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            if node.args:
                self._fixed[node] = node.args[0]
            else:
                self.names[node] = PICTURE
        elif node.op == "get_attr":
            self._fixed[node] = _attribute(self.model, str(node.target))
        elif node.op == "output":
            self.output = fx.map_arg(node.args[0], self._named)
        elif not any(each in self.names for each in node.all_input_nodes) and node.op != "call_module":
            self._fixed[node] = _called(node, self.model)(*_values(node, self._fixed))
        elif not self._merge(node):
            operation = self._operation(node)
            self.operations.append(operation)
            self.names[node], self._made[node] = node.name, operation

    def _named(self, node: fx.Node) -> Any:
        return Name(self.names[node]) if node in self.names else self._fixed[node]

    def _merge(self, node: fx.Node) -> bool:
        """Put normalization into the convolution before it, and an activation behind it, where nobody else reads that."""
        source = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        made = self._made.get(source) if source is not None else None
        if source is None or not isinstance(made, Convolution) or len(source.users) != 1 or source in self.kept:
            return False
        if made.then:
            return False
        if node.op == "call_module":
            module = self.model.get_submodule(str(node.target))
            if is_hooked(module):
                return False
            if type(module) is nn.BatchNorm2d and module.running_mean is not None:
                _fold(made, *scale_and_shift(module))
            elif type(module) in (nn.ReLU, nn.ReLU6):
                made.then = "relu" if type(module) is nn.ReLU else "relu6"
            else:
                return False
        elif node.target in _RELU:
            made.then = "relu"
        else:
            return False
        self.names[node], self._made[node] = self.names[source], made
        return True

    def _operation(self, node: fx.Node) -> Operation:
        local = self._local(node)
        if local is not None:
            return local
        inputs = [each for each in node.all_input_nodes if each in self.names]
        names = [self.names[each] for each in inputs]
        call = _called(node, self.model)
        fixed = self._fixed

        overwrites = _overwrites(node, self.model)

        def run(*values: Any) -> Any:
            own = [each.clone() if overwrites and isinstance(each, Tensor) else each for each in values]
            return call(*_values(node, fixed | dict(zip(inputs, own, strict=True))))

        weights = self.model.get_submodule(str(node.target)).parameters() if node.op == "call_module" else ()
        numbers = sum(each.numel() for each in weights)
        return Opaque(node.name, names, run, shape_only=_reads_shape(node), numbers=numbers)

    def _local(self, node: fx.Node) -> Operation | None:
        """The operation as one that can be computed in part; None if it is no such."""
        if node.op == "call_module":
            return self._local_module(node)
        source = node.args[0] if node.args else None
        if isinstance(source, fx.Node) and source in self.names:
            name, rest = self.names[source], node.args[1:]
            numbers = not any(isinstance(each, fx.Node) for each in [*rest, *node.kwargs.values()])
            function = pointwise(node.target)
            if function is not None and numbers:
                options = {key: value for key, value in node.kwargs.items() if key != "inplace"}
                return Pointwise(node.name, [name], lambda x: function(x, *rest, **options), safe=node.target in _RELU)
            if node.target is functional.max_pool2d and numbers and not node.kwargs.get("return_indices"):
                options = {key: value for key, value in node.kwargs.items() if key != "return_indices"}
                options["size"] = options.pop("kernel_size", rest[0] if rest else None)
                return max_pool(node.name, name, options.pop("size"), *rest[1:5], **options)
            if node.target is functional.avg_pool2d and numbers:
                options = dict(node.kwargs)
                size = options.pop("kernel_size", rest[0] if rest else None)
                return average_pool(node.name, name, size, *rest[1:], **options)
        return self._join(node)

    def _local_module(self, node: fx.Node) -> Operation | None:
        module = self.model.get_submodule(str(node.target))
        source = node.args[0] if node.args else None
        if len(node.args) != 1 or node.kwargs or not isinstance(source, fx.Node) or is_hooked(module):
            return None
        return module_operation(node.name, self.names[source], module) if source in self.names else None

    def _join(self, node: fx.Node) -> Operation | None:
        if node.op not in ("call_function", "call_method"):
            return None
        if node.target in (torch.cat, torch.concat):
            return self._concatenation(node)
        function = paired(node.target)
        if function is None or len(node.args) != 2 or set(node.kwargs) - {"alpha"}:
            return None
        changing = [each for each in node.args if isinstance(each, fx.Node) and each in self.names]
        combine = partial(function, **node.kwargs)
        if len(changing) == 2:
            safe = function in (torch.add, torch.sub, torch.mul)
            return Join(node.name, [self.names[each] for each in changing], combine, safe=safe)
        return self._with_a_number(node, changing[0], combine)

    def _with_a_number(self, node: fx.Node, changing: fx.Node, combine: Callable[..., Tensor]) -> Operation | None:
        """A map combined with what is the same at every position; None if it is not."""
        first = node.args[0] is changing
        other = node.args[1] if first else node.args[0]
        value = self._fixed.get(other) if isinstance(other, fx.Node) else other
        if not _same_everywhere(value):
            return None
        if first:
            return Pointwise(node.name, [self.names[changing]], lambda x: combine(x, value))
        return Pointwise(node.name, [self.names[changing]], lambda x: combine(torch.as_tensor(value).to(x), x))

    def _concatenation(self, node: fx.Node) -> Operation | None:
        given = node.args[0] if node.args else node.kwargs.get("tensors")
        axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        if not isinstance(given, (list, tuple)) or axis not in (1, -3):
            return None
        if not all(isinstance(each, fx.Node) and each in self.names for each in given):
            return None
        return Join(
            node.name, [self.names[each] for each in given], lambda *maps: torch.cat(maps, 1), concatenates=True
        )


def _fold(made: Convolution, scale: Tensor, shift: Tensor) -> None:
    made.weight = made.weight * scale.view(-1, 1, 1, 1)
    made.bias = shift if made.bias is None else made.bias * scale + shift


def _same_everywhere(value: Any) -> bool:
    """Whether a number, or a tensor with one entry a channel at most, is the same at every position."""
    if isinstance(value, (int, float)):
        return True
    if not isinstance(value, Tensor):
        return False
    shape = (1,) * (4 - value.ndim) + tuple(value.shape)
    return len(shape) == 4 and shape[0] == shape[2] == shape[3] == 1


def _attribute(model: nn.Module, path: str) -> Any:
    found: Any = model
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _called(node: fx.Node, model: nn.Module) -> Callable[..., Any]:
    """A function of (arguments, keywords) that does what a node does."""
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        return lambda args, kwargs: module(*args, **kwargs)
    if node.op == "call_method":
        return lambda args, kwargs: getattr(args[0], str(node.target))(*args[1:], **kwargs)
    return lambda args, kwargs: node.target(*args, **kwargs)  # type: ignore[operator]


def _values(node: fx.Node, known: dict[fx.Node, Any]) -> tuple[Any, Any]:
    """A node's arguments with values in place of nodes; tensors that may be overwritten are the operation's own."""
    return fx.map_arg(node.args, known.__getitem__), fx.map_arg(node.kwargs, known.__getitem__)


def _reads_shape(node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in _SHAPES
    return (
        node.op == "call_function" and node.target is getattr and node.args[1] in ("shape", "ndim", "device", "dtype")
    )


class Name(str):
    """The name of an operation, where what a model returns has its output."""

    __slots__ = ()
